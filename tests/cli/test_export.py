"""`docqa history export`: answers in files for readers, programs and PDF viewers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest
from click.testing import Result

from tests.pdfs import SAMPLE

Run = Callable[..., Result]
QUESTION = "How many employees did the company have?"


@pytest.fixture
def asked(docqa: Run) -> Run:
    """A library with two questions."""
    for question in (QUESTION, "What did the company pay for new vessels?"):
        result = docqa("ask", question, str(SAMPLE), "--retriever", "bm25", "--quiet")
        assert result.exit_code == 0, result.stderr
    return docqa


def test_one_answer_as_markdown_on_stdout(asked: Run) -> None:
    result = asked("history", "export", "1", "--format", "md")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"# {QUESTION}\n")
    assert "## Cited" in result.stdout
    assert "*Question 1, 20" in result.stdout


def test_the_format_follows_the_name_of_the_file(asked: Run, tmp_path: Path) -> None:
    for name in ("a.md", "a.json", "a.jsonl", "a.pdf"):
        result = asked("history", "export", "2", "1", "--out", name)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == ""
    assert (tmp_path / "a.md").read_text().count("\n## ") == 2
    assert [one["number"] for one in json.loads((tmp_path / "a.json").read_text())] == [2, 1]
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [2, 1]
    with pymupdf.open(tmp_path / "a.pdf") as pdf:
        notes = [annotation.info["content"] for page in pdf for annotation in page.annots()]
    assert any(QUESTION in note for note in notes)


def test_without_a_number_all_are_exported_oldest_first(asked: Run) -> None:
    lines = asked("history", "export").stdout.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2]
    whole = json.loads(asked("history", "export", "--format", "json").stdout)
    assert [one["number"] for one in whole] == [1, 2]


@pytest.mark.parametrize("name", ["a.md", "a.json", "a.jsonl", "a.pdf"])
def test_a_file_that_exists_is_kept_unless_forced(asked: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("theirs")
    result = asked("history", "export", "1", "--out", name)
    assert result.exit_code == 1
    assert result.stderr == (
        f"docqa: {name} exists already. Choose another name, or allow replacing it (--force).\n"
    )
    assert (tmp_path / name).read_text() == "theirs"
    assert asked("history", "export", "1", "--out", name, "--force").exit_code == 0
    assert (tmp_path / name).read_bytes() != b"theirs"


def test_what_was_written_is_said_on_stderr(asked: Run) -> None:
    result = asked("history", "export", "1", "--out", "marked.pdf")
    assert result.stderr.startswith("Wrote marked.pdf: ")
    assert "highlights in a copy of Harrow Point Ferries" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("9",), 1, "No question 9 in the history"),
        (("1", "--format", "pdf"), 2, "add --out FILE"),
        (("1", "--out", "none/a.md"), 1, "There is no folder none"),
        (("1", "--out", "a.pdf", "--document", "other"), 2, "No evidence is from 'other'"),
    ],
)
def test_wrong_use_is_one_clear_line(
    asked: Run, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = asked("history", "export", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_an_empty_history_says_so(docqa: Run) -> None:
    result = docqa("history", "export")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No question was asked yet." in result.stderr
