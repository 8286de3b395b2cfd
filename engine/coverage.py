"""How much of the question each sentence covers: the retriever's third sight of the question.

A recurrent model of a few million parameters sees which tokens match, but hardly which words of
the question a sentence has together, and never what stands in the rest of the document. What BM25
knows of a sentence it is told here: the share of the question's words, by their rarity, that the
sentence has, or its neighbours, its heading and the names of its columns; how that compares with
every other sentence of the document; and the sentence's length. Words match by their embedding, as
far as ColBERT's sums of best matches go (Khattab & Zaharia, arXiv 2004.12832).
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


def sentence_coverage(
    vocabulary: Vocabulary,
    content: NDArray[np.int32],
    token_ids: NDArray[np.int32],
    stops: NDArray[np.int64],
    counts: NDArray[np.int64],
    above: NDArray[np.int32] | None = None,
    removed: NDArray[np.int32] | None = None,
) -> NDArray[np.float32]:
    """(s, `N_COVERAGE`) the figures of every sentence of a document.

    Args:
        vocabulary: Of the model's tokens.
        content: (q,) content tokens of the question.
        token_ids: (l,) tokens of the document.
        stops: (s,) one past the last token of each sentence.
        counts: (v,) occurrences of each token in the document.
        above: (s, 2) `TokenizedDocument.above`; None = nothing is known to stand above any.
        removed: Sentences that are treated as if they covered nothing.
    """
    figures = np.zeros((len(stops), N_COVERAGE), dtype=np.float32)
    if not len(content) or not len(token_ids):
        return figures
    starts = np.concatenate([[0], stops[:-1]])
    n_tokens = stops - starts
    weights = np.log2(len(token_ids) / np.maximum(counts[content], 1)).clip(min=0.0)
    weights /= max(float(weights.sum()), 1e-6)
    own, near = np.zeros(len(stops)), np.zeros(len(stops))
    for similarity, weight in zip(
        word_similarity(vocabulary, content, counts), weights, strict=True
    ):
        best = np.maximum.reduceat(similarity[token_ids], starts.clip(max=len(token_ids) - 1))
        best[n_tokens == 0] = 0.0
        if removed is not None:
            best[removed] = 0.0
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
