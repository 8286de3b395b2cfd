"""Labelled documents as a benchmark: a file, a folder, and what is neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docqa.engine.errors import ConfigError, MissingError
from docqa.trainer.benchmarks.base import load_benchmark
from tests.answers.conftest import labelled_document, write_labelled


def test_every_dev_file_of_a_folder_is_a_benchmark(tmp_path: Path) -> None:
    write_labelled(tmp_path / "b.dev.jsonl.gz", 1)
    write_labelled(tmp_path / "a.dev.jsonl.gz", 2)
    write_labelled(tmp_path / "a.train.jsonl.gz", 3)
    found = list(load_benchmark("labelled", tmp_path).documents())
    assert [one.benchmark for one in found] == ["a.dev", "a.dev", "b.dev"]
    assert [one.category for one in found] == ["government", "creative", "government"]


def test_evidence_is_found_in_the_sentences(tmp_path: Path) -> None:
    (one,) = load_benchmark("labelled", write_labelled(tmp_path / "a.dev.jsonl.gz", 1)).documents()
    (span,) = one.questions[1].evidence
    (sentence,) = one.sentences_of(span)
    assert (
        one.document.sentence_text(sentence) == "Anstruther exported 100 casks of salted herring."
    )
    assert [question.is_answerable for question in one.questions] == [True, True, False]


def test_a_long_answer_is_asked_for_as_a_paragraph(tmp_path: Path) -> None:
    document = labelled_document(0)
    document["questions"][0]["answers"] = ["word " * 25]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")
    (one,) = load_benchmark("labelled", path).documents()
    assert [question.answer_kind for question in one.questions[:2]] == ["paragraph", "sentence"]


def test_a_folder_without_data_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"has no file \*\.dev\.jsonl"):
        load_benchmark("labelled", tmp_path)


def test_an_unknown_suite_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No benchmark 'labeled'. Choose one of: labelled, pub"):
        load_benchmark("labeled", tmp_path)
