"""A program in a pseudo-terminal, timed from outside: what a reader would wait."""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType

from docqa.engine.errors import MissingError

COLUMNS, LINES = 160, 45
TIMEOUT_SECONDS = 120.0


class TimedTerminal:
    """Runs a program and says how long something takes to show."""

    def __init__(self, command: Sequence[str], **environment: str) -> None:
        """Start it.

        Raises:
            MissingError: On Windows, which has no pseudo-terminals of this kind.
        """
        if sys.platform == "win32":
            raise MissingError("This measurement needs a POSIX terminal.", "Run it in WSL.")
        import fcntl
        import termios

        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._seen = b""
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment},
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> TimedTerminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            while self._process.poll() is None:  # it must not block on a full terminal
                self._read(0.05)
        finally:
            os.close(self._master)

    def press(self, keys: str) -> float:
        """Press keys; when that was."""
        self._seen = b""
        os.write(self._master, keys.encode())
        return time.perf_counter()

    def wait_for(self, text: str, seconds: float = TIMEOUT_SECONDS) -> float:
        """Read until a text was written since the last key; when that was.

        Raises:
            TimeoutError: When it does not come.
        """
        wanted = text.encode()
        until = time.perf_counter() + seconds
        while wanted not in self._seen:
            if time.perf_counter() > until or self._process.poll() is not None:
                raise TimeoutError(f"{text!r} did not show within {seconds:.0f} s")
            self._read(0.05)
        return time.perf_counter()

    def rest(self, seconds: float) -> bytes:
        """What is written within some time."""
        self._seen = b""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._read(left)
        return self._seen

    def _read(self, seconds: float) -> None:
        if select.select([self._master], [], [], seconds)[0]:
            try:
                self._seen += os.read(self._master, 65536)
            except OSError:  # the program has ended
                time.sleep(min(seconds, 0.05))
