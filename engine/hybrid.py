"""Mamba and BM25 together: each finds sentences that the other misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from docqa.engine.bm25 import BM25Retriever
from docqa.engine.confidence import Calibration
from docqa.engine.reader import SpanReader, reader_of
from docqa.engine.retriever import IsCancelled, OnProgress, Retriever, Scores
from docqa.engine.types import Document

BM25_WEIGHT = 6.0
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
        """Confidence models of the checkpoint, see `docqa.engine.confidence`."""
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
        return fuse(mamba, self.bm25.score(question, document, is_cancelled=is_cancelled))

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
            fuse(mamba, self.bm25.score(question, document))
            for question, mamba in zip(questions, read(questions, document, **watch), strict=True)
        ]


class FusedScores(np.ndarray[Any, np.dtype[np.float32]]):
    """(s,) scores to rank by, with the logits that say whether anything answers at all.

    Shared words lift a sentence above others, but their number says little about an answer: `capex`
    shares none with the row of a cash flow statement, `What did the moon landing cost?` many.
    """

    logits: Scores

    def __array_finalize__(self, made_from: Any) -> None:
        """A part or a sum of them has its own values for logits."""
        self.logits = np.asarray(self)


def fuse(mamba: Scores, bm25: Scores) -> Scores:
    """One score a sentence from both: the logit plus the share of the best BM25, weighted.

    The logit stays what it is, so that scores of several documents still compare.

    Args:
        mamba: (s,) logits.
        bm25: (s,) BM25 scores of the same sentences, at least 0.

    Returns:
        (s,) higher is better.
    """
    best = float(bm25.max()) if len(bm25) else 0.0
    share = bm25 / best if best > 0 else np.zeros_like(bm25)
    fused = (mamba + BM25_WEIGHT * share).astype(np.float32).view(FusedScores)
    fused.logits = mamba
    return fused
