"""Answers from evidence beside answers from whole documents, by a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from docqa.trainer.benchmarks.efficiency import efficiency_needles
from tests.generators.scripted_server import said, serving

Run = Callable[..., Result]
CHAT = "/v1/chat/completions"
BENCH = ("bench", "efficiency", "--lengths", "1000,6000", "--questions", "1", "--retriever", "bm25")


def test_reading_everything_takes_more_calls(docqa: Run, tmp_path: Path) -> None:
    """A window of 4,096 tokens holds the evidence, and not a document of 6,000."""
    benchmark = efficiency_needles((), (1_000, 6_000), 1, 0)
    (*_, long_document) = benchmark.documents()
    asked = long_document.questions[0].answers[0]
    reply = said(f"It produced {asked.replace(',', '')} tonnes [1].", prompt_tokens=3_000)
    with serving({CHAT: reply}) as server:
        made = docqa(*BENCH, "--generator", "openai", "--base-url", server.url, "--json",
                     "--plot", "costs.svg", "--context-tokens", "4096")  # fmt: skip
        prompts = server.prompts()
    assert made.exit_code == 0, made.stderr
    report = json.loads(made.stdout)
    assert (report["suite"], report["generator"], report["model"]) == (
        "efficiency", "openai", "tiny",
    )  # fmt: skip
    short, long = report["lengths"]
    assert short["evidence"]["prompt_tokens"] == long["evidence"]["prompt_tokens"] == 3_000
    n_calls = long["full"]["prompt_tokens"] // 3_000
    assert n_calls > 3
    assert len(prompts) == 2 + short["full"]["prompt_tokens"] // 3_000 + n_calls
    assert (long["evidence"]["right"], long["full"]["right"]) == (1.0, 1.0)
    assert (short["evidence"]["right"], short["full"]["right"]) == (0.0, 0.0)
    assert long["full"]["retrieve_seconds"] == 0.0
    drawn = (tmp_path / "costs.svg").read_text(encoding="utf-8")
    assert "full: prompt tokens" in drawn
    assert "<script" not in drawn


def test_a_person_gets_a_table(docqa: Run) -> None:
    with serving({CHAT: said("Nobody says [1].")}) as server:
        made = docqa(*BENCH, "--lengths", "1000", "--generator", "openai", "--base-url", server.url)
    assert made.exit_code == 0, made.stderr
    assert made.stdout.splitlines()[0].startswith("openai tiny with 500 words of evidence by bm25")
    assert "unknown" in made.stdout, "the server tells no tokens"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "The strategy 'full' needs a language model"),
        (("--strategy", "direct"), "Both strategies are measured"),
    ],
)
def test_what_cannot_be_compared(docqa: Run, options: tuple[str, ...], message: str) -> None:
    result = docqa(*BENCH, *options)
    assert result.exit_code == 2
    assert message in result.stderr
