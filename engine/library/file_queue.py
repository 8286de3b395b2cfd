"""Files that are to become documents: the queue is kept, so that a crash or a quit resumes it."""

from __future__ import annotations

from dataclasses import dataclass

from docqa.engine.library.file_state import FileState
from docqa.engine.library.library_file import LibraryFile, now


@dataclass(frozen=True, slots=True)
class QueuedFile:
    """A file in the queue."""

    path: str
    """Absolute."""
    state: FileState
    problem: str
    """For a failed one: the value of a `FileProblem`."""
    reason: str
    """For a failed one: what happened."""
    hint: str
    """For a failed one: what to do."""


class FileQueue(LibraryFile):
    """The part of a library that remembers which files are still to be read."""

    def enqueue(self, path: str) -> None:
        """Put a file at the end of the queue; one that failed or was stopped gets another turn."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO file_queue (path, added_at, state, problem, reason, hint) "
                "VALUES (?, ?, 'waiting', '', '', '') ON CONFLICT (path) DO UPDATE SET "
                "added_at = excluded.added_at, state = 'waiting', problem = '', reason = '', "
                "hint = '' WHERE state <> 'waiting'",
                [path, now()],
            )

    def mark_file(
        self, path: str, state: FileState, *, problem: str = "", reason: str = "", hint: str = ""
    ) -> None:
        """Note that a file of the queue was stopped or could not be read."""
        with self._writing() as db:
            db.execute(
                "UPDATE file_queue SET state = ?, problem = ?, reason = ?, hint = ? WHERE path = ?",
                [state.value, problem, reason, hint, path],
            )

    def dequeue(self, path: str) -> None:
        """Take a file out of the queue: it arrived, or the reader gave it up."""
        with self._writing() as db:
            db.execute("DELETE FROM file_queue WHERE path = ?", [path])

    def queued_files(self) -> list[QueuedFile]:
        """All files of the queue, the next one first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT path, state, problem, reason, hint FROM file_queue ORDER BY added_at, path"
            ).fetchall()
        return [
            QueuedFile(path, FileState(state), problem, reason, hint)
            for path, state, problem, reason, hint in rows
        ]
