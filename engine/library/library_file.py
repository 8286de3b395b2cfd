"""The one SQLite file a library is: opened, brought up to date, read and written in transactions.

What is kept in it is said elsewhere: `store.py` for documents, `history.py` for questions,
`file_queue.py` for files that wait.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TypeVar

from sqlite_utils import Database

from docqa.engine.errors import StoreError
from docqa.engine.library.migrations import MIGRATIONS

BUSY_SECONDS = 20
"""How long to wait while another process writes."""
MAX_INTEGER = 2**63 - 1
"""SQLite knows none that is larger."""
RETRY_SECONDS = 0.05

_Library = TypeVar("_Library", bound="LibraryFile")


class LibraryFile:
    """An open library. Safe to use from several threads; several processes may open one file."""

    def __init__(self, path: Path) -> None:
        """Open a library; a file that does not exist is made, an older one brought up to date.

        Raises:
            StoreError: When the file is no library, is damaged, or was made by a newer docqa.
        """
        self.path = path
        self._lock = RLock()
        with clear_errors(path):
            self._db = _connect(path)
            try:
                _migrate(self._db, path)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self: _Library) -> _Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        with self._lock, clear_errors(self.path):
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[Database]:
        """A transaction that takes the write lock first: two writers wait instead of failing."""
        with self._lock, clear_errors(self.path), _transaction(self._db):
            yield self._db


def now() -> str:
    """The time as the library writes it: UTC, ISO 8601, so that text sorts by it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _connect(path: Path) -> Database:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The library holds private documents: only its owner may read it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    # Absolute: SQLite takes `:memory:` and `file:…` for something else than a file.
    conn = sqlite3.connect(path.absolute(), timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        conn.execute("PRAGMA schema_version").fetchone()  # the first read finds a foreign file
        conn.execute("PRAGMA foreign_keys = ON")
        conn.execute("PRAGMA secure_delete = ON")  # removed means overwritten
        conn.execute("PRAGMA synchronous = NORMAL")
        db = Database(conn, execute_plugins=False)
        _enable_wal(db)
    except BaseException:
        conn.close()
        raise
    return db


def _enable_wal(db: Database) -> None:
    """Switch to a write-ahead log; SQLite itself does not wait for a lock when it does that."""
    give_up_at = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.enable_wal()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= give_up_at:
                raise
        time.sleep(RETRY_SECONDS)


def _migrate(db: Database, path: Path) -> None:
    """Bring the schema up to date; does not write when it is.

    Raises:
        StoreError: When the file belongs to a newer docqa or to another program.
    """
    known = [migration.name for migration in MIGRATIONS._migrations]
    applied = {migration.name for migration in MIGRATIONS.applied(db)}
    newer = sorted(applied - set(known))
    if newer:
        raise StoreError(
            f"The library {path} was written by a newer docqa (schema {newer[-1]}; "
            f"this one knows up to {known[-1]}).",
            "Update docqa, or choose another file with --library.",
        )
    if not applied and db.table_names():
        raise StoreError(
            f"{path} is a database of another program (tables {', '.join(db.table_names()[:3])}).",
            "Choose another file with --library.",
        )
    if applied != set(known):
        with _transaction(db):  # another process may be doing the same: it waits here
            MIGRATIONS.apply(db)


@contextmanager
def _transaction(db: Database) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    db.commit()


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """What SQLite and the file system say, said so that a user can act on it."""
    try:
        yield
    except sqlite3.OperationalError as error:
        hints = {
            "locked": "Another docqa is writing to it; try again, or use another --library.",
            "full": "Free some space and try again.",
        }
        hint = next((hints[word] for word in hints if word in str(error)), "")
        raise StoreError(
            f"Cannot use the library {path}: {error}.",
            hint or "Check the path, or choose another file with --library.",
        ) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise StoreError(
            f"{path} is no library, or it is damaged: {error}.",
            "Move it away to start a new one, or choose another file with --library.",
        ) from error
    except OSError as error:
        raise StoreError(
            f"Cannot use the library {path}: {error.strerror}.",
            "Choose another file with --library.",
        ) from error
