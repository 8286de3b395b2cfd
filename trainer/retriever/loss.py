"""What is minimised: which sentences answer (listwise, ranking) and whether each one does (BCE)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class StepTotals:
    """What a step reads in all, whichever process and part of it reads what.

    The losses divide by these, so that the parts of a step add up to the loss of the whole.
    """

    n_windows: int
    n_sentences: int
    n_relevant: int


def totals_of(labels: Iterable[NDArray[np.float32]]) -> StepTotals:
    """Count the windows of a step by the labels of their sentences."""
    rows = list(labels)
    return StepTotals(len(rows), sum(map(len, rows)), int(sum(row.sum() for row in rows)))


def listwise_loss(
    logits: Float[Tensor, "b s"],
    labels: Float[Tensor, "b s"],
    real: Bool[Tensor, "b s"],
    totals: StepTotals,
) -> Float[Tensor, ""]:
    """Cross-entropy over a window's sentences and the answer "none of them", whose logit is 0.

    The fixed logit ties windows together: a sentence must beat 0 to be evidence in any of them,
    so that scores from different places of a document, and of different documents, compare.

    Args:
        logits: (b, s) sentence scores.
        labels: (b, s) 1 for sentences that answer; a window without any asks for "none".
        real: (b, s) False for padding.
        totals: Of the step these windows are a part of.
    """
    logits = logits.masked_fill(~real, -torch.inf)
    with_none = torch.cat([logits, logits.new_zeros(len(logits), 1)], dim=1)
    log_share = with_none.log_softmax(dim=1)
    relevant = _mean_of_relevant(log_share[:, :-1], labels)
    has_answer = labels.sum(dim=1) > 0
    return -torch.where(has_answer, relevant, log_share[:, -1]).sum() / totals.n_windows


def ranking_loss(
    scores: Float[Tensor, "b s"],
    labels: Float[Tensor, "b s"],
    real: Bool[Tensor, "b s"],
    totals: StepTotals,
) -> Float[Tensor, ""]:
    """Cross-entropy over a window's sentences by what they are ranked by, where one answers.

    Args:
        scores: (b, s) logits with what coverage adds to them. Of what words say already nothing is
            left for the logits to learn, and where words mislead they learn to say so.
        labels: (b, s) 1 for sentences that answer.
        real: (b, s) False for padding.
        totals: Of the step these windows are a part of.
    """
    log_share = scores.masked_fill(~real, -torch.inf).log_softmax(dim=1)
    return -_mean_of_relevant(log_share, labels).sum() / totals.n_windows


def _mean_of_relevant(
    values: Float[Tensor, "b s"], labels: Float[Tensor, "b s"]
) -> Float[Tensor, " b"]:
    """The mean over a window's sentences that answer; 0 where none does."""
    return values.masked_fill(labels == 0, 0.0).sum(dim=1) / labels.sum(dim=1).clamp(min=1)


def bce_loss(
    logits: Float[Tensor, "b s"],
    labels: Float[Tensor, "b s"],
    real: Bool[Tensor, "b s"],
    totals: StepTotals,
) -> Float[Tensor, ""]:
    """Binary cross-entropy a sentence, positives weighted by n_negative / n_positive of the step.

    The weighting is the seed's (arXiv 2504.03101).
    """
    weight = (totals.n_sentences - totals.n_relevant) / max(totals.n_relevant, 1)
    summed = functional.binary_cross_entropy_with_logits(
        logits[real],
        labels[real],
        pos_weight=logits.new_tensor(max(weight, 1.0)),
        reduction="sum",
    )
    return summed / totals.n_sentences
