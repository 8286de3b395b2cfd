"""When the next request may go out: limits a minute, and what a busy server asks for."""

from __future__ import annotations

import threading
import time

from docqa.engine.errors import Cancelled
from docqa.engine.retrievers.retriever import IsCancelled

POLL_SECONDS = 0.05


class Pace:
    """Spaces requests evenly; shared by all threads that make them."""

    def __init__(self, requests_per_minute: int = 0, tokens_per_minute: int = 0) -> None:
        """
        Args:
            requests_per_minute: 0 = no limit.
            tokens_per_minute: Prompts and replies together; 0 = no limit.
        """
        self._seconds_per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._seconds_per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._lock = threading.Lock()
        self._next = 0.0
        """When the next request may start, as `time.monotonic` counts."""
        self._held_until = 0.0

    def take(self, n_tokens: int) -> float:
        """Reserve the next start for a request of at most so many tokens; says when it is."""
        with self._lock:
            start = max(self._next, self._held_until, time.monotonic())
            self._next = start + max(self._seconds_per_request, n_tokens * self._seconds_per_token)
            return start

    def give_back(self, n_tokens: int) -> None:
        """Tokens that were reserved and not used."""
        with self._lock:
            earliest = time.monotonic() + self._seconds_per_request
            freed = self._next - n_tokens * self._seconds_per_token
            self._next = min(self._next, max(earliest, freed))

    def hold(self, seconds: float) -> None:
        """Let nothing start for a while: the server asked for it."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)


def sleep_until(when: float, is_cancelled: IsCancelled) -> None:
    """Sleep until `time.monotonic` says so.

    Raises:
        Cancelled: As soon as `is_cancelled` says so.
    """
    while (left := when - time.monotonic()) > 0:
        if is_cancelled():
            raise Cancelled
        time.sleep(min(left, POLL_SECONDS))
