"""`docqa ask` from the outside."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from click.testing import Result

Run = Callable[..., Result]

NOTE = """Widget Works annual report

We make widgets. Jane Doe is our chief executive.
Total revenue was $12.5 million in 2021.
Our head office is in Springfield.
"""
ASK = ("ask", "--retriever", "bm25")


@pytest.fixture
def note(tmp_path: Path) -> str:
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    return "note.txt"


@pytest.fixture
def pdf(tmp_path: Path) -> str:
    with pymupdf.open() as document:
        for text in ("We make widgets.", "Jane Doe is our chief executive.", "The end is near."):
            document.new_page().insert_text((72, 72), text)
        document.save(tmp_path / "report.pdf")
    return "report.pdf"


def test_json_has_the_agreed_shape(docqa: Run, pdf: str) -> None:
    result = docqa(*ASK, "Who is the chief executive?", pdf, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert list(answer) == [
        "question",
        "answer",
        "abstained",
        "confidence",
        "documents",
        "evidence",
        "citations",
        "unsupported",
        "retriever",
        "generator",
        "seconds",
    ]
    (document,) = answer["documents"]
    assert list(document) == ["id", "title", "path", "pages", "words", "tokens", "unread_pages"]
    assert (document["pages"], document["tokens"], document["unread_pages"]) == (3, 0, [])
    best = answer["evidence"][0]
    assert list(best) == [
        "rank",
        "document",
        "page",
        "sentence",
        "start",
        "end",
        "text",
        "score",
        "cited",
        "hop",
        "last_page",
    ]
    assert (best["rank"], best["document"], best["page"]) == (1, document["id"], 2)
    assert best["cited"] is True
    assert answer["retriever"] == {
        "name": "bm25",
        "checkpoint": None,
        "device": "cpu",
        "tokens_per_second": 0.0,
        "hops": 1,
        "further": [],
    }
    assert answer["generator"] == {"name": "extractive", "model": None, "strategy": "direct"}
    assert list(answer["seconds"]) == ["ingest", "retrieve", "generate", "total"]


def test_offsets_count_in_the_page_as_library_show_prints_it(docqa: Run, pdf: str) -> None:
    answer = json.loads(docqa(*ASK, "Who is the chief executive?", pdf, "--json").stdout)
    for evidence in answer["evidence"]:
        page = docqa("library", "show", evidence["document"], "--page", str(evidence["page"]))
        assert page.stdout[evidence["start"] : evidence["end"]] == evidence["text"]


def test_an_answer_for_a_person(docqa: Run, note: str) -> None:
    result = docqa(*ASK, "What was the total revenue in 2021?", note, "--quiet", "--top-k", "2")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == "Total revenue was $12.5 million in 2021. (p. 1)"
    assert lines[2] == "Cited"
    assert lines[3].startswith("  1. note, p. 1  (score ")
    assert "     Total revenue was $12.5 million in 2021." in lines


def test_narration_goes_to_stderr(docqa: Run, note: str) -> None:
    result = docqa(*ASK, "Where is the head office?", note)
    assert "Read note: 1 page" in result.stderr
    assert "Kept as question 1." in result.stderr
    assert "Kept as" not in result.stdout
    assert "\x1b" not in result.stderr  # no progress bar where there is no terminal


def test_a_file_that_is_there_is_not_read_again(docqa: Run, note: str, tmp_path: Path) -> None:
    docqa(*ASK, "Where is the head office?", note)
    (tmp_path / note).rename(tmp_path / "moved.txt")
    again = docqa(*ASK, "Where is the head office?", "moved.txt")
    assert "Read note" not in again.stderr
    assert again.exit_code == 0


def test_without_a_document_the_last_one_is_asked(docqa: Run, note: str, pdf: str) -> None:
    docqa("ingest", note, pdf)
    docqa(*ASK, "Where is the head office?", "note")
    answer = json.loads(docqa(*ASK, "Who is the chief executive?", "--json").stdout)
    assert answer["documents"][0]["title"] == "note"


def test_a_question_that_leans_on_the_one_before_is_read_with_it(docqa: Run, note: str) -> None:
    docqa("ingest", note)
    Path("more.txt").write_text("The fee was 5 in 2020.\nIt was 6 in 2021.\n", encoding="utf-8")
    docqa(*ASK, "What was the total revenue?", note)
    result = docqa(*ASK, "And in 2021?", "--json")
    assert "Read together with the question before it: What was the total revenue?" in result.stderr
    answer = json.loads(result.stdout)
    assert (answer["question"], answer["answer"]) == (
        "And in 2021?",
        "Total revenue was $12.5 million in 2021. (p. 1)",
    )
    again = docqa(*ASK, "And in 2021?")  # the one before leans itself
    assert "before it: What was the total revenue?" in again.stderr
    alone = (
        ("And in 2021?", note),  # a document named is a new beginning
        ("And in 2021?", "more.txt"),
        ("And in 2020?",),  # nothing was asked of this document that stands on its own
        ("What was the fee in 2021?",),
    )
    for arguments in alone:
        assert "Read together" not in docqa(*ASK, *arguments).stderr


def test_several_documents_are_read_and_named(docqa: Run, note: str, pdf: str) -> None:
    answer = json.loads(
        docqa(*ASK, "Who is the chief executive?", note, pdf, note, "--json").stdout
    )
    assert [document["title"] for document in answer["documents"]] == ["note", "report"]
    assert len({evidence["document"] for evidence in answer["evidence"]}) == 2


def test_text_on_stdin(docqa: Run) -> None:
    result = docqa(*ASK, "Where is the head office?", "-", "-q", stdin=NOTE)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Our head office is in Springfield.")


@pytest.mark.parametrize(("stdin", "message"), [(" \n", "empty"), (b"\xff\xfe\xff", "not UTF-8")])
def test_text_on_stdin_that_cannot_be_used(docqa: Run, stdin: str | bytes, message: str) -> None:
    result = docqa(*ASK, "Where?", "-", stdin=stdin)
    assert result.exit_code == 1
    assert message in result.stderr


def test_an_abstention_is_no_failure_and_looks_different(
    docqa: Run, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docqa.engine.pipeline.confidence", lambda *_: 0.01)
    monkeypatch.setattr("docqa.app.session.abstention_threshold", lambda _: 0.5)
    result = docqa(*ASK, "What is the boiling point of iron?", note, "-q")
    assert result.exit_code == 0
    assert result.stdout.startswith("No answer. ")
    assert "Closest passages" in result.stdout
    assert "Cited" not in result.stdout
    answer = json.loads(docqa(*ASK, "What is the boiling point of iron?", "--json").stdout)
    assert answer["abstained"] is True
    assert not any(evidence["cited"] for evidence in answer["evidence"])


def test_control_characters_of_a_document_do_not_reach_the_terminal(docqa: Run) -> None:
    text = "The office is in \x1b]0;owned\x07Spring\x9bfield\u202e today.\n"
    shown = docqa(*ASK, "Where is the office?", "-", "-q", stdin=text).stdout
    as_json = docqa(*ASK, "Where is the office?", "--json").stdout
    for output in (shown, as_json):
        assert not {"\x1b", "\x07", "\x9b"} & set(output)
    assert "\u202e" not in shown
    assert json.loads(as_json)["evidence"][0]["text"] == text.strip()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("ask",), 2, "Missing argument"),
        (("ask", "  "), 2, "The question is empty"),
        (("ask", "note.txt", "Where?"), 2, "the question comes first"),
        (("ask", "Where?"), 2, "the library is empty"),
        (("ask", "Where?", "missing.pdf"), 1, "No file missing.pdf"),
        (("ask", "Where?", "nothing"), 1, "no stored document 'nothing'"),
        (("ask", "Where?", "."), 2, "docqa ingest ."),
        (("ask", "Where?", "-", "-"), 2, "once"),
        (("ask", "Where?", "note.txt", "--top-k", "0"), 2, "top-k"),
        (("ask", "Where?", "note.txt", "--top-k", "5", "--words", "9"), 2, "exclude"),
        (("ask", "Where?", "note.txt", "--retriever", "psychic"), 2, "psychic"),
        (("ask", "Where?", "note.txt", "--checkpoint", "none"), 3, "No checkpoint folder none"),
        (
            ("ask", "Where?", "note.txt", "--retriever", "bm25", "--checkpoint", "x"),
            2,
            "no use with the retriever bm25",
        ),
        (("ask", "Where?", "note.txt", "--strategy", "scratchpad"), 2, "scratchpad"),
        (("ask", "Where?", "note.txt", "--retriever", "bm25", "--generator", "llama"), 3, "llama"),
        (("nonsense",), 2, "No such command"),
        (("ask", "Where?", "--library", "."), 1, "Cannot use the library"),
    ],
)
def test_wrong_use(
    docqa: Run, note: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = docqa(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("question", ["手" * 86, "Wie " * 80 + "?", "Who is\0 it?"])
def test_a_question_too_long_for_a_file_name_is_a_question(
    docqa: Run, note: str, question: str
) -> None:
    result = docqa(*ASK, question, note, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["question"] == question.strip()


def test_a_document_named_too_long_for_a_file(docqa: Run, note: str) -> None:
    result = docqa(*ASK, "Where?", "x" * 300)
    assert (result.exit_code, "no stored document" in result.stderr) == (1, True)
    result = docqa("ingest", "x" * 300)
    assert (result.exit_code, "No file xxx" in result.stderr) == (1, True)


def test_a_question_that_is_not_utf_8_is_asked_without_what_is_no_text(
    docqa: Run, note: str
) -> None:
    result = docqa(*ASK, os.fsdecode(b"Where is the caf\xe9 office?"), note, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["question"] == "Where is the caf\ufffd office?"


def test_a_folder_that_may_not_be_looked_into_is_no_bug(
    docqa: Run, note: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked(monkeypatch, "secret")
    for arguments in ((*ASK, "Where?", "secret/note.txt"), ("ingest", "secret/note.txt")):
        result = docqa(*arguments)
        assert result.exit_code == 1
        assert "Cannot read secret/note.txt: Permission denied" in result.stderr


def locked(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """Let the system refuse to look at anything in a folder: root, who may all, tests too."""
    stat = os.stat

    def refuse(path: Any, *more: Any, **options: Any) -> os.stat_result:
        if not isinstance(path, int) and folder in Path(os.fsdecode(path)).parts[:-1]:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fsdecode(path))
        return stat(path, *more, **options)

    monkeypatch.setattr(os, "stat", refuse)


@pytest.mark.skipif(os.name == "nt", reason="no folder goes while one is in it")
def test_a_current_folder_that_is_gone_is_no_bug(docqa: Run, tmp_path: Path) -> None:
    tmp_path.rmdir()
    for arguments in (("library", "list"), (*ASK, "Where?", "note.txt")):
        result = docqa(*arguments)
        assert (result.exit_code, result.stderr) == (
            1,
            "docqa: The current folder is gone. Go to another one: cd\n",
        )


def test_an_interrupted_question_keeps_nothing(
    docqa: Run, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("docqa.engine.retrievers.bm25.BM25Retriever.score", interrupt)
    result = docqa(*ASK, "Where?", note)
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert docqa("history", "list", "--json").stdout.strip() == "[]"


def test_an_unexpected_error_is_one_line(
    docqa: Run, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docqa.engine.retrievers.bm25.BM25Retriever.score", lambda *_, **__: 1 / 0)
    result = docqa(*ASK, "Where?", note, "-q")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "ZeroDivisionError" in result.stderr
