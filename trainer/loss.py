"""What is minimised: which sentences answer (listwise) and whether each one does (BCE)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def listwise_loss(
    logits: Float[Tensor, "b s"], labels: Float[Tensor, "b s"], real: Bool[Tensor, "b s"]
) -> Float[Tensor, ""]:
    """Cross-entropy over a window's sentences and the answer "none of them", whose logit is 0.

    The fixed logit ties windows together: a sentence must beat 0 to be evidence in any of them,
    so that scores from different places of a document, and of different documents, compare.

    Args:
        logits: (b, s) sentence scores.
        labels: (b, s) 1 for sentences that answer; a window without any asks for "none".
        real: (b, s) False for padding.
    """
    logits = logits.masked_fill(~real, -torch.inf)
    with_none = torch.cat([logits, logits.new_zeros(len(logits), 1)], dim=1)
    log_share = with_none.log_softmax(dim=1)
    n_relevant = labels.sum(dim=1)
    relevant = log_share[:, :-1].masked_fill(labels == 0, 0.0).sum(dim=1)
    mean_relevant = relevant / n_relevant.clamp(min=1)
    return -torch.where(n_relevant > 0, mean_relevant, log_share[:, -1]).mean()


def bce_loss(
    logits: Float[Tensor, "b s"], labels: Float[Tensor, "b s"], real: Bool[Tensor, "b s"]
) -> Float[Tensor, ""]:
    """Binary cross-entropy a sentence, positives weighted by n_negative / n_positive of the batch.

    The weighting is the seed's (arXiv 2504.03101).
    """
    n_positive = labels.sum()
    weight = (real.sum() - n_positive) / n_positive.clamp(min=1)
    return functional.binary_cross_entropy_with_logits(
        logits[real], labels[real], pos_weight=weight.clamp(min=1)
    )
