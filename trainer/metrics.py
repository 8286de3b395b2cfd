"""How well a ranking finds the evidence of a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docqa.engine.evidence import ranking
from docqa.engine.retrievers.retriever import Scores

WORD_BUDGETS = (500, 1000, 2000)
SENTENCE_BUDGETS = (10, 50)


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """What one question scored; every value in [0, 1]."""

    recall_words: dict[int, float]
    """By word budget: share of the evidence spans that overlap a sentence within it."""
    recall_sentences: dict[int, float]
    """By number of sentences."""
    reciprocal_rank: float
    """1 / rank of the first sentence that overlaps a span; 0 when none does."""


def score_question(
    scores: Scores, n_words: NDArray[np.int64], spans: Sequence[Sequence[int]]
) -> QuestionScore:
    """Measure the ranking that scores give.

    Args:
        scores: (s,) higher is better; equal ones keep document order.
        n_words: (s,) words of every sentence.
        spans: For every evidence span, the ids of the sentences it overlaps; finding one is
            finding the span.

    Raises:
        ValueError: When there is no span, or the lengths differ.
    """
    if not spans:
        raise ValueError("a question without evidence spans has no recall")
    if scores.shape != n_words.shape:
        raise ValueError(f"scores of shape {scores.shape} for {n_words.shape} sentences")
    order = ranking(scores)
    found = first_ranks(scores, spans)
    words_down_to = np.cumsum(n_words[order])
    return QuestionScore(
        {budget: _share(found, n_within(words_down_to, budget)) for budget in WORD_BUDGETS},
        {budget: _share(found, min(budget, len(order))) for budget in SENTENCE_BUDGETS},
        1 / min(found) if min(found) <= len(order) else 0.0,
    )


def first_ranks(scores: Scores, spans: Sequence[Sequence[int]]) -> list[int]:
    """The best rank of each span's sentences; one past the last rank where it has none."""
    order = ranking(scores)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return [min((int(ranks[i]) for i in span), default=len(order) + 1) for span in spans]


def mean_scores(scored: Sequence[QuestionScore]) -> dict[str, Any]:
    """Recall by budget and mean reciprocal rank over questions, each counting the same."""
    return {
        "recall_words": {
            str(budget): mean([one.recall_words[budget] for one in scored])
            for budget in WORD_BUDGETS
        },
        "recall_sentences": {
            str(budget): mean([one.recall_sentences[budget] for one in scored])
            for budget in SENTENCE_BUDGETS
        },
        "mrr": mean([one.reciprocal_rank for one in scored]),
    }


def mean(values: Sequence[float]) -> float:
    """To four places; 0 of nothing."""
    return round(sum(values) / len(values), 4) if values else 0.0


def n_within(words_down_to: NDArray[np.int64], budget: int) -> int:
    """How many of the best sentences `select_evidence` takes for a budget of words.

    Args:
        words_down_to: (s,) words from the best sentence down to each, it included.
    """
    fitting = int(np.searchsorted(words_down_to, budget, side="right"))
    return max(fitting, min(1, len(words_down_to)))


def _share(found: list[int], last_rank: int) -> float:
    return sum(rank <= last_rank for rank in found) / len(found)
