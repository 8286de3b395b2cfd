"""`docqa train data` with a real model file, in this process and behind a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from docqa.trainer.dataset import read_documents

pytestmark = pytest.mark.llama

COMMAND = (
    "train",
    "data",
    "story.txt",
    "--out",
    "run",
    "--strategy",
    "chunk",
    "--language",
    "any",
    "--json",
)
STORY = " ".join(f"Bo sold ship {i}." for i in range(16))
"""Short, because every second letter is a token here."""


def test_a_model_file_asks_and_marks(
    docqa: Callable[..., Result], write_model: Callable[..., Path]
) -> None:
    """It says the same to both prompts, and each is read for what it was asked."""
    model = write_model(
        "QUESTION: Who painted the Aurora white?\nLIST: 3\nANSWER: Cy Berg", context_tokens=8192
    )
    Path("story.txt").write_text(STORY)
    done = docqa(*COMMAND, "--generator", "llama", "--model", str(model), "--answer-tokens", "64")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == model.name
    assert [one["kept"] for one in report["stages"].values()] == [1, 1]
    assert all(one["prompt_tokens"] > 0 for one in report["stages"].values())
    (document,) = read_documents(Path(report["data"]))
    (question,) = document.questions
    assert (question.question, question.answers) == ("Who painted the Aurora white?", ("Cy Berg",))
    assert document.sentences_of(question.evidence[0]) == [2]


def test_llama_takes_one_call_at_a_time(docqa: Callable[..., Result], tiny_model: Path) -> None:
    Path("story.txt").write_text(STORY)
    done = docqa(*COMMAND, "--generator", "llama", "--model", str(tiny_model), "--workers", "2")
    assert done.exit_code == 2
    assert "2 calls at a time were asked for" in done.stderr


def test_a_real_server_is_asked_and_what_is_of_no_use_counted(
    docqa: Callable[..., Result], llama_server: str
) -> None:
    """The server's model says one sentence to everything, which is no question."""
    Path("story.txt").write_text(STORY)
    server = ("--generator", "openai", "--base-url", llama_server, "--workers", "2")
    done = docqa(*COMMAND, *server, "--answer-tokens", "32", "--context-tokens", "2048")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    (stage,) = report["stages"].values()
    assert (stage["asked"], stage["failed"], stage["parsed"]) == (1, 0, 0)
    assert stage["dropped"] == {"no question found": 1}
    assert report["questions"] == 0
