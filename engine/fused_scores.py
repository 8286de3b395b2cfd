"""Scores of the model together with what words say: to rank by, and apart.

Shared words lift a sentence above others, but their number says little about an answer: `capex`
shares none with the row of a cash flow statement, `What did the moon landing cost?` many. So what
the words add decides the order, and the logits alone whether anything answers at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from docqa.engine.retriever import Scores


class FusedScores(np.ndarray[Any, np.dtype[np.float32]]):
    """(s,) scores to rank by, with the logits that say whether anything answers at all."""

    logits: Scores

    def __array_finalize__(self, made_from: Any) -> None:
        """A part or a sum of them has its own values for logits."""
        self.logits = np.asarray(self)


def lifted(scores: Scores, words: Scores, weight: float) -> Scores:
    """Scores plus the share of the best that each sentence has by its words, weighted.

    What the logits are stays what it is, so that scores of several documents still compare.

    Args:
        scores: (s,) logits, or those lifted before.
        words: (s,) at least 0, on any scale.
        weight: What the best sentence gains, in logits.
    """
    best = float(words.max()) if len(words) else 0.0
    share = words / best if best > 0 else np.zeros_like(words)
    fused = (np.asarray(scores) + weight * share).astype(np.float32).view(FusedScores)
    fused.logits = logits_of(scores)
    return fused


def logits_of(scores: Scores) -> Scores:
    """(s,) the model's logits: the scores themselves where nothing was added."""
    logits: Scores = getattr(scores, "logits", scores)
    return logits
