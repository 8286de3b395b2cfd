"""What the library shows: documents, and files that are on their way to become some.

Pure: no widget and no database, so that sorting and wording can be tested alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from docqa.app.terminal import one_line
from docqa.engine.errors import FileProblem

if TYPE_CHECKING:
    from docqa.engine.library.file_queue import QueuedFile
    from docqa.engine.library.store import StoredDocument


class EntryState(StrEnum):
    """How far an entry is."""

    READY = "ready"
    READING = "reading"
    WAITING = "waiting"
    STOPPED = "stopped"
    FAILED = "failed"


class SortOrder(StrEnum):
    """Ways to sort; the values are what the screen calls them."""

    USED = "last used"
    TITLE = "title"
    PAGES = "pages"
    ADDED = "added"

    def next(self) -> SortOrder:
        """The order after this one, the first after the last."""
        orders = list(SortOrder)
        return orders[(orders.index(self) + 1) % len(orders)]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the library."""

    key: str
    """The document's id; the path of a file that has not become one."""
    title: str
    """One line without control characters, never empty."""
    path: str | None
    state: EntryState
    n_pages: int = 0
    """Of a file that is being read: 0 until that is known."""
    n_words: int = 0
    n_done: int = 0
    """Pages read so far."""
    n_unread: int = 0
    """Pages that could not be read."""
    added_at: str = ""
    used_at: str = ""
    problem: str = ""
    reason: str = ""
    hint: str = ""

    @property
    def is_document(self) -> bool:
        """Whether it can be asked."""
        return self.state is EntryState.READY

    @property
    def needs_password(self) -> bool:
        return self.problem == FileProblem.PASSWORD

    @property
    def status(self) -> str:
        """What there is to say beside its title."""
        match self.state:
            case EntryState.READING if self.n_pages:
                return f"reading {self.n_done / self.n_pages:.0%} of {_count(self.n_pages, 'page')}"
            case EntryState.READING:
                return "reading …"
            case EntryState.WAITING:
                return "waits to be read"
            case EntryState.STOPPED:
                return "stopped · r resumes"
            case EntryState.FAILED:
                return f"{self.problem} · Enter says more"
            case _:
                return self._size()

    def _size(self) -> str:
        size = f"{_count(self.n_pages, 'page')} · {_short_count(self.n_words)} words"
        return f"{size} · {self.n_unread} unread" if self.n_unread else size


def make_entries(
    documents: Iterable[StoredDocument], files: Iterable[QueuedFile], reading: str | None
) -> list[Entry]:
    """The entries of a library.

    Args:
        documents: What it holds.
        files: Its queue.
        reading: Path of the file that is being read.
    """
    entries = [
        Entry(
            file.path,
            _shown_title(Path(file.path).name),
            file.path,
            EntryState.READING if file.path == reading else EntryState(file.state.value),
            problem=file.problem,
            reason=file.reason,
            hint=file.hint,
        )
        for file in files
    ]
    entries += [
        Entry(
            one.id,
            _shown_title(one.title),
            one.path,
            EntryState.READY,
            n_pages=one.n_pages,
            n_words=one.n_words,
            n_unread=one.n_unread_pages,
            added_at=one.added_at,
            used_at=one.used_at,
        )
        for one in documents
    ]
    return entries


def with_progress(entry: Entry, n_done: int, n_pages: int) -> Entry:
    """A file that is being read, further on."""
    return replace(entry, state=EntryState.READING, n_done=n_done, n_pages=n_pages)


def arrange(entries: Sequence[Entry], words: str, order: SortOrder) -> list[Entry]:
    """The entries that hold all the words in title or path, sorted; files on their way first."""
    wanted = words.casefold().split()
    kept = [e for e in entries if all(w in f"{e.title} {e.path}".casefold() for w in wanted)]
    on_their_way = [entry for entry in kept if not entry.is_document]
    documents = [entry for entry in kept if entry.is_document]
    if order is SortOrder.TITLE:
        documents.sort(key=lambda entry: entry.title.casefold())
    elif order is SortOrder.PAGES:
        documents.sort(key=lambda entry: -entry.n_pages)
    else:
        newest = (lambda e: e.used_at) if order is SortOrder.USED else (lambda e: e.added_at)
        documents.sort(key=newest, reverse=True)
    return on_their_way + documents


def _shown_title(title: str) -> str:
    return one_line(title) or "untitled"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _short_count(number: int) -> str:
    """In few characters: 3,440; 87k; 1.2M."""
    if number < 10_000:
        return f"{number:,}"
    return f"{number / 1e3:.0f}k" if number < 999_500 else f"{number / 1e6:.1f}M"
