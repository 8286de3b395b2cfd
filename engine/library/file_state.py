"""Where a file is on its way into the library. Apart from the queue, which needs a database."""

from __future__ import annotations

from enum import StrEnum


class FileState(StrEnum):
    """How far a file is on its way into the library; one that arrived is no longer in the queue."""

    WAITING = "waiting"
    """To be read, or being read when docqa was ended."""
    STOPPED = "stopped"
    """The reader stopped it."""
    FAILED = "failed"
