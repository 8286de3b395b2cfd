"""What one question scores, by hand; the intervals; the order of chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from docqa.trainer.answers.intervals import macro_estimate
from docqa.trainer.answers.run_file import Asked
from docqa.trainer.answers.scoring import measure

PLAIN = Asked(
    benchmark="b",
    category="",
    document="d",
    document_words=10,
    id="1",
    question="When?",
    answers=("in 1700", "1700 AD"),
    answer_kind="sentence",
    choices=(),
    is_answerable=True,
    facts={},
    context="[1] x",
    evidence=((0, 1.0),),
    evidence_words=1,
    evidence_recall=0.5,
    recall_words={},
    reciprocal_rank=None,
    draft=None,
    seconds=0.0,
)
CHOICE = {"answer_kind": "choice", "choices": ("tar", "salt"), "answers": ("salt",)}
NOWHERE = {"is_answerable": False, "answers": ()}


@pytest.mark.parametrize(
    ("fields", "answer", "verdict", "has_judge", "expected"),
    [
        ({}, "1700 AD", "DECISION: YES", True, {"accuracy": 1, "f1": 1, "exact_match": 1}),
        ({}, "In 1700.", "DECISION: NO", True, {"accuracy": 0, "f1": 1, "subspan_match": 1}),
        ({}, "1700", "DECISION: hm", True, {"accuracy": 0, "f1": 2 / 3, "subspan_match": 0}),
        ({}, "1700", None, True, {"accuracy": None, "f1": 2 / 3}),
        ({}, "1700 AD", None, False, {"accuracy": None, "exact_match": 1, "refused": 0}),
        ({}, "NOT FOUND", None, True, {"accuracy": 0, "f1": 0, "refused": 1}),
        ({}, "NOT FOUND", None, False, {"accuracy": None, "f1": 0, "refused": 1}),
        (NOWHERE, "NOT FOUND", None, True, {"accuracy": 1, "refused_rightly": 1, "f1": None}),
        (NOWHERE, "In 1700", None, True, {"accuracy": 0, "refused_rightly": 0, "refused": None}),
        (CHOICE, "B", None, False, {"accuracy": 1, "f1": None, "exact_match": None}),
        (CHOICE, "A", None, True, {"accuracy": 0, "f1": None}),
        (CHOICE, "both", None, False, {"accuracy": 0}),
        (CHOICE, "the white one", "DECISION: YES", True, {"accuracy": 1}),
        ({"draft": ""}, "", None, False, {"refused": 1, "f1": 0}),
        ({"draft": "Not found."}, "Not found.", None, False, {"refused": 0}),
        ({"answers": ()}, "1700", None, True, {"accuracy": None, "f1": None}),
    ],
)
def test_measures_of_one_answer(
    fields: dict[str, Any],
    answer: str,
    verdict: str | None,
    has_judge: bool,
    expected: dict[str, float | None],
) -> None:
    found = measure(replace(PLAIN, **fields), answer, verdict, has_judge=has_judge)
    assert {name: found.get(name) for name in expected} == pytest.approx(expected)
    assert found["evidence_recall"] == 0.5


def test_a_question_without_an_answer_yet_has_its_recall_alone() -> None:
    assert measure(PLAIN, None, None, has_judge=True) == {"evidence_recall": 0.5}


def test_the_mean_over_benchmarks_counts_each_the_same() -> None:
    found = macro_estimate({"small": [("d", 1.0)], "large": [(str(i), 0.0) for i in range(99)]}, 0)
    assert found.mean == 0.5
    assert found.n_questions == 100


def test_the_interval_is_that_of_the_binomial() -> None:
    """Of 400 questions, half right, each on a document of its own: 0.5 ± 1.96 * 0.025."""
    found = macro_estimate({"b": [(str(i), float(i % 2)) for i in range(400)]}, 0)
    assert found.low == pytest.approx(0.451, abs=0.008)
    assert found.high == pytest.approx(0.549, abs=0.008)


def test_documents_are_drawn_whole() -> None:
    """Ten documents of forty equal questions are ten observations, not four hundred."""
    values = [(str(i), float(i % 2)) for i in range(10) for _ in range(40)]
    found = macro_estimate({"b": values}, 0)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.158, abs=0.09)


def test_the_seed_decides_the_interval() -> None:
    values = {"b": [(str(i), float(i % 3 == 0)) for i in range(50)]}
    assert macro_estimate(values, 1) == macro_estimate(values, 1)
    assert macro_estimate(values, 1) != macro_estimate(values, 2)


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="nothing"):
        macro_estimate({}, 0)
