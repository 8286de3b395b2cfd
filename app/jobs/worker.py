"""The engine process: reads requests from stdin, does them one after another, writes events.

It ends when its stdin does, so it never outlives the application, however that ends.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from typing import BinaryIO

from docqa.app.jobs.models import ModelShelf
from docqa.app.jobs.protocol import (
    AskRequest,
    CancelRequest,
    Event,
    Failed,
    PrepareRequest,
    ReadRequest,
    Request,
    Stopped,
    read_request,
    write_event,
)
from docqa.engine.errors import Cancelled, DocqaError, IngestError

GRACE_SECONDS = 3.0
"""For the job that runs when the application is gone."""


class Worker:
    """Does what the application asks."""

    def __init__(self, requests: BinaryIO, events: BinaryIO) -> None:
        self._requests = requests
        self._events = events
        self._waiting: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._queued: set[int] = set()
        self._cancelled: set[int] = set()
        self._deciding = threading.Lock()
        self._is_orphaned = False
        self._writing = threading.Lock()
        self._models = ModelShelf()

    def run(self) -> None:
        """Work until the application closes the pipe."""
        threading.Thread(target=self._listen, daemon=True).start()
        while (request := self._waiting.get()) is not None:
            with self._deciding:
                if request.job not in self._queued:
                    continue
                self._queued.discard(request.job)
            self._do(request)
            self._cancelled.discard(request.job)

    def emit(self, event: Event) -> None:
        """Tell the application."""
        with self._writing:
            try:
                self._events.write(write_event(event))
                self._events.flush()
            except OSError:  # it is gone; what is to be kept is in the library
                self._is_orphaned = True

    def is_cancelled(self, job: int) -> bool:
        """Whether a job is to stop."""
        return self._is_orphaned or job in self._cancelled

    def _listen(self) -> None:
        """Take requests as they come; cancel at once, queue the rest."""
        for line in self._requests:
            request = read_request(line)
            if isinstance(request, CancelRequest):
                self._cancel(request.job)
            else:
                self._queued.add(request.job)
                self._waiting.put(request)
        self._is_orphaned = True
        self._waiting.put(None)
        threading.Timer(GRACE_SECONDS, os._exit, [0]).start()

    def _cancel(self, job: int) -> None:
        """Stop a job that runs soon, one that waits at once."""
        with self._deciding:
            is_waiting = job in self._queued
            self._queued.discard(job)
            if not is_waiting:
                self._cancelled.add(job)
        if is_waiting:
            self.emit(Stopped(job))

    def _do(self, request: Request) -> None:
        job = request.job
        try:
            if isinstance(request, ReadRequest):
                from docqa.app.jobs.worker_read import read_file

                read_file(request, self.emit, lambda: self.is_cancelled(job))
            elif isinstance(request, PrepareRequest):
                from docqa.app.jobs.worker_ask import prepare

                prepare(request, self._models, self.emit)
            elif isinstance(request, AskRequest):
                from docqa.app.jobs.worker_ask import answer

                answer(request, self._models, self.emit, lambda: self.is_cancelled(job))
        except Cancelled:
            self.emit(Stopped(job))
        except IngestError as error:
            self.emit(Failed(job, error.message, error.hint, error.problem.value))
        except DocqaError as error:
            self.emit(Failed(job, error.message, error.hint))
        except MemoryError:
            self.emit(
                Failed(job, "There is not enough memory.", "Close other programs and try again.")
            )
        except Exception as error:
            self.emit(
                Failed(
                    job,
                    f"Unexpected {type(error).__name__}: {error}. This is a bug.",
                    "The log (Ctrl+L) shows where.",
                    details=traceback.format_exc(),
                )
            )


def main() -> None:
    """Serve the application that started this process."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not disturb
    Worker(sys.stdin.buffer, events).run()


if __name__ == "__main__":
    main()
