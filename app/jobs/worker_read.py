"""A file into the library, in the engine process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from docqa.app.jobs.protocol import DraftPage, Event, FileRead, PagesRead, ReadRequest
from docqa.engine.exports.control_characters import clean
from docqa.engine.library.store import Store
from docqa.engine.pipeline import open_file

if TYPE_CHECKING:
    from docqa.engine.types import Page

EVENT_SECONDS = 0.2


def read_file(
    request: ReadRequest, emit: Callable[[Event], None], is_cancelled: Callable[[], bool]
) -> None:
    """Read a file; its pages are told as they come."""
    progress = _Progress(request.job, emit)
    with Store(Path(request.library)) as store:
        document, is_new = open_file(
            store,
            Path(request.path),
            password=request.password,
            on_progress=progress.pages_done,
            is_cancelled=is_cancelled,
            on_page=progress.page_read,
        )
    emit(FileRead(request.job, document.id, is_new))


class _Progress:
    """Gathers pages and tells them a few times a second."""

    def __init__(self, job: int, emit: Callable[[Event], None]) -> None:
        self._job = job
        self._emit = emit
        self._drafts: list[DraftPage] = []
        self._told_at = 0.0

    def page_read(self, page: Page) -> None:
        self._drafts.append(DraftPage(page.number, clean(page.text)))

    def pages_done(self, n_done: int, n_pages: int) -> None:
        now = time.monotonic()
        if now - self._told_at < EVENT_SECONDS and n_done < n_pages:
            return
        self._told_at = now
        self._emit(PagesRead(self._job, n_done, n_pages, tuple(self._drafts)))
        self._drafts.clear()
