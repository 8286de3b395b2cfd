"""Scores of the model together with what words and the heads say: to rank by, and apart.

Shared words lift a sentence above others, but their number says little about an answer: `capex`
shares none with the row of a cash flow statement, `What did the moon landing cost?` many. The
encoder knows what says the same in other words. The reader then compares the question with the best
sentences word by word, which the model, that reads thousands of them in one pass, cannot. All of
them decide the order. Whether anything answers at all is judged by the logits and the heads, and by
the best of the sums (`docqa.engine.retrievers.confidence`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docqa.engine.evidence import ranking
from docqa.engine.reader import SpanReader
from docqa.engine.retrievers.retriever import Scores
from docqa.engine.types import Document

N_READ = 20
"""Sentences of a document that the reader is asked about."""
READER_WEIGHT = 1.0
"""What the reader's logit counts beside the model's; trainer/README.md has the figures."""
SHORT = 8
"""Tokens; a shorter sentence gains nothing by it."""
N_JUDGED = 6
"""Sentences that tell whether anything answers."""
SURE = 1e-4
"""Nothing is surer than this."""


class FusedScores(np.ndarray[Any, np.dtype[np.float32]]):
    """(s,) scores to rank by, with what they are made of."""

    logits: Scores
    """(s,) the model's."""
    unread: Scores
    """(s,) scores without the reader's word."""
    read: Mapping[int, float]
    """The reader's logits that sentences answer, by sentence."""
    nearest: float
    """Cosine of the question with the sentence that comes nearest to what it says; 0 where nobody
    compared them."""

    def __array_finalize__(self, made_from: Any) -> None:
        """A part or a sum of them has its own values for logits, and nobody has read it."""
        self.logits = self.unread = np.asarray(self)
        self.read = MappingProxyType({})
        self.nearest = 0.0


def lifted(scores: Scores, words: Scores, weight: float) -> Scores:
    """Scores plus the share of the best that each sentence has by its words, weighted.

    What the logits are stays what it is, so that scores of several documents still compare; what
    the reader said has to be added again.

    Args:
        scores: (s,) logits, or those lifted before.
        words: (s,) at least 0, on any scale.
        weight: What the best sentence gains, in logits.
    """
    best = float(words.max()) if len(words) else 0.0
    share = words / best if best > 0 else np.zeros_like(words)
    fused = _with(scores, np.asarray(unread_of(scores)) + weight * share)
    fused.read = read_of(scores)
    return fused


def brought_near(scores: Scores, near: Scores, compared: Sequence[int], weight: float) -> Scores:
    """Scores plus how near sentences come to the question by what they say, weighted.

    A sentence that is not compared counts as the least near of those that are.

    Args:
        scores: (s,) that nobody has read.
        near: (k,) cosines.
        compared: The k sentences they belong to.
        weight: What a cosine of 1 gains, in logits.
    """
    gain = np.full(len(scores), near.min(), np.float32)
    gain[list(compared)] = near
    fused = _with(scores, np.asarray(scores) + weight * gain)
    fused.nearest = float(near.max())
    return fused


def by_length(scores: Scores, n_tokens: NDArray[np.integer[Any]], weight: float) -> Scores:
    """Scores less what sentences take of a budget: the logarithm of their length, weighted.

    With a weight of 1, and scores that are logarithms of how likely sentences are to answer, the
    best are those that are likeliest for each of their tokens.

    Args:
        scores: (s,) that nobody has read.
        n_tokens: (s,) of the sentences.
        weight: Of the logarithm.
    """
    return _with(scores, np.asarray(scores) - weight * np.log(np.maximum(n_tokens, SHORT)))


def _with(scores: Scores, values: NDArray[np.floating[Any]]) -> FusedScores:
    """Other values in place of scores, with the logits and the nearness they have."""
    fused = values.astype(np.float32).view(FusedScores)
    fused.logits = logits_of(scores)
    fused.nearest = nearest_of(scores)
    return fused


def read_by(reader: SpanReader | None, question: str, document: Document, scores: Scores) -> Scores:
    """The scores with the reader's word on the best sentences; as they are where there is none.

    A sentence that is not read counts as the least likely of those that are.

    Args:
        reader: Of the checkpoint.
        question: As the retriever read it.
        document: What was read.
        scores: (s,) of its sentences; what the reader said of them before is not asked again.
    """
    if reader is None or not len(scores):
        return scores
    unread = np.asarray(unread_of(scores))
    best = [int(i) for i in ranking(unread)[:N_READ]]
    known = dict(read_of(scores))
    new = [i for i in best if i not in known]
    known.update(zip(new, reader.answers(question, document, new), strict=True))
    lift = np.full(len(scores), min(known[i] for i in best), np.float32)
    lift[best] = [known[i] for i in best]
    read = _with(scores, unread + READER_WEIGHT * lift)
    read.unread = unread
    read.read = MappingProxyType(known)
    return read


def logits_of(scores: Scores) -> Scores:
    """(s,) the model's logits: the scores themselves where nothing was added."""
    logits: Scores = getattr(scores, "logits", scores)
    return logits


def unread_of(scores: Scores) -> Scores:
    """(s,) the scores without the reader's word."""
    unread: Scores = getattr(scores, "unread", scores)
    return unread


def read_of(scores: Scores) -> Mapping[int, float]:
    """The reader's logits that sentences answer, by sentence; none where nothing was read."""
    read: Mapping[int, float] = getattr(scores, "read", {})
    return read


def nearest_of(scores: Scores) -> float:
    """Cosine of the question with the sentence nearest to it; 0 where nobody compared them."""
    nearest: float = getattr(scores, "nearest", 0.0)
    return nearest


def answers_of(scores: Scores) -> float:
    """Logit that one of the best sentences answers, as the reader says; 0 where none was read.

    The probability is the mean of those of the best sentences, each weighed by how likely the
    scores make it the best of them (their softmax).
    """
    read = read_of(scores)
    unread = unread_of(scores)
    best = [i for i in map(int, ranking(unread)[:N_JUDGED]) if i in read]
    if not best:
        return 0.0
    chances = np.exp(unread[best] - unread[best].max(), dtype=np.float64)
    sure = 1 / (1 + np.exp(-np.array([read[i] for i in best])))
    probability = float(chances @ sure / chances.sum())
    probability = min(max(probability, SURE), 1 - SURE)
    return math.log(probability / (1 - probability))
