"""Mamba and BM25 together: each finds sentences that the other misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from docqa.engine.reader import SpanReader, reader_of
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.confidence import Calibration
from docqa.engine.retrievers.fused_scores import lifted, read_by
from docqa.engine.retrievers.retriever import IsCancelled, OnProgress, Retriever, Scores
from docqa.engine.types import Document

BM25_WEIGHT = 2.0
"""What the best BM25 sentence gains, in logits; trainer/README.md has the figures."""


class HybridRetriever:
    """Scores sentences with both retrievers and fuses the scores."""

    name = "hybrid"

    def __init__(self, mamba: Retriever) -> None:
        """
        Args:
            mamba: The retriever that reads; its `calibrations` hold those of `hybrid` too.
        """
        self.mamba = mamba
        self.bm25 = BM25Retriever()
        self.checkpoint = mamba.checkpoint
        self.device = mamba.device

    @property
    def calibrations(self) -> Mapping[str, Calibration]:
        """Confidence models of the checkpoint, see `docqa.engine.retrievers.confidence`."""
        carried: Mapping[str, Calibration] = getattr(self.mamba, "calibrations", {})
        return carried

    @property
    def span_reader(self) -> SpanReader | None:
        """The reader of the checkpoint, see `docqa.engine.reader`."""
        return reader_of(self.mamba)

    @property
    def tokens_at_once(self) -> int:
        """See `MambaRetriever.tokens_at_once`."""
        n_tokens: int = getattr(self.mamba, "tokens_at_once", 0)
        return n_tokens

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """See `Retriever.score`. Progress shows what mamba has read, with its scores."""
        mamba = self.mamba.score(
            question, document, on_progress=on_progress, is_cancelled=is_cancelled
        )
        fused = fuse(mamba, self.bm25.score(question, document, is_cancelled=is_cancelled))
        return read_by(self.span_reader, question, document, fused)

    def score_questions(
        self,
        questions: Sequence[str],
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> list[Scores]:
        """Score several questions on one document; mamba reads them as a batch where it can."""
        watch: dict[str, Any] = {"on_progress": on_progress, "is_cancelled": is_cancelled}
        batched = getattr(self.mamba, "score_questions", None)
        read = batched or (lambda qs, d, **w: [self.mamba.score(q, d, **w) for q in qs])
        return [
            read_by(
                self.span_reader,
                question,
                document,
                fuse(mamba, self.bm25.score(question, document)),
            )
            for question, mamba in zip(questions, read(questions, document, **watch), strict=True)
        ]


def fuse(mamba: Scores, bm25: Scores) -> Scores:
    """One score a sentence from both: the logit plus the share of the best BM25, weighted.

    Args:
        mamba: (s,) scores of the model.
        bm25: (s,) BM25 scores of the same sentences, at least 0.

    Returns:
        (s,) higher is better.
    """
    return lifted(mamba, bm25, BM25_WEIGHT)
