"""The application's own connection to the library, in a thread of its own.

Another program may hold the library's lock for seconds: whoever draws must not wait for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from docqa.engine.library.store import Store

Result = TypeVar("Result")


class Shelf:
    """Does things with the library, one after another."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet: the first use does."""
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="library")
        self._store: Store | None = None

    def submit(self, work: Callable[[Store], Result]) -> Future[Result]:
        """Do something with the library soon."""
        return self._thread.submit(lambda: work(self._open()))

    async def run(self, work: Callable[[Store], Result]) -> Result:
        """Do something with the library and wait for what comes of it.

        Raises:
            DocqaError: What the work raised.
        """
        return await asyncio.wrap_future(self.submit(work))

    def close(self) -> None:
        """Finish what was begun and close the file."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=True)

    def _open(self) -> Store:
        if self._store is None:
            from docqa.engine.library.store import Store

            self._store = Store(self.path)
        return self._store

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
