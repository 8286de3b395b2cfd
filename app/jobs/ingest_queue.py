"""Files on their way into the library: one is read, the others wait; all survive a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from docqa.app.tui import messages
from docqa.engine.errors import DocqaError, FileProblem, IngestError
from docqa.engine.library.file_state import FileState
from docqa.engine.types import Page, PageStatus

if TYPE_CHECKING:
    from textual.message import Message

    from docqa.app.jobs.process import EngineProcess
    from docqa.app.jobs.protocol import DraftPage, Event, Failed
    from docqa.app.jobs.shelf import Shelf
    from docqa.app.tui.session_log import SessionLog
    from docqa.engine.library.store import Store


class IngestQueue:
    """Reads the files of the library's queue, one after another.

    Its state is touched only in the shelf's thread, where everything it does is queued.
    """

    def __init__(
        self,
        shelf: Shelf,
        engine: EngineProcess,
        log: SessionLog,
        post: Callable[[Message], object],
    ) -> None:
        """
        Args:
            shelf: The library with the queue.
            engine: Where files are read.
            log: Gets what went wrong.
            post: Takes the messages, from any thread.
        """
        self._shelf = shelf
        self._engine = engine
        self._log = log
        self._post = post
        self._reading: tuple[str, int] | None = None
        """Path and job of the file that is being read."""
        self._drafts: list[Page] = []
        self._n_pages = 0
        self._watched: str | None = None
        self._passwords: dict[str, str] = {}

    def resume(self) -> None:
        """Go on with what an earlier run left in the queue."""
        self._do(self._next)

    def add(self, paths: Sequence[Path]) -> None:
        """Put files, and the files of folders, at the end of the queue."""
        self._do(lambda store: self._add(store, paths))

    def retry(self, path: str, password: str | None = None) -> None:
        """Give a file another turn."""

        def again(store: Store) -> None:
            if password is not None:
                self._passwords[path] = password
            store.enqueue(path)
            self._changed()
            self._next(store)

        self._do(again)

    def stop(self, path: str) -> None:
        """Stop reading a file, or do not begin; it stays in the queue and can be resumed."""

        def halt(store: Store) -> None:
            store.mark_file(path, FileState.STOPPED)
            self._cancel_if_reading(path)
            self._changed()
            self._next(store)

        self._do(halt)

    def drop(self, path: str) -> None:
        """Take a file out of the queue."""

        def forget(store: Store) -> None:
            store.dequeue(path)
            self._passwords.pop(path, None)
            self._cancel_if_reading(path)
            self._changed()
            self._next(store)

        self._do(forget)

    def watch(self, path: str | None) -> None:
        """Tell the pages of a file while it is being read; None = of none."""

        def look(_: Store) -> None:
            self._watched = path
            self._tell_drafts()

        self._do(look)

    # In the shelf's thread

    def _do(self, work: Callable[[Store], None]) -> None:
        def guarded(store: Store) -> None:
            try:
                work(store)
            except DocqaError as error:
                self._log.error(str(error))
                self._post(messages.StoreFailed(str(error)))
            except Exception as error:  # nobody waits for what is done here: this would be lost
                self._log.error(f"the queue of files failed: {type(error).__name__}: {error}")
                self._post(messages.StoreFailed(f"unexpected {type(error).__name__}: {error}"))

        self._shelf.submit(guarded)

    def _add(self, store: Store, paths: Sequence[Path]) -> None:
        from docqa.app.commands.ingest import find_files

        for path in paths:
            try:
                for file in find_files([str(path)]):
                    self._enqueue(store, file)
            except DocqaError as error:
                self._post(messages.NothingToAdd((path,), str(error)))
        self._changed()
        self._next(store)

    def _enqueue(self, store: Store, file: Path) -> None:
        from docqa.engine.pipeline import check_name

        try:
            check_name(file)
        except IngestError as error:  # the others of its folder are read
            self._log.warning(str(error))
            self._post(messages.NothingToAdd((file,), str(error)))
        else:
            store.enqueue(str(file.absolute()))

    def _next(self, store: Store) -> None:
        """Begin the first waiting file, unless one is being read."""
        if self._reading is not None:
            return
        waiting = (f for f in store.queued_files() if f.state is FileState.WAITING)
        file = next(waiting, None)
        if file is None:
            return
        from docqa.app.jobs.protocol import ReadRequest

        job = self._engine.next_job()
        self._reading, self._drafts, self._n_pages = (file.path, job), [], 0
        password = self._passwords.get(file.path)
        self._log.info(f"reading {Path(file.path).name}")
        request = ReadRequest(job, str(self._shelf.path), file.path, password)
        self._engine.submit(request, lambda event: self._do(lambda s: self._happened(s, event)))
        self._changed()

    def _cancel_if_reading(self, path: str) -> None:
        if self._reading is not None and self._reading[0] == path:
            self._engine.cancel(self._reading[1])
            self._reading = None

    def _happened(self, store: Store, event: Event) -> None:
        """An event of the file that is being read; those of a cancelled one come too late."""
        from docqa.app.jobs import protocol

        if self._reading is None or self._reading[1] != event.job:
            if isinstance(event, protocol.FileRead):  # it was cancelled a moment too late
                self._changed()
            return
        path = self._reading[0]
        match event:
            case protocol.PagesRead():
                self._pages_read(path, event.n_done, event.n_pages, event.drafts)
                return
            case protocol.FileRead():
                store.dequeue(path)
                self._passwords.pop(path, None)
                self._post(messages.FileArrived(path, event.document_id, event.is_new))
            case protocol.Failed():
                self._failed(store, path, event)
        self._reading = None
        self._changed()
        self._next(store)

    def _pages_read(
        self, path: str, n_done: int, n_pages: int, drafts: Sequence[DraftPage]
    ) -> None:
        self._n_pages = n_pages
        self._drafts += [
            Page(one.number, one.text, PageStatus.TEXT if one.text else PageStatus.EMPTY)
            for one in drafts
        ]
        self._post(messages.FileProgress(path, n_done, n_pages))
        self._tell_drafts()

    def _tell_drafts(self) -> None:
        if self._reading is not None and self._reading[0] == self._watched and self._drafts:
            self._post(messages.DraftPagesRead(self._watched, tuple(self._drafts), self._n_pages))

    def _failed(self, store: Store, path: str, event: Failed) -> None:
        self._passwords.pop(path, None)
        self._log.warning(f"{Path(path).name}: {event.message} {event.details}".rstrip())
        problem = event.problem or FileProblem.OTHER.value
        store.mark_file(
            path, FileState.FAILED, problem=problem, reason=event.message, hint=event.hint
        )
        self._post(messages.FileFailed(path, problem, event.message, event.hint))

    def _changed(self) -> None:
        self._post(messages.FileQueueChanged(self._reading[0] if self._reading else None))
