"""Several questions to come on the same documents: each document is read for many at once.

Whoever asks sees an ordinary retriever and asks one question after another; only a retriever that
gains by it (`tokens_at_once`, on a GPU) is worth wrapping, since the first answer waits for all
that were read with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.retriever import (
    MOST_TOGETHER,
    IsCancelled,
    OnProgress,
    Progress,
    Retriever,
    Scores,
)

if TYPE_CHECKING:
    from docqa.engine.types import Document


def with_questions(retriever: Retriever, questions: Sequence[str]) -> Retriever:
    """The retriever, told what will be asked if that makes it faster."""
    return Foreseen(retriever, questions) if getattr(retriever, "tokens_at_once", 0) else retriever


class Foreseen:
    """A retriever that reads for the next questions, and keeps their scores until they come."""

    def __init__(self, retriever: Retriever, questions: Sequence[str]) -> None:
        """
        Args:
            retriever: Has `score_questions`.
            questions: In the order they will be asked in.
        """
        self._retriever: Any = retriever
        self._questions = [question.strip() for question in questions]
        self._kept: dict[tuple[str, str], Scores] = {}
        self._end: dict[str, Progress] = {}
        """The last progress of each document."""
        self.name = retriever.name
        self.checkpoint = retriever.checkpoint
        self.device = retriever.device

    def __getattr__(self, name: str) -> Any:
        """What else the retriever carries: calibrations, a reader."""
        return getattr(self._retriever, name)

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """See `Retriever.score`."""
        if (question, document.id) not in self._kept:
            self._read(question, document, on_progress, is_cancelled)
        elif on_progress is not None:
            scores = self._kept[question, document.id]
            on_progress(replace(self._end[document.id], scores=scores))
        return self._kept.pop((question, document.id))

    def _read(
        self,
        question: str,
        document: Document,
        on_progress: OnProgress | None,
        is_cancelled: IsCancelled | None,
    ) -> None:
        """Read a document for this question and those that follow it."""

        def note(progress: Progress) -> None:
            self._end[document.id] = progress
            if on_progress is not None:
                on_progress(progress)

        questions = [question]
        coming = [in_words_of(document, one) for one in self._questions]
        if question in coming:
            first = coming.index(question)
            questions = list(dict.fromkeys(coming[first : first + MOST_TOGETHER]))
        scores = self._retriever.score_questions(
            questions, document, on_progress=note, is_cancelled=is_cancelled
        )
        for one, kept in zip(questions, scores, strict=True):
            self._kept[one, document.id] = kept
