"""The library: documents and files on their way, filtered, sorted, and marked where asked."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from docqa.app.terminal import fit, one_line
from docqa.app.tui.library_entries import Entry, EntryState, SortOrder, arrange, with_progress
from docqa.app.tui.pasted_paths import pasted_paths

STATUS_STYLES = {
    EntryState.READY: "dim",
    EntryState.READING: "$text-accent",
    EntryState.WAITING: "dim",
    EntryState.STOPPED: "$text-warning",
    EntryState.FAILED: "$text-error",
}


class DocumentList(OptionList):
    """The lines of the library."""


class LibraryPanel(Vertical):
    """Shows entries; says what the reader wants done with them."""

    HELP_TITLE = "Library"
    HELP = """Enter opens a document and asks it alone; Space adds it to what is asked, or takes it
    out again."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "toggle_scope", "Ask it too, or not", id="library.toggle", show=False),
        Binding("delete,x", "remove", "Remove", id="library.remove"),
        Binding("s", "sort", "Sort", id="library.sort", show=False),
        Binding("r", "retry", "Read again", id="library.retry", show=False),
        Binding("c", "stop", "Stop reading", id="library.stop", show=False),
    ]
    DEFAULT_CSS = """
    LibraryPanel {
        border: round $border-blurred; border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        &:focus-within { border: round $border; border-title-color: $text-accent; }
        #library-filter {
            display: none; border: none; height: 1; padding: 0 1; background: $panel;
            &.-used { display: block; }
        }
        DocumentList {
            height: 1fr; max-height: 100%; border: none; padding: 0; background: transparent;
            scrollbar-size-vertical: 1;
            &:focus { border: none; }
        }
        #library-empty { display: none; padding: 1; color: $text-muted; height: 1fr; }
        &.-empty DocumentList { display: none; }
        &.-empty #library-empty { display: block; }
    }
    """

    @dataclass
    class Opened(Message):
        """A document is to be shown, and asked alone."""

        entry: Entry

    @dataclass
    class ScopeChanged(Message):
        """Other documents are asked now."""

        document_ids: tuple[str, ...]

    @dataclass
    class RemoveAsked(Message):
        """An entry is to go."""

        entry: Entry

    @dataclass
    class StopAsked(Message):
        """A file is not to be read now."""

        entry: Entry

    @dataclass
    class RetryAsked(Message):
        """A file is to be read, or read again."""

        entry: Entry

    @dataclass
    class FilesDropped(Message):
        """Files are to be added."""

        paths: list[Path]

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.entries: tuple[Entry, ...] = ()
        self.order = SortOrder.USED
        self.scope: tuple[str, ...] = ()
        """Ids of the documents that are asked."""
        self._shown: list[Entry] = []

    def compose(self) -> ComposeResult:
        self.border_title = "Library"
        yield Input(placeholder="Filter", id="library-filter")
        yield DocumentList(id="library-list", markup=False)
        yield Static(id="library-empty", markup=False)

    # What the screen tells

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these entries; the cursor stays on the one it was on."""
        running = {e.key: e for e in self.entries if e.state is EntryState.READING and e.n_pages}
        self.entries = tuple(
            with_progress(entry, running[entry.key].n_done, running[entry.key].n_pages)
            if entry.state is EntryState.READING and entry.key in running
            else entry
            for entry in entries
        )
        here = {entry.key for entry in self.entries if entry.is_document}
        self.scope = tuple(key for key in self.scope if key in here)
        self._draw()

    def set_scope(self, document_ids: Sequence[str]) -> None:
        """Mark what is asked."""
        if tuple(document_ids) == self.scope:
            return
        self.scope = tuple(document_ids)
        self._draw()
        self.post_message(self.ScopeChanged(self.scope))

    def set_progress(self, path: str, n_done: int, n_pages: int) -> None:
        """Show how far a file is read."""
        for number, entry in enumerate(self.entries):
            if entry.key == path:
                further = with_progress(entry, n_done, n_pages)
                self.entries = (*self.entries[:number], further, *self.entries[number + 1 :])
                break
        for number, entry in enumerate(self._shown):
            if entry.key == path:
                self._shown[number] = with_progress(entry, n_done, n_pages)
                prompt = self._prompt(self._shown[number])
                self._list.replace_option_prompt_at_index(number, prompt)

    def entry(self, key: str) -> Entry | None:
        """The entry of a document id or a path."""
        return next((entry for entry in self.entries if entry.key == key), None)

    def highlight(self, key: str) -> None:
        """Put the cursor on an entry."""
        for number, entry in enumerate(self._shown):
            if entry.key == key:
                self._list.highlighted = number

    def start_filter(self) -> None:
        """Let the reader type what to look for."""
        field = self.query_one("#library-filter", Input)
        field.add_class("-used")
        field.focus()

    # What the reader does

    @on(Input.Changed, "#library-filter")
    def filter_changed(self) -> None:
        """Show what fits."""
        self._draw()

    @on(Input.Submitted, "#library-filter")
    def filter_done(self) -> None:
        """Go to what was found."""
        self._list.focus()

    def on_key(self, event: events.Key) -> None:
        """Escape ends the filter; down goes from it to the list."""
        field = self.query_one("#library-filter", Input)
        if event.key == "escape" and field.has_class("-used"):
            field.value = ""
            field.remove_class("-used")
            self._list.focus()
            event.stop()
        elif event.key == "down" and field.has_focus:
            self._list.focus()
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        """A dropped file is added."""
        paths = pasted_paths(event.text)
        if paths:
            event.stop()
            self.post_message(self.FilesDropped(paths))

    @on(OptionList.OptionSelected)
    def selected(self, event: OptionList.OptionSelected) -> None:
        """Open an entry."""
        event.stop()
        self.post_message(self.Opened(self._shown[event.option_index]))

    def action_toggle_scope(self) -> None:
        """Ask the document under the cursor too, or no longer."""
        entry = self.current
        if entry is None or not entry.is_document:
            return
        if entry.key in self.scope:
            self.set_scope([key for key in self.scope if key != entry.key])
        else:
            self.set_scope([*self.scope, entry.key])

    def action_remove(self) -> None:
        """Remove the entry under the cursor."""
        if self.current is not None:
            self.post_message(self.RemoveAsked(self.current))

    def action_stop(self) -> None:
        """Stop reading the file under the cursor."""
        entry = self.current
        if entry is not None and entry.state in (EntryState.READING, EntryState.WAITING):
            self.post_message(self.StopAsked(entry))

    def action_retry(self) -> None:
        """Read the file under the cursor again."""
        entry = self.current
        if entry is not None and entry.state in (EntryState.STOPPED, EntryState.FAILED):
            self.post_message(self.RetryAsked(entry))

    def action_sort(self) -> None:
        """Sort in the next way."""
        self.order = self.order.next()
        self._draw()

    def on_resize(self) -> None:
        """Titles are cut to the width."""
        self._draw()

    @property
    def current(self) -> Entry | None:
        """The entry under the cursor."""
        number = self._list.highlighted
        return None if number is None or number >= len(self._shown) else self._shown[number]

    @property
    def _list(self) -> DocumentList:
        return self.query_one(DocumentList)

    def _draw(self) -> None:
        current = self.current
        words = self.query_one("#library-filter", Input).value
        self._shown = arrange(self.entries, words, self.order)
        self._list.set_options(Option(self._prompt(entry)) for entry in self._shown)
        keys = [entry.key for entry in self._shown]
        if self._shown:
            self._list.highlighted = (
                keys.index(current.key) if current and current.key in keys else 0
            )
        self.set_class(not self._shown, "-empty")
        self.query_one("#library-empty", Static).update(
            f"Nothing here has “{words}”. Esc ends the filter."
            if self.entries
            else "No documents yet.\n\nCtrl+O adds files. Or drop files on this window, or paste "
            "their paths."
        )
        n_documents = sum(entry.is_document for entry in self.entries)
        self.border_subtitle = f"{n_documents:,} · by {self.order.value}" if self.entries else ""

    def _prompt(self, entry: Entry) -> Content:
        """Mark and title, below it size or state."""
        mark = ("● " if entry.key in self.scope else "○ ") if entry.is_document else "  "
        style = "bold" if entry.key in self.scope else ""
        room = max(self.size.width - 3, 10)  # beside mark and scroll bar
        first, *rest = textwrap.wrap(one_line(entry.title), room) or ["untitled"]
        lines = [first, fit(" ".join(rest), room)] if rest else [first]
        return Content.assemble(
            (mark, "$text-accent"),
            ("\n  ".join(lines), style),
            "\n  ",
            (fit(entry.status, room), STATUS_STYLES[entry.state]),
        )
