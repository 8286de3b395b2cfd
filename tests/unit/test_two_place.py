"""Planted questions that two places answer, and what reading on is measured to be worth."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from docqa.engine.errors import MissingError
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.trainer.benchmarks.base import BenchmarkQuestion
from docqa.trainer.benchmarks.chains import KINDS, invent_names
from docqa.trainer.benchmarks.two_place import N_ASKED, N_CHAINS, TwoPlaceBenchmark, load
from docqa.trainer.hops import ONE_PLACE, SEVERAL, TWO_PLACES, bench_hops, kind_of

WORDS = "the harbour council met again and spoke of boats nets fish rain prices and repairs".split()


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two documents of plain sentences, each with a question whose answer stands in one place."""
    chooser = random.Random(5)
    records = []
    for number in range(2):
        lines = [" ".join(chooser.choices(WORDS, k=9)).capitalize() + "." for _ in range(150)]
        lines[60] = f"The lighthouse keeper{'s' * number} earned forty crowns a month."
        text = "\n".join(lines)
        start = text.index(lines[60])
        question = {
            "id": f"q{number}",
            "question": "What did the lighthouse keeper earn?",
            "answers": ["forty crowns"],
            "evidence": [[start, start + len(lines[60])]],
            "answerable": True,
        }
        records.append({"doc_id": f"d{number}", "text": text, "questions": [question]})
    path = tmp_path_factory.mktemp("data") / "harbour.dev.jsonl"
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def test_both_sentences_are_planted_far_apart_among_others_of_their_form(labelled: Path) -> None:
    (first, second) = load(labelled).documents()
    assert (first.benchmark, first.document.title) == ("harbour.dev", "d0")
    for one in (first, second):
        assert len(one.questions) == N_ASKED
        assert len(one.document.sentences) == 150 + 2 * N_CHAINS
        for question in one.questions:
            places = [one.sentences_of(span) for span in question.evidence]
            (a,), (b,) = places
            assert abs(a - b) > len(one.document.sentences) / 4
            (value,) = question.answers
            assert value in one.document.sentence_text(b)
            assert value not in one.document.sentence_text(a)
            assert value not in question.question


def test_the_name_between_them_is_in_both_and_not_in_the_question(labelled: Path) -> None:
    for one in TwoPlaceBenchmark(labelled, seed=3).documents():
        for question in one.questions:
            a, b = (set(one.document.text[slice(*span)].strip(".").split())
                    for span in question.evidence)  # fmt: skip
            names = {word.strip(",.") for word in a & b if word[0].isupper()}
            assert any(name not in question.question for name in names)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_must(kind: object) -> None:
    assert all("{a}" in one and "{b}" in one and "{value}" not in one for one in kind.first)  # type: ignore[attr-defined]
    assert all("{b}" in one and "{value}" in one and "{a}" not in one for one in kind.second)  # type: ignore[attr-defined]
    assert all("{a}" in one and "{b}" not in one for one in kind.questions)  # type: ignore[attr-defined]


def test_a_seed_plants_the_same_and_another_one_something_else(labelled: Path) -> None:
    def texts(seed: int) -> list[str]:
        return [one.document.text for one in TwoPlaceBenchmark(labelled, seed).documents()]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)
    assert len(list(TwoPlaceBenchmark(labelled, limit=1).documents())) == 1


def test_names_are_new_and_each_comes_once() -> None:
    names = invent_names(random.Random(0), 300, "")
    assert len({name.lower() for name in names}) == 300
    again = invent_names(random.Random(0), 300, " ".join(names[:10]))
    assert not set(names[:10]) & set(again)


def test_a_place_without_documents_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="labelled documents"):
        load(tmp_path / "nothing")


def test_reading_on_is_measured_where_it_helps_and_where_it_must_not_run(labelled: Path) -> None:
    done: list[tuple[str, int, int]] = []
    report = bench_hops(
        [labelled],
        BM25Retriever(),
        limit=6,
        seeds=(0, 1),
        on_progress=lambda *now: done.append(now),
    )
    one_place, two_places = report["files"]
    assert [row["kind"] for row in report["files"]] == [ONE_PLACE, TWO_PLACES]
    assert [row | {"file": "overall"} for row in report["files"]] == report["overall"]
    assert (one_place["questions"], two_places["questions"]) == (4, 12)
    assert done[-1] == ("harbour.dev.jsonl", 16, 24)
    assert one_place["read_again"] == {"1": 0, "auto": 0, "2": 0}
    assert set(one_place["budgets"]["500"]["recall"].values()) == {1}
    within = two_places["budgets"]["500"]
    assert within["all_places"]["2"] == 1
    assert within["all_places"]["1"] <= within["all_places"]["auto"]
    assert len(within["by_seed"]["auto"]) == 2
    assert two_places["read_again"]["2"] > 0


def test_evidence_far_apart_stands_in_several_places() -> None:
    def asked(*spans: tuple[int, int]) -> BenchmarkQuestion:
        return BenchmarkQuestion("q", "?", (), evidence=spans)

    assert kind_of(asked((0, 5))) == ONE_PLACE
    assert kind_of(asked((0, 5), (100, 110))) == ONE_PLACE
    assert kind_of(asked((0, 5), (9000, 9010))) == SEVERAL
