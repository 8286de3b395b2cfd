"""Answers as Markdown and JSON, in files that appear whole and replace nothing unasked."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path

import pytest

from docqa.engine.errors import ConfigError, ExportError
from docqa.engine.exports import files
from docqa.engine.exports.files import new_file, write_text
from docqa.engine.exports.highlights import N_CLOSEST, highlights_of
from docqa.engine.exports.markdown import answer_markdown, escaped, questions_markdown
from docqa.engine.exports.questions import ExportedQuestion
from docqa.engine.exports.record_json import questions_json
from docqa.engine.exports.write import ExportFormat, choose_document, export_file
from docqa.engine.library.record import RecordedDocument
from docqa.engine.types import Document
from tests.pdfs import asked


@pytest.fixture
def question(report: Document) -> ExportedQuestion:
    return asked(report, "What was the total revenue in 2021?", 7)


def written_by_a_model(question: ExportedQuestion, answer: str) -> ExportedQuestion:
    record = dataclasses.replace(question.record, generator="llama", answer=answer, model="m.gguf")
    return dataclasses.replace(question, record=record)


def test_an_answer_as_markdown_names_question_pages_and_columns(
    question: ExportedQuestion,
) -> None:
    text = questions_markdown([question])
    assert text.startswith("# What was the total revenue in 2021?\n")
    assert "Question 7, 2026-11-21 05:14 UTC, asked of Widget Works 2021 (3 pages" in text
    assert "not read: p. 3" in text
    assert "## Cited" in text
    assert "> |  | 2021 | 2020 |\n> | --- | ---: | ---: |\n> | Total revenue | 1,577 | 1,373 |" in (
        text
    )
    assert "**\\[1\\] p. 2** · § Consolidated results" in text
    assert text.endswith("Pages count from the first of the file.*\n")


def test_a_conversation_as_markdown_has_one_title_and_a_section_a_question(
    question: ExportedQuestion, report: Document
) -> None:
    text = questions_markdown([question, asked(report, "Who is the chief executive?", 8)])
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[0] == "# Questions about Widget Works 2021"
    assert "## Who is the chief executive?" in headings
    assert questions_markdown([question], "My notes").startswith("# My notes\n")


def test_an_abstention_says_so_and_shows_the_closest_passages(question: ExportedQuestion) -> None:
    record = dataclasses.replace(question.record, abstained=True, answer="It does not say.")
    text = questions_markdown([dataclasses.replace(question, record=record)])
    assert "**No answer.** It does not say." in text
    assert "## Closest passages" in text
    assert "## Cited" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b*c [1] <x> `y` | z", "a\\_b\\*c \\[1\\] \\<x\\> \\`y\\` \\| z"),
        ("# 5", "\\# 5"),
        ("- item\n1. item", "\\- item\n\\1. item"),
        ("plain 1.5", "plain 1.5"),
    ],
)
def test_words_of_a_document_are_no_markup(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_models_markdown_stays_but_loads_nothing(question: ExportedQuestion) -> None:
    answer = "**Revenue** was 1,577 [1].\n\n- if a < b ![x](http://host/leak) <img src=y>"
    shown = answer_markdown(written_by_a_model(question, answer).record)
    assert "**Revenue** was 1,577 [1]." in shown
    assert "a < b" in shown
    assert "\\![x\\](http" in shown
    assert "\\<img" in shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("see [here](http://host)", "see [here\\](http://host)"),
        ("see [here\\](http://host)", "see [here\\](http://host)"),
        ("see [here\\\\](http://host)", "see [here\\\\\\](http://host)"),
        ("\\<b> \\\\<img src=x>", "\\<b> \\\\\\<img src=x>"),
        ("[1]: http://host", "[1\\]: http://host"),
        ("so it is [1] (p. 3) [2].", "so it is [1] (p. 3) [2]."),
    ],
)
def test_links_a_model_made_up_lead_nowhere(
    question: ExportedQuestion, written: str, shown: str
) -> None:
    assert answer_markdown(written_by_a_model(question, written).record) == shown


def test_nothing_in_the_file_steers_a_terminal(question: ExportedQuestion) -> None:
    said = written_by_a_model(question, "It is \x1b]52;c;ZXZpbA==\x1b\\ so.")
    titled = tuple(dataclasses.replace(one, title="a\x9bb") for one in said.record.documents)
    hostile = dataclasses.replace(said, record=dataclasses.replace(said.record, documents=titled))
    for text in (questions_markdown([hostile]), questions_markdown([hostile, hostile])):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
        assert "]52;c" in text


def test_an_answer_that_cites_nothing_is_marked(question: ExportedQuestion) -> None:
    said = written_by_a_model(question, "Revenue rose.")
    bare = tuple(dataclasses.replace(one, quotes=()) for one in said.record.evidence)
    record = dataclasses.replace(said.record, evidence=bare)
    assert "**Unsupported:**" in questions_markdown([dataclasses.replace(said, record=record)])
    assert "**Unsupported:**" not in questions_markdown([said])


def test_json_is_an_array_of_what_ask_prints(question: ExportedQuestion) -> None:
    (one,) = json.loads(questions_json([question]))
    assert one["number"] == 7
    assert one["asked_at"].startswith("2026-11-21")
    assert one["evidence"][0]["text"] == "Total revenue | 1,577 | 1,373"
    assert one["evidence"][0]["cited"]


def test_a_file_that_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    write_text(path, "one")
    with pytest.raises(ExportError, match=r"exists already.*--force"):
        write_text(path, "two")
    assert path.read_text() == "one"
    write_text(path, "two", overwrite=True)
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    for overwrite in (False, True):
        with pytest.raises(ExportError, match="no file, but a device or pipe"):
            write_text(tmp_path / "pipe.md", "x", overwrite=overwrite)
    assert (tmp_path / "pipe.md").is_fifo()


def test_a_file_that_comes_into_being_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.md"

    def write() -> None:
        with new_file(path) as partial:
            partial.write_text("ours")
            path.write_text("theirs")

    with pytest.raises(ExportError, match="exists already"):
        write()
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_links_gets_the_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.os, "link", no_link)
    write_text(tmp_path / "a.md", "one")
    assert (tmp_path / "a.md").read_text() == "one"


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def write() -> None:
        with new_file(tmp_path / "a.md") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"), [("", "is a folder"), ("none/a.md", "There is no folder")]
)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        write_text(tmp_path / name, "x")


def test_a_document_without_a_file_cannot_be_marked(
    question: ExportedQuestion, report: Document, tmp_path: Path
) -> None:
    out = tmp_path / "a.pdf"
    with pytest.raises(ExportError, match=r"no longer at /shelf/ww\.pdf"):
        export_file([question], ExportFormat.PDF, out, load=lambda _: report)
    assert not out.exists()


def test_which_document_is_marked_is_asked_when_it_is_not_clear(
    question: ExportedQuestion,
) -> None:
    record = question.record
    other = RecordedDocument("cd34" * 16, "Other report", None, 1, 1, 0, ())
    found = dataclasses.replace(record.evidence[0], document_id=other.id)
    both = dataclasses.replace(
        record, documents=(*record.documents, other), evidence=(*record.evidence, found)
    )
    two = [dataclasses.replace(question, record=both)]
    with pytest.raises(ConfigError, match=r"2 documents: Widget Works 2021 .*; Other report"):
        choose_document(two, "")
    assert choose_document(two, "other").id == other.id
    assert choose_document(two, "ab12").title == "Widget Works 2021"
    with pytest.raises(ConfigError, match="No evidence is from 'third'"):
        choose_document(two, "third")
    nothing = [dataclasses.replace(question, record=dataclasses.replace(record, evidence=()))]
    with pytest.raises(ExportError, match="no evidence"):
        choose_document(nothing, "")


def test_a_sentence_found_by_two_questions_is_marked_once(
    question: ExportedQuestion, report: Document
) -> None:
    again = asked(report, "Total revenue?", 8)
    marks = highlights_of([question, again], report.id, report)
    (row,) = [mark for mark in marks if mark.text.startswith("Total revenue")]
    assert row.cited
    assert row.box == (10.0, 20.5, 300.0, 32.0)
    assert row.note.count("Question: ") == 2
    assert highlights_of([question], report.id, None)[0].box is None
    assert highlights_of([question], "other", report) == []


def test_of_an_abstention_only_the_closest_are_marked(
    question: ExportedQuestion, report: Document
) -> None:
    record = dataclasses.replace(
        question.record,
        abstained=True,
        evidence=tuple(
            dataclasses.replace(question.record.evidence[0], rank=n + 1, start=n, quotes=())
            for n in range(N_CLOSEST + 3)
        ),
    )
    marks = highlights_of([dataclasses.replace(question, record=record)], report.id, report)
    assert len(marks) == N_CLOSEST
    assert not any(mark.cited for mark in marks)
