"""The engine process as the application sees it: requests in, events out, started when needed."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from docqa.app.own_process import WORKER

if TYPE_CHECKING:
    from docqa.app.jobs.protocol import Event, Request

WAIT_ASLEEP = {"OMP_WAIT_POLICY": "passive"}
"""Threads of torch that wait for each other must not keep the cores busy: another program that
computes made reading 30 times slower, and the screen needs a core too."""
CANCEL_SECONDS = 5.0
"""How long a cancelled job may take to stop before its process is ended."""
CLOSE_SECONDS = 0.2
N_STDERR_LINES = 40


class EngineProcess:
    """A process that works for the application. Safe to use from several threads.

    It is started by the first request and again after it has died. Events come in a thread of
    their own, in order; the last event of a job is `Failed` when the process dies under it.
    """

    def __init__(self) -> None:
        self._jobs = itertools.count(1)
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._listeners: dict[int, Callable[[Event], None]] = {}
        self._is_closed = False
        self._last_words: deque[str] = deque(maxlen=N_STDERR_LINES)

    def next_job(self) -> int:
        """A number for a new request."""
        return next(self._jobs)

    def submit(self, request: Request, on_event: Callable[[Event], None]) -> None:
        """Hand over a request.

        Args:
            request: With a number from `next_job`.
            on_event: Called with each event of the job, in another thread.
        """
        with self._lock:
            if self._is_closed:
                return
            self._listeners[request.job] = on_event
            self._send(request, self._running())

    def cancel(self, job: int) -> None:
        """Ask a job to stop; where it does not, its process is ended."""
        from docqa.app.jobs.protocol import CancelRequest

        with self._lock:
            process = self._process
            if job not in self._listeners or process is None:
                return
            self._send(CancelRequest(job), process)
        timer = threading.Timer(CANCEL_SECONDS, self._end_stuck, [job, process])
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End the process. What it is doing stays unfinished in the library."""
        with self._lock:
            self._is_closed = True
            self._listeners.clear()
            process = self._process
        if process is None:
            return
        _close_stdin(process)
        try:
            process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def pid(self) -> int | None:
        """Of the process that runs, for tests and the log."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def _running(self) -> subprocess.Popen[bytes]:
        """The process, started if there is none."""
        if self._process is None or self._process.poll() is not None:
            self._last_words.clear()
            self._process = subprocess.Popen(
                WORKER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**WAIT_ASLEEP, **os.environ},
                start_new_session=os.name != "nt",  # Ctrl-C and hang-ups are the application's
            )
            for target in (self._listen, self._overhear):
                threading.Thread(target=target, args=[self._process], daemon=True).start()
        return self._process

    def _send(self, request: Request, process: subprocess.Popen[bytes]) -> None:
        from docqa.app.jobs.protocol import write_request

        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it just died: `_listen` will say so
            process.stdin.write(write_request(request))
            process.stdin.flush()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hand events to whoever waits for them, until the process ends."""
        from docqa.app.jobs import protocol

        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                event = protocol.read_event(line)
                with self._lock:
                    is_last = isinstance(event, protocol.LastEvent)
                    find = self._listeners.pop if is_last else self._listeners.get
                    listener = find(event.job, None)
                if listener is not None:
                    listener(event)
        code = process.wait()
        with self._lock:
            _close_stdin(process)
            orphans = [] if self._is_closed else list(self._listeners.items())
            self._listeners.clear()
            if self._process is process:
                self._process = None
        for job, listener in orphans:
            listener(self._obituary(job, code))

    def _obituary(self, job: int, code: int) -> Event:
        from docqa.app.jobs.protocol import Failed

        return Failed(
            job,
            f"The engine ended while it worked ({_how_it_ended(code)}).",
            "Try again; Ctrl+L shows its last words.",
            details="\n".join(self._last_words),
        )

    def _overhear(self, process: subprocess.Popen[bytes]) -> None:
        """Keep what the process writes to stderr, for the log."""
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self._last_words.append(line.decode(errors="replace").rstrip())

    def _end_stuck(self, job: int, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            is_stuck = job in self._listeners and self._process is process
        if is_stuck:
            process.kill()


def _close_stdin(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # what was not written yet has no reader any more
        process.stdin.close()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
    return f"{name}; the machine may be out of memory" if name == "SIGKILL" else name
