"""Short answers with the checkpoint that ships: few words, verbatim, on the right page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.unit.test_hops import QUESTION as CHAINED
from tests.unit.test_hops import shipping

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "assets" / "sample" / "harrow-point-ferries.pdf"
Run = Callable[..., Result]


def ask(docqa: Run, question: str, *more: str) -> dict[str, Any]:
    result = docqa("ask", question, str(SAMPLE), "--json", "--quiet", *more)
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.mark.parametrize(
    ("question", "words", "more"),
    [
        (
            "How much did the purchase of new vessels cost in 2024?",
            "(18,640)",
            " in thousands (p. 9)",
        ),
        (
            "How much did the purchase of new vessels cost in 2023?",
            "(6,200)",
            " in thousands (p. 9)",
        ),
    ],
)
def test_a_figure_of_the_right_year_opens_the_answer(
    docqa: Run, question: str, words: str, more: str
) -> None:
    answer = ask(docqa, question)
    short, sentence = answer["answer"].splitlines()
    assert short == words + more
    assert sentence.endswith(more[-6:])
    (citation,) = answer["citations"]
    assert citation["quote"] == words
    (cited,) = [one for one in answer["evidence"] if one["cited"]]
    assert citation["quote"] in cited["text"]


def test_a_question_for_an_explanation_keeps_its_sentences(docqa: Run) -> None:
    answer = ask(docqa, "How does the fare formula work?")
    assert answer["citations"]
    for citation in answer["citations"]:
        texts = [one["text"] for one in answer["evidence"]]
        assert citation["quote"] in texts


def test_what_a_second_reading_found_answers(docqa: Run, tmp_path: Path) -> None:
    path = tmp_path / "shipping.txt"
    path.write_text(shipping().text, encoding="utf-8")
    result = docqa("ask", CHAINED, str(path), "--words", "60", "--quiet")
    assert result.stdout.startswith("Ostwin (p. 1)\n")


def test_bm25_alone_quotes_sentences(docqa: Run) -> None:
    answer = ask(
        docqa, "How much did the purchase of new vessels cost in 2024?", "--retriever", "bm25"
    )
    texts = {one["sentence"]: one["text"] for one in answer["evidence"]}
    assert answer["citations"]
    assert all(one["quote"] == texts[one["sentence"]] for one in answer["citations"])
