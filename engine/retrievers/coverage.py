"""How much of the question each sentence covers: the retriever's third sight of the question.

A recurrent model of a few million parameters sees which tokens match, but hardly which words of
the question a sentence has together, and never what stands in the rest of the document. What BM25
knows of a sentence it is told here: the share of the question's words, by their rarity, that the
sentence has, or its neighbours, its heading and the names of its columns; how that compares with
every other sentence of the document; and the sentence's length. Words match by their embedding, as
far as ColBERT's sums of best matches go (Khattab & Zaharia, arXiv 2004.12832). What the
passage around a sentence covers is added to its score alone; the model is not told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

N_COVERAGE = 5
"""Figures of a sentence: covered by itself; with its neighbours; that, by length, compared with the
best sentence; its rank by that; its length."""
SHARE = 2
"""The figure that is a share of the best sentence's."""
COVERAGE_WEIGHT = 4.0
"""What the best sentence by it gains, in logits: a window of training holds some twenty sentences,
a document thousands, and there words count for more. trainer/README.md has the figures."""
PASSAGE_WEIGHT = 3.0
"""What a sentence in the best passage gains, in logits; trainer/README.md has the figures."""
PASSAGE_TOKENS = 200
"""Tokens on either side within which a word belongs to a sentence's passage."""
PASSAGE_SENTENCES = 14
"""Sentences on either side that do."""
UNRELATED = 0.3
"""Cosine below which two tokens do not stand for each other."""
NEIGHBOUR_SHARES = {1: 0.5, 2: 0.25, -1: 0.4}
"""What a word counts that stands one or two sentences before, or in the next one."""
ABOVE_SHARES = (0.5, 1.0)
"""What a word counts that stands in the heading of a sentence or, for a table row, in the names of
its columns: what a figure is told by its column it is told in full."""
PIVOT_TOKENS = 20.0
"""Lengths differ less for short sentences."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """By what words stand for each other."""

    embedding: Float[Tensor, "v d"]
    is_number: NDArray[np.bool_]
    """(v,) True for numbers: 2023 is near 2024 in every embedding, and never stands for it."""


@dataclass(frozen=True, slots=True)
class CoveredWords:
    """Which words of a question stand in which sentences of a document."""

    best: NDArray[np.float32]
    """(q, s) how far the nearest token of each sentence stands for each word, from 0 to 1."""
    weights: NDArray[np.float64]
    """(q,) rarity of the words; together 1."""
    stops: NDArray[np.int64]
    """(s,) one past the last token of each sentence."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """(s,) first token of each sentence."""
        return _starts(self.stops)


def _starts(stops: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], stops[:-1]])


def covered_words(
    vocabulary: Vocabulary,
    content: NDArray[np.int32],
    token_ids: NDArray[np.int32],
    stops: NDArray[np.int64],
    counts: NDArray[np.int64],
    removed: NDArray[np.int32] | None = None,
) -> CoveredWords:
    """Look for the words of a question in every sentence.

    Args:
        vocabulary: Of the model's tokens.
        content: (q,) content tokens of the question.
        token_ids: (l,) tokens of the document.
        stops: (s,) one past the last token of each sentence.
        counts: (v,) occurrences of each token in the document.
        removed: Sentences that are treated as if they had none of them.
    """
    if not len(content) or not len(token_ids):
        return CoveredWords(np.zeros((0, len(stops)), np.float32), np.zeros(0), stops)
    starts = _starts(stops)
    best = np.stack(
        [
            np.maximum.reduceat(similarity[token_ids], starts.clip(max=len(token_ids) - 1))
            for similarity in word_similarity(vocabulary, content, counts)
        ]
    )
    best[:, stops == starts] = 0.0
    if removed is not None:
        best[:, removed] = 0.0
    weights = np.log2(len(token_ids) / np.maximum(counts[content], 1)).clip(min=0.0)
    return CoveredWords(best, weights / max(float(weights.sum()), 1e-6), stops)


def sentence_coverage(
    words: CoveredWords, above: NDArray[np.int32] | None = None
) -> NDArray[np.float32]:
    """(s, `N_COVERAGE`) the figures of every sentence of a document.

    Args:
        words: Of the question, in the document.
        above: (s, 2) `TokenizedDocument.above`; None = nothing is known to stand above any.
    """
    stops = words.stops
    figures = np.zeros((len(stops), N_COVERAGE), dtype=np.float32)
    if not len(words.weights):
        return figures
    n_tokens = stops - words.starts
    own, near = np.zeros(len(stops)), np.zeros(len(stops))
    for best, weight in zip(words.best, words.weights, strict=True):
        own += weight * best
        near += weight * _with_surroundings(best, above)
    by_length = near / np.sqrt(n_tokens + PIVOT_TOKENS)
    figures[:, 0] = own
    figures[:, 1] = near
    figures[:, SHARE] = by_length / max(float(by_length.max()), 1e-9)
    figures[:, 3] = np.log2(1 + _n_better(by_length)) / 16
    figures[:, 4] = np.log2(1 + n_tokens) / 8
    # a sentence without tokens ends where the one before it ends
    last = np.maximum.accumulate(np.where(n_tokens > 0, np.arange(len(stops)), 0))
    return figures[last]


def passage_coverage(words: CoveredWords) -> NDArray[np.float32]:
    """(s,) how much of the question the passage around each sentence covers, from 0 to 1.

    A long text names its people and things once and goes on with "he" and "it": the sentence with
    the answer has few of the question's words, and they stand around it. A word that stands k
    tokens away counts 1 - k / `PASSAGE_TOKENS`.

    Args:
        words: Of the question, in the document.
    """
    found = words.best.copy()
    starts = words.starts
    for distance in range(1, min(PASSAGE_SENTENCES + 1, len(starts))):
        between = starts[distance:] - words.stops[:-distance]
        share = (1 - between / PASSAGE_TOKENS).clip(min=0.0).astype(np.float32)
        here, there = found[:, distance:], found[:, :-distance]
        np.maximum(here, words.best[:, :-distance] * share, out=here)
        np.maximum(there, words.best[:, distance:] * share, out=there)
    covered: NDArray[np.float32] = words.weights.astype(np.float32) @ found
    return covered


def _with_surroundings(
    best: NDArray[np.float32], above: NDArray[np.int32] | None
) -> NDArray[np.float32]:
    """What a sentence has of a word, or what stands around it has for it."""
    found = best.copy()
    for distance, share in NEIGHBOUR_SHARES.items():
        shifted = np.zeros_like(best)
        if distance > 0:
            shifted[distance:] = best[:-distance]
        else:
            shifted[:distance] = best[-distance:]
        np.maximum(found, share * shifted, out=found)
    if above is not None:
        for ids, share in zip(above.T, ABOVE_SHARES, strict=True):
            np.maximum(found, share * np.where(ids < 0, 0, best[ids]), out=found)
    return found


def _n_better(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """(s,) how many values are higher; equal ones share a place."""
    return len(values) - np.searchsorted(np.sort(values), values, side="right")


def word_similarity(
    vocabulary: Vocabulary, content: NDArray[np.int32], counts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(q, v) how far each token of a document stands for each content token, from 0 to 1."""
    similarity = np.zeros((len(content), len(counts)), dtype=np.float32)
    present = np.flatnonzero(counts)
    embedding, is_number = vocabulary.embedding, vocabulary.is_number
    with torch.no_grad():
        asked, found = (
            functional.normalize(
                embedding[torch.from_numpy(ids).to(embedding.device)].float(), dim=-1
            )
            for ids in (content.astype(np.int64), present)
        )
        cosine = (asked @ found.T).cpu().numpy()
    cosine[(is_number[content][:, None] | is_number[present]) & (content[:, None] != present)] = 0.0
    similarity[:, present] = ((cosine - UNRELATED) / (1 - UNRELATED)).clip(0.0, 1.0)
    return similarity
