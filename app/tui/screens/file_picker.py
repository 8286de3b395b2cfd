"""The file picker: type a path or walk through folders, and take one file or several."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from docqa.app.terminal import cells, fit
from docqa.app.tui.folder_listing import Entry, Listing, list_folder, matching, split_path
from docqa.engine.exports.control_characters import clean
from docqa.engine.paths import expand, is_file

SIDE_WIDTH = 24
"""Columns for size and date, beside the name."""


class PathInput(Input):
    """A path that is typed, while up and down walk through the list below it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.walk(-1)", "Up", show=False),
        Binding("down", "screen.walk(1)", "Down", show=False),
        Binding("pageup", "screen.walk(-10)", "Page up", show=False),
        Binding("pagedown", "screen.walk(10)", "Page down", show=False),
        Binding("tab", "screen.complete", "Complete", id="files.complete"),
    ]


class FilePicker(ModalScreen[list[Path] | None]):
    """Gives back what was chosen: files, or one folder whose files are all wanted."""

    DEFAULT_CSS = """
    FilePicker {
        align: center middle;
        #files-box {
            width: 100; max-width: 96%; height: 90%;
            background: $surface; border: round $border;
            border-title-color: $text-accent; border-subtitle-color: $text-muted;
        }
        #files-path { border: none; height: 1; margin: 1 1; padding: 0 1; background: $panel; }
        #files-list {
            height: 1fr; border: none; background: $surface; padding: 0 1;
            scrollbar-size-vertical: 1;
        }
        #files-list > .option-list--option-highlighted {
            background: $block-cursor-background; color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        #files-note { height: auto; padding: 0 2; color: $text-muted; }
        #files-note.-wrong { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="files.cancel"),
        Binding("f4,insert", "mark", "Mark", id="files.mark"),
        Binding("f5,ctrl+a", "take_folder", "Take the whole folder", id="files.folder"),
    ]

    class Listed(Message):
        """A folder was read."""

        def __init__(self, listing: Listing) -> None:
            super().__init__()
            self.listing = listing

    def __init__(self, start: Path | None = None) -> None:
        """Start in a folder; None = where docqa was started."""
        super().__init__()
        self.start = (start or Path.cwd()).absolute()
        self.listing: Listing | None = None
        self.shown: list[Entry] = []
        self.marked: dict[Path, None] = {}
        """The files that were marked, in the order of marking."""

    def compose(self) -> ComposeResult:
        with Vertical(id="files-box") as box:
            box.border_title = "Add documents"
            box.border_subtitle = "PDF, text and Markdown"
            yield PathInput(_typed(self.start), id="files-path", select_on_focus=False)
            yield OptionList(id="files-list", markup=False)
            yield Static("", id="files-note")
        yield Footer()

    def on_mount(self) -> None:
        """Begin at the path."""
        self.query_one(PathInput).focus()

    @on(Input.Changed, "#files-path")
    def path_changed(self, event: Input.Changed) -> None:
        """Read another folder, or show what fits in this one."""
        folder, _ = split_path(event.value)
        if self.listing is None or folder != self.listing.folder:
            self.read_folder(folder)
        else:
            self._show()

    @work(thread=True, exclusive=True)
    def read_folder(self, folder: Path) -> None:
        """Read a folder beside the screen: a network drive may take its time."""
        self.post_message(self.Listed(list_folder(folder)))

    @on(Listed)
    def listed(self, event: Listed) -> None:
        """Show a folder that was read, unless the reader has gone on."""
        if event.listing.folder == split_path(self.query_one(PathInput).value)[0]:
            self.listing = event.listing
            self._show()

    def on_resize(self) -> None:
        """Lay the columns out anew."""
        self._show()

    def action_walk(self, n_lines: int) -> None:
        """Move through the list while the cursor stays in the path."""
        found = self.query_one(OptionList)
        if found.option_count:
            at = (found.highlighted or 0) + n_lines
            found.highlighted = max(0, min(at, found.option_count - 1))

    def action_complete(self) -> None:
        """Write the entry under the cursor into the path."""
        entry = self._current()
        if entry is not None:
            self._go(_typed(entry.path) if entry.is_folder else str(entry.path))

    def action_mark(self) -> None:
        """Mark the file under the cursor, or take the mark off."""
        entry = self._current()
        if entry is None or entry.is_folder:
            return
        if entry.path in self.marked:
            del self.marked[entry.path]
        else:
            self.marked[entry.path] = None
        at = self.query_one(OptionList).highlighted or 0
        self._show()
        self.query_one(OptionList).highlighted = min(at + 1, len(self.shown) - 1)

    def action_take_folder(self) -> None:
        """All documents of the folder that is shown."""
        if self.listing is not None and not self.listing.problem:
            self.dismiss([self.listing.folder])

    @on(Input.Submitted, "#files-path")
    def submitted(self) -> None:
        """Enter on the path: what was typed in full, else the entry under the cursor."""
        typed = self.query_one(PathInput).value.strip()
        path = expand(typed).absolute()
        if typed and is_file(path):
            self._take(path)
        elif self.marked and not split_path(typed)[1]:
            self.dismiss(list(self.marked))
        else:
            self._open(self._current())

    @on(OptionList.OptionSelected)
    def selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on an entry."""
        self._open(self.shown[event.option_index])

    def _open(self, entry: Entry | None) -> None:
        if entry is None:
            self.app.bell()
        elif entry.is_folder:
            self._go(_typed(entry.path))
        else:
            self._take(entry.path)

    def _take(self, path: Path) -> None:
        self.dismiss(list(dict.fromkeys([*self.marked, path])))

    def _go(self, typed: str) -> None:
        field = self.query_one(PathInput)
        field.value = typed
        field.cursor_position = len(typed)
        field.focus()

    def _current(self) -> Entry | None:
        at = self.query_one(OptionList).highlighted
        return self.shown[at] if at is not None and at < len(self.shown) else None

    def _show(self) -> None:
        if self.listing is None:
            return
        folder, start = split_path(self.query_one(PathInput).value)
        self.shown = matching(self.listing, start)
        if not start and folder.parent != folder:
            self.shown.insert(0, _parent(folder))
        found = self.query_one(OptionList)
        width = max(found.scrollable_content_region.width - 2, 40)
        found.set_options(Option(_line(entry, self.marked, width)) for entry in self.shown)
        first_entry = 1 if not start and len(self.shown) > 1 else 0
        found.highlighted = first_entry if self.shown else None
        self._say()

    def _say(self) -> None:
        assert self.listing is not None
        note = self.query_one("#files-note", Static)
        note.set_class(bool(self.listing.problem), "-wrong")
        parts = [self.listing.problem] if self.listing.problem else []
        if self.marked:
            parts.append(f"{len(self.marked)} marked; Enter on the folder line takes them")
        if self.listing.n_other:
            parts.append(f"{self.listing.n_other:,} other files are not shown")
        if not self.shown and not self.listing.problem:
            parts.insert(0, "Nothing here with these letters")
        note.update(Content(" · ".join(parts)))


def _parent(folder: Path) -> Entry:
    from datetime import datetime

    return Entry(folder.parent, "..", True, 0, datetime.fromtimestamp(0))


def _line(entry: Entry, marked: dict[Path, None], width: int) -> Content:
    """Mark, name, size and date in columns."""
    mark = "● " if entry.path in marked else "  "
    name_width = width - SIDE_WIDTH - len(mark)
    name = fit(clean(entry.name) + (os.sep if entry.is_folder else ""), name_width)
    pad = " " * (name_width - cells(name))
    if entry.is_folder:
        return Content.assemble(mark, (name, "bold $text-primary"))
    side = f"{_size(entry.n_bytes):>10}  {entry.changed:%Y-%m-%d}"
    return Content.assemble((mark, "$text-accent"), name, pad, (f"{side:>{SIDE_WIDTH}}", "dim"))


def _size(n_bytes: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"


def _typed(folder: Path) -> str:
    """A folder as it stands in the path field: with the separator, so that names follow."""
    text = str(folder)
    return text if text.endswith(os.sep) else text + os.sep
