"""A retriever that reads once for a question, for what asks several times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from docqa.engine.reader import SpanReader, reader_of
from docqa.engine.retrievers.retriever import IsCancelled, OnProgress, Retriever, Scores
from docqa.engine.types import Document


class RememberedScores:
    """A retriever whose scores are kept, and how long each reading took."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._kept: dict[tuple[str, str], Scores] = {}
        self.seconds: dict[tuple[str, str], float] = {}
        """By id of the document and what was asked."""
        self.name = retriever.name
        self.checkpoint = retriever.checkpoint
        self.device = retriever.device

    @property
    def span_reader(self) -> SpanReader | None:
        """The reader of the checkpoint, see `docqa.engine.reader`."""
        return reader_of(self._retriever)

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """See `Retriever.score`."""
        key = (document.id, question)
        if key not in self._kept:
            started = time.perf_counter()
            self._kept[key] = self._retriever.score(
                question, document, on_progress=on_progress, is_cancelled=is_cancelled
            )
            self.seconds[key] = time.perf_counter() - started
        return self._kept[key]

    def score_questions(
        self,
        questions: Sequence[str],
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> list[Scores]:
        """See `MambaRetriever.score_questions`; together only where the retriever can.

        What is read together takes each question an equal part of the time.
        """
        watch: dict[str, Any] = {"on_progress": on_progress, "is_cancelled": is_cancelled}
        batched: Callable[..., list[Scores]] | None = getattr(
            self._retriever, "score_questions", None
        )
        new = [one for one in dict.fromkeys(questions) if (document.id, one) not in self._kept]
        if batched is not None and new:
            started = time.perf_counter()
            found = batched(new, document, **watch)
            seconds = (time.perf_counter() - started) / len(new)
            for question, scores in zip(new, found, strict=True):
                self._kept[document.id, question] = scores
                self.seconds[document.id, question] = seconds
        return [self.score(question, document, **watch) for question in questions]

    def forget(self) -> None:
        """Free what was kept."""
        self._kept.clear()
        self.seconds.clear()
