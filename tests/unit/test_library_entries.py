"""What the library shows, and in which order."""

from __future__ import annotations

from dataclasses import replace

from docqa.app.tui.library_entries import (
    Entry,
    EntryState,
    SortOrder,
    arrange,
    make_entries,
    with_progress,
)
from docqa.engine.errors import FileProblem
from docqa.engine.library.file_queue import FileState, QueuedFile
from docqa.engine.library.store import StoredDocument


def document(title: str, pages: int, added: str, used: str, unread: int = 0) -> StoredDocument:
    return StoredDocument(
        title, title, f"/shelf/{title}.pdf", "s/1", pages, pages * 400, 9, added, used, unread
    )


DOCUMENTS = [
    document("beta", 3, "2026-01-01", "2026-03-03"),
    document("Alpha", 212, "2026-02-02", "2026-01-01", unread=12),
    document("gamma", 1, "2026-03-03", "2026-02-02"),
]
FILES = [
    QueuedFile("/in/one.pdf", FileState.WAITING, "", "", ""),
    QueuedFile("/in/two.pdf", FileState.WAITING, "", "", ""),
    QueuedFile("/in/three.pdf", FileState.FAILED, FileProblem.PASSWORD, "It is locked.", "Key?"),
    QueuedFile("/in/four.pdf", FileState.STOPPED, "", "", ""),
]


def titles(entries: list[Entry]) -> list[str]:
    return [entry.title for entry in entries]


def test_files_on_their_way_come_first_then_documents() -> None:
    entries = make_entries(DOCUMENTS, FILES, reading="/in/one.pdf")
    shown = arrange(entries, "", SortOrder.USED)
    assert titles(shown[:4]) == ["one.pdf", "two.pdf", "three.pdf", "four.pdf"]
    assert titles(shown[4:]) == ["beta", "gamma", "Alpha"]


def test_orders() -> None:
    entries = make_entries(DOCUMENTS, [], None)
    assert titles(arrange(entries, "", SortOrder.TITLE)) == ["Alpha", "beta", "gamma"]
    assert titles(arrange(entries, "", SortOrder.PAGES)) == ["Alpha", "beta", "gamma"]
    assert titles(arrange(entries, "", SortOrder.ADDED)) == ["gamma", "Alpha", "beta"]
    order = SortOrder.USED
    seen = [order]
    while (order := order.next()) is not SortOrder.USED:
        seen.append(order)
    assert seen == list(SortOrder)


def test_the_filter_takes_all_words_in_title_or_path() -> None:
    entries = make_entries(DOCUMENTS, FILES, None)
    assert titles(arrange(entries, "ALPHA shelf", SortOrder.USED)) == ["Alpha"]
    assert titles(arrange(entries, "in/ fo", SortOrder.USED)) == ["four.pdf"]
    assert arrange(entries, "alpha beta", SortOrder.USED) == []


def test_a_title_cannot_steer_the_terminal() -> None:
    hostile = replace(DOCUMENTS[0], title="\x1b]52;c;ZXZpbA==\x1b\\ a\n\x9bb")
    nameless = replace(DOCUMENTS[0], title="\x1b\n")
    file = replace(FILES[0], path="/in/\x1b[2Jone.pdf")
    shown = make_entries([hostile, nameless], [file], None)
    assert titles(shown) == ["[2Jone.pdf", "]52;c;ZXZpbA== \\ a b", "untitled"]
    assert shown[0].key == file.path


def test_what_is_said_of_each() -> None:
    one, two, three, four, _, alpha, gamma = make_entries(DOCUMENTS, FILES, "/in/one.pdf")
    assert one.state is EntryState.READING
    assert one.status == "reading …"
    assert with_progress(one, 43, 100).status == "reading 43% of 100 pages"
    assert two.status == "waits to be read"
    assert three.status.startswith("needs password")
    assert three.needs_password
    assert four.status.startswith("stopped")
    assert alpha.status == "212 pages · 85k words · 12 unread"
    assert gamma.status == "1 page · 400 words"
    assert not any(entry.is_document for entry in (one, two, three, four))
