"""An application that gives the terminal back as it was, however it ends.

An error in the interface, in a worker or in a thread ends it with one line on stderr after the
screen is restored, with the file that has the details; SIGTERM, SIGHUP and SIGINT end it as if it
had been quit. A second signal does not wait for anything, nor does the first for ever: a window
that was closed can leave Textual waiting to write to it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from textual.app import App
from textual.worker import WorkerFailed

from docqa.app.diagnostics import ExitCode, complain
from docqa.app.tui.session_log import SessionLog
from docqa.engine.errors import ConfigError, DocqaError

try:
    import termios
except ImportError:  # Windows has consoles of another kind
    termios = None  # type: ignore[assignment]

SIGNALS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)
]
RESTORE = (
    "\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # mouse reports
    "\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[<u"  # focus, paste, size and keyboard reports
    "\x1b[?7h\x1b[?1049l\x1b[?25h"  # line wrap, the screen before, the cursor
)
"""What Textual's drivers write at the end, for when they do not get to it."""


PATIENCE_SECONDS = {"SIGHUP": 3.0}
"""How long the end may take after a signal, where it is not `DEFAULT_PATIENCE_SECONDS`."""
DEFAULT_PATIENCE_SECONDS = 15.0


class GuardedApp(App[int]):
    """An app that remembers what ended it."""

    session_log: SessionLog
    failure: BaseException | None = None
    """The error that ended the app."""

    def _handle_exception(self, error: Exception) -> None:
        """Keep the error for the line on stderr, instead of drawing it with all local variables.

        Those would put questions, documents and megabytes of tensors on the terminal.
        """
        cause = error.error if isinstance(error, WorkerFailed) else error
        if self._exit and self.failure is None:
            # Work that was under way found its widgets gone: the reader has quit already.
            self.session_log.debug(f"after the end: {type(cause).__name__}: {cause}")
            return
        if self.failure is None:
            self.failure = cause
        self.session_log.failure(cause)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()


def run_guarded(app: GuardedApp) -> int:
    """Run an app until it ends.

    Returns:
        The exit code: 128 + n after signal n, else that of what ended it.

    Raises:
        ConfigError: When there is no terminal to run in.
    """
    check_terminal()
    with _signals(app), _thread_errors(app):
        try:
            app.run()
        except Exception as error:
            app.failure = app.failure or error
            app.session_log.failure(error)
    return report(app)


def check_terminal() -> None:
    """Say so where there is no terminal; a browser's server brings its own driver.

    Raises:
        ConfigError: When standard input or error is no terminal.
    """
    if os.environ.get("TEXTUAL_DRIVER"):
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            "docqa without a command needs a terminal.",
            'In a script: docqa ask "What …?" report.pdf',
        )


def report(app: GuardedApp) -> int:
    """One line on stderr about what ended the app, and the exit code."""
    error = app.failure
    if error is None:
        return app.return_code or ExitCode.DONE
    if isinstance(error, DocqaError):
        complain(str(error))
        return error.exit_code
    if os.environ.get("DOCQA_TRACEBACK"):
        raise error
    where = f"The details are in {app.session_log.file}." if app.session_log.file else ""
    complain(
        f"unexpected {type(error).__name__}: {error}. This is a bug; nothing asked or answered is "
        f"lost. {where or 'DOCQA_TRACEBACK=1 shows where.'}"
    )
    return ExitCode.FAILED


@contextlib.contextmanager
def _signals(app: GuardedApp) -> Iterator[None]:
    """End the app on a signal; at once on the second."""
    terminal = _TerminalState()
    seen: list[int] = []
    watchdogs: list[threading.Timer] = []

    def end_at_once(number: int) -> None:
        terminal.restore()
        os._exit(128 + number)

    def stop(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        loop = app._loop
        if len(seen) > 1:
            end_at_once(number)
        elif loop is None or loop.is_closed():
            raise SystemExit(128 + number)
        else:
            name = signal.Signals(number).name
            app.session_log.info(f"ended by {name}")
            patience = PATIENCE_SECONDS.get(name, DEFAULT_PATIENCE_SECONDS)
            watchdogs.append(threading.Timer(patience, end_at_once, [number]))
            watchdogs[0].daemon = True
            watchdogs[0].start()
            loop.call_soon_threadsafe(app.exit, None, 128 + number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for watchdog in watchdogs:
            watchdog.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


class _TerminalState:
    """The terminal as it was before the app, to be put back without the app's help."""

    def __init__(self) -> None:
        self._attributes: Any = None
        if termios is not None:
            with contextlib.suppress(termios.error):  # a browser's server, a closed window
                self._attributes = termios.tcgetattr(0)

    def restore(self) -> None:
        if termios is not None and self._attributes is not None:
            with contextlib.suppress(termios.error, OSError):
                os.write(2, RESTORE.encode())
                termios.tcsetattr(0, termios.TCSANOW, self._attributes)


@contextlib.contextmanager
def _thread_errors(app: GuardedApp) -> Iterator[None]:
    """An error in a plain thread ends the app as one in the interface does."""

    def end(arguments: threading.ExceptHookArgs) -> None:
        loop = app._loop
        error = arguments.exc_value
        if not isinstance(error, Exception) or loop is None or loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(app._handle_exception, error)

    before = threading.excepthook
    threading.excepthook = end
    try:
        yield
    finally:
        threading.excepthook = before
