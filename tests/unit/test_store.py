"""The library on disk: what goes in comes out, and nothing half written stays."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from docqa.engine.errors import StoreError
from docqa.engine.library import store as store_module
from docqa.engine.library.migrations import MIGRATIONS
from docqa.engine.library.record import Record, make_record
from docqa.engine.library.search_terms import search_expression
from docqa.engine.library.store import Store
from docqa.engine.retrievers.packing import TokenizedDocument
from docqa.engine.types import (
    Answer,
    Citation,
    Document,
    Evidence,
    Page,
    Reading,
    Sentence,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shelf" / "library.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path) as opened:
        yield opened


def record_of(document: Document) -> Record:
    evidence = (Evidence(document.id, 5, 0.9, 1), Evidence(document.id, 2, 0.1, 2))
    answer = Answer(
        question="What was the revenue?",
        text="1,577 (p. 2)",
        abstained=False,
        confidence=0.875,
        evidence=evidence,
        citations=(Citation(document.id, 5, "1,577"), Citation(document.id, 5, "1,373")),
        reading=Reading("mamba", "embedded", "cpu", 42, 0.5),
        generator="extractive",
        generator_seconds=0.25,
    )
    return make_record(
        answer,
        [document],
        n_tokens={document.id: 42},
        model=None,
        strategy="direct",
        ingest_seconds=0.125,
        total_seconds=1.0,
    )


def test_a_document_comes_back_as_it_went_in(store: Store, report: Document) -> None:
    store.add(report)
    assert store.load(report.id) == report


def test_the_same_file_twice_is_one_document(store: Store, report: Document) -> None:
    store.add(report)
    store.add(dataclasses.replace(report, path="/elsewhere/copy.pdf"))
    (kept,) = store.documents()
    assert kept.path == "/elsewhere/copy.pdf"
    assert len(store.search("revenue")) == 1


def test_touch_updates_path_and_order(store: Store, report: Document) -> None:
    other = dataclasses.replace(report, id="cd34" * 16, title="Other")
    store.add(report)
    store.add(other)
    store.touch(report.id, path="/moved.pdf")
    last = store.last_used()
    assert last is not None
    assert (last.id, last.path) == (report.id, "/moved.pdf")
    store.touch(other.id)
    assert [d.title for d in store.documents()] == ["Other", "Widget Works 2021"]


@pytest.mark.parametrize(
    "reference",
    ["ab12ab12", "ab12" * 16, "widget works 2021", "/shelf/ww.pdf", "ww.pdf", "Widget", "works 20"],
)
def test_find(store: Store, report: Document, reference: str) -> None:
    store.add(report)
    assert store.find(reference).id == report.id
    assert store.document(reference) == report


def test_an_ambiguous_name_is_an_error_that_names_the_candidates(
    store: Store, report: Document
) -> None:
    store.add(report)
    store.add(dataclasses.replace(report, id="cd34" * 16, title="Widget Works 2020"))
    with pytest.raises(StoreError, match=r"2 documents.*Widget Works 2020 \(cd34cd34cd34\)"):
        store.find("widget")
    assert store.find("Widget Works 2021").id == report.id  # a whole title beats a part of one


def test_an_unknown_name_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="no stored document 'nothing'"):
        store.find("nothing")
    with pytest.raises(StoreError, match="holds no document"):
        store.load("ff" * 32)


@pytest.mark.parametrize(
    ("words", "pages"),
    [
        ("revenue", [2]),
        ("revenues", [2]),  # word forms
        ("REVENUE total", [2]),  # all words, any order
        ('"total revenue"', [2]),
        ('"revenue total"', []),
        ("売上", [2]),  # written without spaces
        ('rev"enue', []),
        ('"', []),
        ("", []),
        ("--- *", []),
        ("NOT revenue", []),  # operators are words
        ("text:revenue", []),
        ("revenue*", [2]),
        ("x' OR '1'='1", []),
        ("executive -", [1]),
    ],
)
def test_search(store: Store, report: Document, words: str, pages: list[int]) -> None:
    store.add(report)
    assert [hit.page for hit in store.search(words)] == pages


def test_a_term_is_asked_for_once() -> None:
    assert search_expression('revenue "net 売" revenue "net 売" Total') == (
        '"revenue" "net  売" "Total"'
    )


def test_search_hits_say_where(store: Store, report: Document) -> None:
    store.add(report)
    (hit,) = store.search("1,577")
    assert (hit.title, hit.page, hit.sentence_id) == ("Widget Works 2021", 2, 5)
    assert hit.text == "Total revenue | 1,577 | 1,373"


def test_text_that_looks_like_sql_is_text(store: Store, report: Document) -> None:
    title = "Robert'); DROP TABLE documents;--"
    store.add(dataclasses.replace(report, title=title))
    assert store.find(title).title == title
    assert store.find("DROP TABLE").title == title


def test_remove_leaves_nothing_to_find(store: Store, path: Path, report: Document) -> None:
    store.add(report)
    store.save_tokens(report.id, "t", TokenizedDocument(np.ones(3, np.int32), np.ones(1, np.int32)))
    store.remove(report.id)
    assert store.documents() == []
    assert store.search("revenue") == []
    assert store.load_tokens(report.id, "t") is None
    store.close()
    assert b"chief executive" not in path.read_bytes()
    with sqlite3.connect(path) as conn:
        assert conn.execute("SELECT count(*) FROM pages").fetchone() == (0,)
        conn.execute("INSERT INTO sentence_index (sentence_index) VALUES ('integrity-check')")
    conn.close()


def test_only_what_is_in_the_bin_is_forgotten_with_it(store: Store, report: Document) -> None:
    store.add(report)
    store.bin(report.id)
    store.add(report)
    assert not store.remove_binned(report.id)
    assert len(store.documents()) == 1
    store.bin(report.id)
    assert store.remove_binned(report.id)
    assert not store.remove_binned(report.id)
    assert not store.restore(report.id)


def test_tokens(store: Store, report: Document) -> None:
    tokens = TokenizedDocument(np.arange(5, dtype=np.int32), np.array([-1, 4], dtype=np.int32))
    store.save_tokens(report.id, "a", tokens)
    assert store.load_tokens(report.id, "a") is None  # the document is not kept
    store.add(report)
    store.save_tokens(report.id, "a", tokens)
    kept = store.load_tokens(report.id, "a")
    assert kept is not None
    np.testing.assert_array_equal(kept.token_ids, tokens.token_ids)
    np.testing.assert_array_equal(kept.sentence_ends, tokens.sentence_ends)
    assert kept.token_ids.dtype == np.int32
    assert store.load_tokens(report.id, "b") is None
    store.add(report)  # read anew: its tokens may have changed
    assert store.load_tokens(report.id, "a") is None


def test_history_comes_back_as_it_was(store: Store, report: Document) -> None:
    store.add(report)
    record = record_of(report)
    number = store.add_record(record)
    assert store.record(number) == record
    assert record.evidence[0].quotes == ("1,577", "1,373")
    assert record.evidence[0].header == "| 2021 | 2020"
    (asked,) = store.questions()
    assert (asked.id, asked.titles) == (number, ("Widget Works 2021",))


def test_history_outlives_its_document(store: Store, report: Document) -> None:
    store.add(report)
    number = store.add_record(record_of(report))
    store.remove(report.id)
    assert store.record(number).evidence[0].text == "Total revenue | 1,577 | 1,373"
    store.add(report)
    store.remove(report.id, with_history=True)
    assert store.questions() == []
    with pytest.raises(StoreError, match=f"No question {number}"):
        store.record(number)


def test_with_the_history_go_the_questions_without_an_answer(
    store: Store, report: Document
) -> None:
    store.add(report)
    other = dataclasses.replace(report, id=report.id[::-1] + "0")
    store.add(other)
    conversation = store.start_conversation()
    store.note_question("Is Eve being dismissed?", [other.id, report.id], conversation)
    store.note_question("Who leads?", [other.id], conversation)
    store.remove(report.id, with_history=True)
    assert [one.question for one in store.unanswered(conversation)] == ["Who leads?"]
    assert store.recent_questions(n_questions=9) == ["Who leads?"]


def test_a_new_library_that_another_process_is_making_is_waited_for(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.rollback)
    release.start()
    with Store(path) as store:
        assert store.documents() == []
    release.join()
    other.close()


@pytest.mark.parametrize("name", [":memory:", "file:x.db?mode=ro"])
def test_a_library_is_a_file_whatever_it_is_called(
    report: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(Path(name)) as store:
        store.add(report)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with Store(Path(name)) as store:
        assert [one.id for one in store.documents()] == [report.id]


def test_an_error_in_the_middle_leaves_the_old_document(
    store: Store, report: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(report)

    def fail(text: str) -> str:
        raise KeyboardInterrupt

    longer = dataclasses.replace(report, title="New", pages=(*report.pages, Page(4, "More.")))
    monkeypatch.setattr(store_module, "indexed_text", fail)
    with pytest.raises(KeyboardInterrupt):
        store.add(longer)
    monkeypatch.undo()
    assert store.load(report.id) == report
    store.add(longer)
    assert store.load(report.id) == longer


KILLED_WHILE_ADDING = """
import os, signal, sys
from pathlib import Path
from docqa.engine.library import store
from docqa.engine.ingest.documents import document_from_text

text = "\\n".join(f"Sentence number {i}." for i in range(20_000))
left = iter(range(15_000))
def kill(words):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return words
store.indexed_text = kill
store.Store(Path(sys.argv[1])).add(document_from_text(text, title="long"))
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_process_leaves_nothing_of_its_document(
    store: Store, path: Path, report: Document
) -> None:
    store.add(report)
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_ADDING, str(path)], check=False)
    assert killed.returncode == -9
    assert [d.id for d in store.documents()] == [report.id]
    with Store(path) as reopened:
        assert reopened.load(report.id) == report
        assert reopened.search("sentence number") == []
        assert reopened._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_migration_from_the_first_schema_keeps_and_indexes_its_rows(
    path: Path, report: Document
) -> None:
    path.parent.mkdir()
    db = Database(path)
    MIGRATIONS.apply(db, stop_before="m002_search")
    db.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)",
        [report.id, report.title, report.path, report.segmenter, 9, "2026-01-01", "2026-01-01"],
    )
    for page in report.pages:
        db.execute(
            "INSERT INTO pages VALUES (?, ?, ?, ?)",
            [report.id, page.number, page.text, page.status.value],
        )
    for s in report.sentences:
        box = s.box or (None,) * 4
        db.execute(
            "INSERT INTO sentences VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [report.id, s.id, s.page, s.start, s.end, s.kind.value, *box, s.heading, s.header],
        )
    db.close()
    with Store(path) as store:
        assert store.load(report.id) == report
        assert [hit.sentence_id for hit in store.search("revenue")] == [5]
        assert store.questions() == []
        store.remove(report.id)
        assert store.search("revenue") == []


def test_migration_of_an_empty_first_schema(path: Path) -> None:
    path.parent.mkdir()
    db = Database(path)
    MIGRATIONS.apply(db, stop_before="m002_search")
    db.close()
    with Store(path) as store:
        assert store.documents() == []


def test_a_library_of_a_newer_docqa_is_refused_untouched(path: Path) -> None:
    Store(path).close()
    db = Database(path)
    db.table("_sqlite_migrations").insert(
        {"migration_set": "docqa", "name": "m999_later", "applied_at": "2030-01-01"}
    )
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer docqa \(schema m999_later.*m009_page_breaks\)"):
        Store(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    db = Database(path)
    db.table("recipes").insert({"name": "soup"})
    db.close()
    with pytest.raises(StoreError, match=r"another program \(tables recipes"):
        Store(path)


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7 not a database" * 100, b"SQLite format 3\0" + b"x" * 4000]
)
def test_a_file_that_is_no_database_is_refused_untouched(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"library\.db"):
        Store(path)
    assert path.read_bytes() == content


def test_a_folder_in_place_of_the_library(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Cannot use the library"):
        Store(tmp_path)


def test_an_empty_file_becomes_a_library(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with Store(path) as store:
        assert store.documents() == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_only_the_owner_can_read_a_new_library(store: Store, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_threads_and_connections_write_without_losing_anything(
    store: Store, path: Path, report: Document
) -> None:
    errors: list[Exception] = []

    def add(first: int, to: Store) -> None:
        try:
            for i in range(first, first + 10):
                to.add(dataclasses.replace(report, id=f"{i:064x}"))
        except Exception as error:
            errors.append(error)

    with Store(path) as other:
        threads = [
            threading.Thread(target=add, args=(100 * i, to))
            for i, to in enumerate([store, store, other])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(store.documents()) == 30
    assert len(store.search("revenue", n_hits=100)) == 30


def test_a_long_document_is_loaded_with_as_few_queries_as_a_short_one(store: Store) -> None:
    n_queries = []
    line = "The agency shall publish a notice before the hearing."
    for n_pages in (1, 40):
        document = Document(
            f"{n_pages:064x}",
            "Notices",
            None,
            tuple(Page(number, line) for number in range(1, n_pages + 1)),
            tuple(Sentence(i, i + 1, 0, len(line)) for i in range(n_pages)),
            "test/1",
        )
        store.add(document)
        queries: list[str] = []
        with store._reading() as db:
            db.conn.set_trace_callback(queries.append)
            try:
                assert store.load(document.id) == document
            finally:
                db.conn.set_trace_callback(None)
        n_queries.append(len(queries))
    assert n_queries[0] == n_queries[1] > 0
