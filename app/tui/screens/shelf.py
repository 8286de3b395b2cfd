"""The half of the main screen that looks after the library: what is in it, and what comes in."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from docqa.app.jobs.desk import Desk
from docqa.app.tui import messages
from docqa.app.tui.library_entries import Entry, EntryState, make_entries
from docqa.app.tui.pasted_paths import pasted_paths
from docqa.app.tui.widgets.document_panel import DocumentPanel
from docqa.app.tui.widgets.library_panel import DocumentList, LibraryPanel
from docqa.app.tui.widgets.question_input import QuestionInput
from docqa.app.tui.widgets.welcome import SAMPLE_QUESTION, Welcome
from docqa.engine.errors import DocqaError, FileProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from docqa.app.config import Settings
    from docqa.app.jobs.process import EngineProcess
    from docqa.app.tui.session_log import SessionLog
    from docqa.engine.library.store import Store
    from docqa.engine.types import Document

Result = TypeVar("Result")

SAMPLE = "sample/harrow-point-ferries.pdf"
UNDO_SECONDS = 12.0
"""How long a removed document can be brought back; its toast stays as long."""
OLD_BIN_SECONDS = 60.0
"""What a run that crashed left in the bin is older than this; what is younger may be of another
docqa that runs now."""


class ShelfScreen(Screen[None]):
    """Keeps the library panel and the document panel in step with the library."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "add_files", "Add", id="add", priority=True),
        Binding("ctrl+z", "undo_remove", "Undo remove", id="undo", show=False),
    ]

    def __init__(
        self, settings: Settings, session_log: SessionLog, engine: EngineProcess | None = None
    ) -> None:
        """A screen that has opened nothing yet.

        Args:
            settings: What questions are asked with.
            session_log: Where it notes what happens.
            engine: A process to ask that is closed by somebody else; None = one of its own.
        """
        super().__init__()
        self.settings = settings
        self.session_log = session_log
        self._engine = engine
        self.desk = self._open_desk()
        self._wanted: str | None = None
        """Path of a file to be opened when it has arrived."""
        self._removed: list[Entry] = []
        """What can be brought back, the last one last."""
        self._reading: str | None = None

    @property
    def library(self) -> LibraryPanel:
        return self.query_one(LibraryPanel)

    @property
    def panel(self) -> DocumentPanel:
        return self.query_one(DocumentPanel)

    def _open_desk(self) -> Desk:
        return Desk(self.settings, self.session_log, self.post_message, self._engine)

    def complain(self, error: DocqaError | str) -> None:
        """Say what did not work, and what to do."""
        self.session_log.error(str(error))
        self.notify(str(error), severity="error", timeout=10, markup=False)

    # What is in the library

    async def fetch(self, work: Callable[[Store], Result]) -> Result:
        """Do something with the library, in a worker.

        The worker ends here when that did not work, which is said, or when the screen is gone.
        """
        try:
            result = await self.desk.shelf.run(work)
        except DocqaError as error:
            self.complain(error)
            raise asyncio.CancelledError from error
        # when the application ends, the widgets inside go before those around them
        if not all(self.query(kind) for kind in (DocumentList, Welcome, QuestionInput)):
            raise asyncio.CancelledError
        return result

    @work(exclusive=True, group="library")
    async def reload_library(self, *, first: bool = False) -> None:
        """Show the library as it is, soon."""
        await self.refresh_library(first=first)

    async def refresh_library(self, *, first: bool = False) -> None:
        """Show the library as it is.

        Args:
            first: Also choose the document that was used last, and go on reading files.
        """

        def look(store: Store) -> tuple[list[Entry], list[str]]:
            if first:
                store.empty_bin(older_than_seconds=OLD_BIN_SECONDS)
            last = store.last_used()
            documents, queue = store.documents(), store.queued_files()
            return make_entries(documents, queue, self._reading), [last.id] if last else []

        entries, last = await self.fetch(look)
        self.library.show(entries)
        if first:
            self.desk.files.resume()
            if last:
                self.choose(last[0], is_quiet=True)
        self.scope_shown()
        if first and not entries:
            self.query_one(Welcome).first_button.focus()

    def scope_shown(self) -> None:
        """Say in words what is asked."""
        entries = [self.library.entry(key) for key in self.library.scope]
        titles = [entry.title for entry in entries if entry is not None]
        documents = [entry for entry in self.library.entries if entry.is_document]
        self.query_one(Welcome).show(len(documents), titles[0] if titles else "")
        field = self.query_one(QuestionInput)
        more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
        # as content: a title may hold what would be markup
        field.border_title = Content(f"Ask {_short(titles[0])}{more}" if titles else "Ask")
        is_sample = any(e is not None and (e.path or "").endswith(SAMPLE) for e in entries)
        field.placeholder = (
            f"Ask, for example: {SAMPLE_QUESTION}" if is_sample else "Ask a question"
        )

    @on(LibraryPanel.ScopeChanged)
    def scope_changed(self) -> None:
        """Other documents are asked."""
        self.scope_shown()

    def choose(self, document_id: str, *, is_quiet: bool = False) -> None:
        """Ask a document alone, and show it."""
        self.library.set_scope([document_id])
        self.library.highlight(document_id)
        self.open_document(document_id, is_quiet=is_quiet)

    @work(exclusive=True, group="document")
    async def open_document(self, document_id: str, *, is_quiet: bool = False) -> None:
        """Show a document from its first page."""
        document = await self.load_document(document_id)
        self.desk.files.watch(None)
        self.panel.show(document)
        if not is_quiet:
            self.reveal_document()

    async def load_document(self, document_id: str) -> Document:
        """A document of the library."""
        shown = self.panel.document
        if shown is not None and shown.id == document_id:
            return shown
        return await self.fetch(lambda store: store.load(document_id))

    def show_pane(self, name: str) -> None:
        """Bring a pane to the front where there is room for one only."""

    def reveal_document(self) -> None:
        """Bring the document to the front where there is room for one pane only."""

    # What comes in

    def action_add_files(self) -> None:
        """Choose files."""
        self.choose_files()

    def choose_files(self, start: Path | None = None) -> None:
        """Open the file picker in a folder; None = where docqa was started."""
        from docqa.app.tui.screens.file_picker import FilePicker

        self.app.push_screen(FilePicker(start), self.add_files)

    def add_files(self, paths: Sequence[Path] | None) -> None:
        """Put files and folders into the queue."""
        if not paths:
            return
        files_ = [path.absolute() for path in paths]
        if len(files_) == 1 and files_[0].is_file():
            self._wanted = str(files_[0])
        self.desk.files.add(files_)

    @on(LibraryPanel.FilesDropped)
    @on(QuestionInput.FilesDropped)
    def files_dropped(self, event: LibraryPanel.FilesDropped | QuestionInput.FilesDropped) -> None:
        """Take what was dropped on a pane."""
        self.add_files(event.paths)

    def on_paste(self, event: events.Paste) -> None:
        """Take what was dropped elsewhere."""
        paths = pasted_paths(event.text)
        if paths:
            event.stop()
            self.add_files(paths)

    @on(Welcome.AddAsked)
    def add_asked(self) -> None:
        """Choose files."""
        self.choose_files()

    @on(Welcome.SampleAsked)
    def sample_asked(self) -> None:
        """Open the document that comes with docqa."""
        self.add_files([Path(str(files("docqa.assets").joinpath(SAMPLE)))])

    @on(messages.FileQueueChanged)
    def file_queue_changed(self, event: messages.FileQueueChanged) -> None:
        """Show the queue as it is."""
        self._reading = event.reading
        self.reload_library()

    @on(messages.FileProgress)
    def file_progress(self, event: messages.FileProgress) -> None:
        """Show how far a file is."""
        self.library.set_progress(event.path, event.n_done, event.n_pages)

    @on(messages.DraftPagesRead)
    def draft_pages_read(self, event: messages.DraftPagesRead) -> None:
        """Show the pages so far."""
        self.panel.show_partial(Path(event.path).name, event.pages, event.n_pages)

    @on(messages.FileArrived)
    @work
    async def file_arrived(self, event: messages.FileArrived) -> None:
        """A document is there: ask it, if nothing else is asked or if it was waited for."""
        self._removed = [one for one in self._removed if one.key != event.document_id]
        await self.refresh_library()
        entry = self.library.entry(event.document_id)
        if entry is None:
            return
        if event.path == self._wanted or not self.library.scope:
            self._wanted = None
            self.choose(event.document_id, is_quiet=True)
            self.show_pane("conversation")
            self.query_one(QuestionInput).focus()
        elif self.panel.document is None and not event.is_new:
            self.open_document(event.document_id, is_quiet=True)
        if not event.is_new:
            self.notify(f"{entry.title} was in the library already.", markup=False)
        elif entry.n_unread:
            self.notify(
                f"{entry.n_unread} of {entry.n_pages} pages of {entry.title} could not be read: "
                f"scans or unusable text. Run OCR first: ocrmypdf {entry.path} out.pdf",
                severity="warning",
                timeout=12,
                markup=False,
            )

    @on(messages.FileFailed)
    def file_failed(self, event: messages.FileFailed) -> None:
        """Say why; ask for the password where that is all that is missing."""
        if event.problem == FileProblem.PASSWORD and event.path == self._wanted:
            self.ask_password(event.path, event.reason)
            return
        self.notify(f"{event.reason} {event.hint}", severity="error", timeout=12, markup=False)

    @on(messages.NothingToAdd)
    def nothing_to_add(self, event: messages.NothingToAdd) -> None:
        """Say why nothing came."""
        self.notify(event.reason, severity="warning", timeout=10, markup=False)

    @on(messages.StoreFailed)
    def store_failed(self, event: messages.StoreFailed) -> None:
        """Say why the library does not work."""
        self.notify(event.reason, severity="error", timeout=15, markup=False)

    def ask_password(self, path: str, why: str) -> None:
        """Ask for the password of a file, and read it with that."""
        from docqa.app.tui.screens.password import PasswordScreen

        def given(password: str | None) -> None:
            if password:
                self._wanted = path
                self.desk.files.retry(path, password)

        self.app.push_screen(PasswordScreen(Path(path).name, why), given)

    # What the reader does with an entry

    @on(LibraryPanel.Opened)
    def entry_opened(self, event: LibraryPanel.Opened) -> None:
        """Open a document; for a file, do what brings it further."""
        entry = event.entry
        if entry.is_document:
            self.choose(entry.key)
        elif entry.state is EntryState.READING:
            self.desk.files.watch(entry.key)
            self.reveal_document()
        elif entry.needs_password:
            self.ask_password(entry.key, entry.reason)
        elif entry.state is EntryState.STOPPED:
            self.desk.files.retry(entry.key)
        elif entry.state is EntryState.FAILED:
            self.notify(
                f"{entry.reason} {entry.hint}",
                title="r reads it again, x removes it",
                severity="warning",
                timeout=12,
                markup=False,
            )

    @on(LibraryPanel.RetryAsked)
    def retry_asked(self, event: LibraryPanel.RetryAsked) -> None:
        """Read a file again."""
        if event.entry.needs_password:
            self.ask_password(event.entry.key, event.entry.reason)
        else:
            self._wanted = event.entry.key
            self.desk.files.retry(event.entry.key)

    @on(LibraryPanel.StopAsked)
    def stop_asked(self, event: LibraryPanel.StopAsked) -> None:
        """Do not read a file now."""
        self.desk.files.stop(event.entry.key)

    @on(LibraryPanel.RemoveAsked)
    @work
    async def remove_asked(self, event: LibraryPanel.RemoveAsked) -> None:
        """Remove an entry; a document goes to the bin, from which it can come back."""
        entry = event.entry
        if not entry.is_document:
            self.desk.files.drop(entry.key)
            return
        await self.fetch(lambda store: store.bin(entry.key))
        self._removed.append(entry)
        if self.panel.document is not None and self.panel.document.id == entry.key:
            self.panel.clear()
        self.reload_library()
        self.notify(
            "Ctrl+Z brings it back. Questions asked of it stay in the history.",
            title=f"Removed {_short(entry.title)}",
            timeout=UNDO_SECONDS,
            markup=False,
        )
        self.set_timer(UNDO_SECONDS, lambda: self._forget(entry))

    @work
    async def action_undo_remove(self) -> None:
        """Bring back the document that was removed last."""
        if not self._removed:
            self.notify("Nothing was removed in the last seconds.")
            return
        entry = self._removed.pop()
        if await self.fetch(lambda store: store.restore(entry.key)):
            await self.refresh_library()
            self.choose(entry.key, is_quiet=True)
            self.notify(f"{entry.title} is back.", markup=False)
        else:
            self.notify(f"{entry.title} is gone.", severity="warning", markup=False)

    @work
    async def _forget(self, entry: Entry) -> None:
        """Delete what was removed, once it can no longer be brought back."""
        if any(one is entry for one in self._removed):
            self._removed = [one for one in self._removed if one is not entry]
            await self.fetch(lambda store: store.remove_binned(entry.key))

    def forget_removed(self) -> None:
        """Delete at once what was removed: the application ends."""
        for entry in self._removed:
            key = entry.key
            self.desk.shelf.submit(lambda store, key=key: store.remove_binned(key))  # type: ignore[misc]


def _short(title: str) -> str:
    return title if len(title) <= 40 else title[:39] + "…"
