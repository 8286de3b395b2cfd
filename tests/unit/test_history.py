"""Questions, conversations, waiting files and the bin of a library."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from docqa.engine.errors import FileProblem
from docqa.engine.generators.base import load_generator
from docqa.engine.library.file_queue import FileState, QueuedFile
from docqa.engine.library.migrations import MIGRATIONS
from docqa.engine.library.record import Record, make_record
from docqa.engine.library.store import Store
from docqa.engine.pipeline import ask
from docqa.engine.retrievers.retriever import load_retriever
from docqa.engine.types import Document


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def store(path: Path, report: Document) -> Iterator[Store]:
    with Store(path) as store:
        store.add(report)
        yield store


def record_of(document: Document, question: str = "Who is the chief?") -> Record:
    answer = ask(question, [document], load_retriever("bm25"), load_generator("extractive"))
    return make_record(
        answer,
        [document],
        n_tokens={},
        model=None,
        strategy="direct",
        ingest_seconds=0.0,
        total_seconds=0.1,
    )


def test_a_question_is_kept_before_it_is_answered(
    store: Store, path: Path, report: Document
) -> None:
    conversation = store.start_conversation()
    store.note_question("Who is the chief?", [report.id], conversation)
    with Store(path) as other:  # as after a crash
        (kept,) = other.unanswered(conversation)
        assert (kept.question, kept.document_ids, kept.reason) == (
            "Who is the chief?",
            (report.id,),
            "",
        )
        assert other.recent_questions(n_questions=5) == ["Who is the chief?"]
        assert other.questions() == []


def test_the_answer_takes_the_place_of_the_question(store: Store, report: Document) -> None:
    conversation = store.start_conversation()
    first = store.note_question("Who is the chief?", [report.id], conversation)
    second = store.note_question("What is made?", [report.id], conversation)
    asked_at = store.unanswered(conversation)[0].asked_at
    record = record_of(report)
    number = store.add_record(record, conversation_id=conversation, unanswered_id=first)
    assert [one.id for one in store.unanswered(conversation)] == [second]
    assert store.records_of(conversation) == [(number, record)]
    assert store.questions()[0].asked_at == asked_at
    (kept,) = store.conversations()
    assert (kept.id, kept.first_question, kept.n_questions) == (
        conversation,
        "Who is the chief?",
        2,
    )


def test_answers_stand_in_the_order_of_asking(store: Store, report: Document) -> None:
    conversation = store.start_conversation()
    slow = store.note_question("Slow?", [report.id], conversation)
    quick = store.note_question("Quick?", [report.id], conversation)
    store.add_record(record_of(report, "Quick?"), conversation_id=conversation, unanswered_id=quick)
    store.add_record(record_of(report, "Slow?"), conversation_id=conversation, unanswered_id=slow)
    assert [r.question for _, r in store.records_of(conversation)] == ["Slow?", "Quick?"]


def test_a_failed_and_a_withdrawn_question(store: Store, report: Document) -> None:
    conversation = store.start_conversation()
    failed = store.note_question("Failed?", [report.id], conversation)
    withdrawn = store.note_question("Withdrawn?", [report.id], conversation)
    store.explain_unanswered(failed, "No checkpoint.")
    store.withdraw_question(withdrawn)
    assert [(q.question, q.reason) for q in store.unanswered(conversation)] == [
        ("Failed?", "No checkpoint.")
    ]


def test_a_conversation_without_questions_is_not_shown(store: Store) -> None:
    store.start_conversation()
    assert store.conversations() == []


def test_each_recent_question_comes_once_the_last_asked_last(
    store: Store, report: Document
) -> None:
    for question in ("One?", "Two?", "One?"):
        store.add_record(record_of(report, question))
    assert store.recent_questions(n_questions=5) == ["Two?", "One?"]
    assert store.recent_questions(n_questions=1) == ["One?"]


def test_questions_of_an_older_library_stay(path: Path) -> None:
    db = Database(path)
    MIGRATIONS.apply(db, stop_before="m004_conversations")
    db.execute(
        "INSERT INTO questions VALUES (1, '2026-01-01', 'Old?', 'Yes.', 0, 0.5, 'bm25', NULL, "
        "'cpu', 0, 'extractive', NULL, 'direct', 0, 0, 0, 0)"
    )
    db.conn.commit()
    db.close()
    with Store(path) as store:
        assert [one.question for one in store.questions()] == ["Old?"]
        assert store.record(1).answer == "Yes."
        assert store.recent_questions(n_questions=5) == ["Old?"]
        assert store.conversations() == []


def test_files_wait_in_the_order_they_came(store: Store, path: Path) -> None:
    store.enqueue("/a.pdf")
    store.enqueue("/b.pdf")
    store.enqueue("/a.pdf")
    with Store(path) as other:
        assert [file.path for file in other.queued_files()] == ["/a.pdf", "/b.pdf"]


def test_a_failed_file_says_why_until_it_gets_another_turn(store: Store) -> None:
    store.enqueue("/a.pdf")
    store.mark_file(
        "/a.pdf", FileState.FAILED, problem=FileProblem.SCANNED, reason="No text.", hint="OCR."
    )
    assert store.queued_files() == [
        QueuedFile("/a.pdf", FileState.FAILED, "scanned", "No text.", "OCR.")
    ]
    store.enqueue("/b.pdf")
    store.enqueue("/a.pdf")
    assert store.queued_files() == [
        QueuedFile("/b.pdf", FileState.WAITING, "", "", ""),
        QueuedFile("/a.pdf", FileState.WAITING, "", "", ""),
    ]
    store.dequeue("/a.pdf")
    store.dequeue("/b.pdf")
    assert store.queued_files() == []


def test_what_is_in_the_bin_is_not_found_and_comes_back_whole(
    store: Store, report: Document
) -> None:
    store.bin(report.id)
    assert store.documents() == []
    assert store.get(report.id) is None
    assert store.search("revenue") == []
    assert store.last_used() is None
    assert store.restore(report.id)
    assert store.load(report.id) == report
    assert len(store.search("revenue")) == 1


def test_the_bin_is_emptied_of_what_is_old_enough(store: Store, report: Document) -> None:
    store.bin(report.id)
    assert store.empty_bin(older_than_seconds=60.0) == 0
    time.sleep(0.001)
    assert store.empty_bin() == 1
    assert not store.restore(report.id)
    store.add(report)
    assert len(store.search("revenue")) == 1


def test_a_file_that_is_read_again_leaves_the_bin(store: Store, report: Document) -> None:
    store.bin(report.id)
    store.add(report)
    assert [one.id for one in store.documents()] == [report.id]
    assert store.empty_bin() == 0
