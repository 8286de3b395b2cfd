"""What the terminal application did, for its log screen and for a report of a fault.

Questions and answers are nobody's business: the log has their length, and their words only when
`DOCQA_DEBUG=1` asks for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import traceback
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

MAX_LINES = 2_000
"""Lines kept for the screen; the oldest go first."""
MAX_FILE_BYTES = 512_000
N_OLD_FILES = 2


class Level(IntEnum):
    """How much a line matters."""

    DEBUG = logging.DEBUG
    INFO = logging.INFO
    WARNING = logging.WARNING
    ERROR = logging.ERROR


@dataclass(frozen=True, slots=True)
class LogLine:
    """One thing that happened."""

    at: datetime
    level: Level
    text: str
    """May hold several lines: a traceback."""

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.level.name.lower():<7} {self.text}"


class SessionLog:
    """The lines of this session, also written to a file that is cut when it gets long.

    Any thread may write. A log that cannot be written to disk is kept in memory and says so: an
    application must not fail because of its log.
    """

    def __init__(self, file: Path | None = None, *, debug: bool = False) -> None:
        """Start a log.

        Args:
            file: Where it is written too; None = only in memory.
            debug: Whether lines of the level `DEBUG`, and the words of questions, are kept.
        """
        self.file = file
        self.is_debug = debug
        self.n_written = 0
        """Lines so far, those that were dropped included; grows with every line."""
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._lock = threading.Lock()
        self._handler: logging.Handler | None = None
        if file is not None:
            self._handler = self._open(file)

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """What is kept, oldest first."""
        with self._lock:
            return tuple(self._lines)

    def since(self, n_seen: int) -> tuple[LogLine, ...]:
        """What was written after the first `n_seen` lines, as far as it is kept."""
        with self._lock:
            n_new = min(self.n_written - n_seen, len(self._lines))
            return tuple(self._lines)[len(self._lines) - n_new :]

    def debug(self, text: str) -> None:
        """A detail, kept only with `DOCQA_DEBUG=1`."""
        if self.is_debug:
            self._write(Level.DEBUG, text)

    def info(self, text: str) -> None:
        """Something that went as it should."""
        self._write(Level.INFO, text)

    def warning(self, text: str) -> None:
        """Something the reader may want to mend."""
        self._write(Level.WARNING, text)

    def error(self, text: str) -> None:
        """Something that did not work."""
        self._write(Level.ERROR, text)

    def failure(self, error: BaseException) -> None:
        """An error nobody expected, with the place it comes from."""
        self._write(Level.ERROR, "".join(traceback.format_exception(error)).rstrip())

    def question(self, text: str) -> None:
        """That a question was asked; its words only at debug."""
        self.info(f"question: {text}" if self.is_debug else f"question of {len(text)} characters")

    def close(self) -> None:
        """Let go of the file."""
        if self._handler is not None:
            self._handler.close()

    def _write(self, level: Level, text: str) -> None:
        line = LogLine(datetime.now(), level, text)
        with self._lock:
            self._lines.append(line)
            self.n_written += 1
        if self._handler is not None:
            record = logging.LogRecord("docqa", level, "", 0, text, None, None)
            self._handler.handle(record)

    def _open(self, file: Path) -> logging.Handler | None:
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.touch(mode=0o600)
            handler = QuietFileHandler(
                file,
                maxBytes=MAX_FILE_BYTES,
                backupCount=N_OLD_FILES,
                encoding="utf-8",
                delay=True,
            )
        except OSError as error:
            self.file = None
            self.warning(f"Cannot write the log {file}: {error.strerror}. It is kept in memory.")
            return None
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
        return handler


class QuietFileHandler(RotatingFileHandler):
    """A log file for its owner alone, that after a cut too: it names files.

    Its troubles (a full disk) stay off the screen the application draws on.
    """

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_open_privately)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: the line is still in memory."""


def _open_privately(path: str, flags: int) -> int:
    number = os.open(path, flags, 0o600)
    with contextlib.suppress(OSError):  # a file of another owner, a file system without modes
        os.chmod(path, 0o600)
    return number


def log_file() -> Path:
    """Where the log of the terminal application is written."""
    return Path(platformdirs.user_log_dir("docqa", appauthor=False)) / "docqa.log"


def open_session_log() -> SessionLog:
    """The log of this session, on disk."""
    return SessionLog(log_file(), debug=bool(os.environ.get("DOCQA_DEBUG")))
