"""`docqa ask --hops` and `docqa bench hops`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.unit.test_hops import ANSWERS, LEADS_ON, QUESTION, shipping

ASK = ("ask", QUESTION, "shipping.txt", "--retriever", "bm25", "--words", "60")


@pytest.fixture(autouse=True)
def document(tmp_path: Path) -> None:
    (tmp_path / "shipping.txt").write_text(shipping().text, encoding="utf-8")


def hops_of(stdout: str) -> dict[str, int]:
    return {one["text"]: one["hop"] for one in json.loads(stdout)["evidence"]}


def test_a_second_reading_is_the_default_and_can_be_forbidden(docqa: Run) -> None:
    found = hops_of(docqa(*ASK, "--json").stdout)
    assert (found[LEADS_ON], found[ANSWERS]) == (1, 2)
    once = hops_of(docqa(*ASK, "--json", "--hops", "1").stdout)
    assert ANSWERS not in once
    assert set(once.values()) == {1}


def test_the_setting_holds_as_word_or_number(docqa: Run, tmp_path: Path) -> None:
    (tmp_path / "docqa.toml").write_text("hops = 1\n", encoding="utf-8")
    assert ANSWERS not in hops_of(docqa(*ASK, "--json").stdout)
    assert ANSWERS in hops_of(docqa(*ASK, "--json", "--hops", "auto").stdout)
    (tmp_path / "docqa.toml").write_text("hops = 7\n", encoding="utf-8")
    result = docqa(*ASK)
    assert result.exit_code == 2
    assert "hops = '7'" in result.stderr


def test_a_person_is_told_what_was_read_for(docqa: Run) -> None:
    result = docqa(*ASK)
    assert ANSWERS in " ".join(result.stdout.split())
    assert ", second reading)" in result.stdout
    assert "Read twice: what was found led on to “home port vessel Kestrin”." in result.stderr
    once = docqa(*ASK, "--hops", "1")
    assert "second reading" not in once.stdout
    assert "Read twice" not in once.stderr
    shown = docqa("history", "show", "1").stdout
    assert ", second reading)" in shown


def test_the_benchmark_prints_a_table_and_json(docqa: Run, tmp_path: Path) -> None:
    question = {"id": "q", "question": QUESTION, "evidence": [[0, 9]]}
    line = {"doc_id": "d", "text": shipping().text, "questions": [question]}
    (tmp_path / "a.dev.jsonl").write_text(json.dumps(line), encoding="utf-8")
    asked = ("bench", "hops", "a.dev.jsonl", "--retriever", "bm25", "--limit", "3")
    report = json.loads(docqa(*asked, "--seed", "1", "--seed", "2", "--json").stdout)
    assert (report["retriever"], report["seeds"]) == ("bm25", [1, 2])
    assert [row["kind"] for row in report["overall"]] == ["one place", "two places"]
    table = docqa(*asked).stdout.splitlines()
    assert table[0].startswith("file")
    assert "@500 hops auto" in table[0]
    assert len(table) == 5


def test_the_benchmark_knows_questions_in_the_words_of_their_document(
    docqa: Run, tmp_path: Path
) -> None:
    text = "2024 | 2023\nTotal net sales | 1,577 | 1,373\nNet income | 92 | 11\n"
    question = {"id": "q", "question": "How high was the top line?", "evidence": [[12, 27]]}
    line = {"doc_id": "d", "text": text, "questions": [question]}
    (tmp_path / "a.dev.jsonl").write_text(json.dumps(line), encoding="utf-8")
    done = docqa("bench", "hops", "a.dev.jsonl", "--retriever", "bm25", "--limit", "1", "--json")
    assert done.exit_code == 0, done.stderr
    (row,) = [row for row in json.loads(done.stdout)["overall"] if row["kind"] == "one place"]
    assert row["seconds"]["1"] > 0
