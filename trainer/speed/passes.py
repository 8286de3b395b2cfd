"""Long documents out of a library, each read in a process of its own.

Peak memory is that of the whole process (interpreter, torch, model, document and what reading
takes), so that the difference between two lengths is what length costs.
"""

from __future__ import annotations

import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docqa.engine.errors import Cancelled
from docqa.engine.library.store import Store
from docqa.engine.peak_memory import peak_memory_bytes
from docqa.engine.retrievers.retriever import Progress
from docqa.trainer.speed.subjects import (
    QUESTION,
    Subject,
    long_document,
    n_copies_for,
    sample_document,
)

CANCEL_AFTER_SECONDS = (0.05, 0.11, 0.17, 0.23, 0.29)
"""From the first evidence on; different, so that they fall on different places of a segment."""

Run = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Pass:
    """One document read once."""

    n_tokens: int
    seconds: float
    peak_bytes: int | None
    """Most memory of the process, or of the GPU; None where the system does not tell."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a reader waits, in seconds; medians, and the longest of the cancellings."""

    first_evidence_seconds: float
    cancel_seconds: float | None
    """None where the document was read before it could be cancelled."""
    longest_cancel_seconds: float | None


def store_documents(subject: Subject, library: Path, lengths: Sequence[int]) -> list[str]:
    """Put documents of about these numbers of tokens into a library; returns their ids."""
    with Store(library) as store:
        retriever = subject.load(store)
        store.add(sample_document())
        retriever.tokenize(sample_document())
        ids = []
        for length in lengths:
            document = long_document(n_copies_for(length, retriever))
            if store.get(document.id) is None:
                store.add(document)
            retriever.tokenize(document)
            ids.append(document.id)
    return ids


def read_stored(subject: Subject, library: Path, document_id: str) -> Pass:
    """Read a stored document once, after the sample to warm up."""
    with Store(library) as store:
        retriever = subject.load(store)
        retriever.score(QUESTION, store.load(sample_document_id(store)))
        document = store.load(document_id)
        n_tokens = len(retriever.tokenize(document).token_ids)
        begun = time.perf_counter()
        retriever.score(QUESTION, document)
        seconds = time.perf_counter() - begun
        return Pass(n_tokens, seconds, _peak_bytes(retriever.device))


def wait_for(subject: Subject, library: Path, document_id: str) -> Waiting:
    """From the start of a pass to the first scored sentences; from cancelling to its end."""
    with Store(library) as store:
        retriever = subject.load(store)
        retriever.score(QUESTION, store.load(sample_document_id(store)))
        document = store.load(document_id)
        firsts, cancels = [], []
        for delay in CANCEL_AFTER_SECONDS:
            stop = _Stop(delay)
            begun = time.perf_counter()
            try:
                retriever.score(
                    QUESTION, document, on_progress=stop.on_progress, is_cancelled=stop.is_set
                )
            except Cancelled:
                cancels.append(time.perf_counter() - stop.set_at)
            firsts.append(stop.first_at - begun)
        return Waiting(
            statistics.median(firsts),
            statistics.median(cancels) if cancels else None,
            max(cancels, default=None),
        )


class _Stop:
    """Cancels some time after the first evidence."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._event = threading.Event()
        self.first_at = 0.0
        self.set_at = 0.0

    def on_progress(self, progress: Progress) -> None:
        if not self.first_at and progress.n_sentences_read:
            self.first_at = time.perf_counter()
            timer = threading.Timer(self._delay, self._set)
            timer.daemon = True
            timer.start()

    def is_set(self) -> bool:
        return self._event.is_set()

    def _set(self) -> None:
        self.set_at = time.perf_counter()
        self._event.set()


def sample_document_id(store: Store) -> str:
    """The id of the sample in a library that `store_documents` made."""
    return next(one.id for one in store.documents() if one.path is not None)


@contextmanager
def fresh_processes() -> Iterator[Run]:
    """`run(function, *arguments)`: the result of a function in a process started for it."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def _peak_bytes(device: str) -> int | None:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated()
    return peak_memory_bytes()
