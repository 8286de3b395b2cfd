"""Everything that works for one screen: the library's thread, the asking and the reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from docqa.app.jobs.ask_job import AskJob
from docqa.app.jobs.ingest_queue import IngestQueue
from docqa.app.jobs.process import EngineProcess
from docqa.app.jobs.shelf import Shelf

if TYPE_CHECKING:
    from textual.message import Message

    from docqa.app.config import Settings
    from docqa.app.tui.session_log import SessionLog


class Desk:
    """Opens nothing and starts nothing before it is used."""

    def __init__(
        self,
        settings: Settings,
        log: SessionLog,
        post: Callable[[Message], object],
        engine: EngineProcess | None = None,
    ) -> None:
        """
        Args:
            settings: What names the library.
            log: Gets what goes wrong.
            post: Takes the messages, from any thread.
            engine: A process to ask that somebody else closes; None = one of its own.
        """
        self._owned = [EngineProcess()]
        if engine is None:
            engine = EngineProcess()
            self._owned.append(engine)
        self.shelf = Shelf(settings.library_path)
        self.files = IngestQueue(self.shelf, self._owned[0], log, post)
        self.asking = AskJob(self.shelf, engine, log, post)

    def close(self) -> None:
        """Stop all work; what is unfinished stays noted in the library."""
        for process in self._owned:
            process.close()
        self.shelf.close()
