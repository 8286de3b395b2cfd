"""Embeddings and BM25 by reciprocal rank: what a usual "hybrid search" does.

A baseline for measurement only (`docqa bench retrieval --retriever fusion`); docqa's own
combination is `docqa.engine.retrievers.hybrid`.
"""

from __future__ import annotations

import numpy as np

from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.retriever import IsCancelled, OnProgress, Retriever, Scores
from docqa.engine.types import Document

RANK_OFFSET = 60
"""The k of Cormack, Clarke and Büttcher (SIGIR 2009), which everyone uses."""


class FusionRetriever:
    """Scores sentences with an encoder and BM25 and adds their reciprocal ranks."""

    name = "fusion"

    def __init__(self, embedding: Retriever) -> None:
        """
        Args:
            embedding: The retriever that embeds.
        """
        self.embedding = embedding
        self.bm25 = BM25Retriever()
        self.checkpoint = embedding.checkpoint
        self.device = embedding.device

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """See `Retriever.score`. Progress shows what was embedded, with those scores."""
        embedding = self.embedding.score(
            question, document, on_progress=on_progress, is_cancelled=is_cancelled
        )
        bm25 = self.bm25.score(question, document, is_cancelled=is_cancelled)
        return reciprocal_rank(embedding, bm25)


def reciprocal_rank(*scores: Scores, k: int = RANK_OFFSET) -> Scores:
    """One score a sentence from several rankings: the sum of 1 / (k + rank).

    Equal scores share the rank of the last of them. The sentences without any word of the
    question thus stand behind all others for BM25, as if it had not returned them.

    Args:
        scores: Each (s,), higher is better; only their order counts.
        k: The greater, the less the first ranks stand out.

    Returns:
        (s,) higher is better.
    """
    fused = np.zeros(len(scores[0]))
    for one in scores:
        ranks = np.searchsorted(np.sort(-one), -one, side="right")
        fused += 1.0 / (k + ranks)
    return fused.astype(np.float32)
