"""What an encoder head is asked for: a teacher's vectors, and to tell evidence from the rest."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

APART = -1e4
"""Stands for a nearness that does not count."""


def distillation_loss(
    vectors: Float[Tensor, "n v"], wanted: Float[Tensor, "n v"], temperature: float, weight: float
) -> Float[Tensor, ""]:
    """One minus the mean cosine with the wanted vectors, plus how far the neighbours differ.

    Args:
        vectors: (n, v) of length 1.
        wanted: (n, v) the teacher's, of length 1.
        temperature: What cosines are divided by before the softmax over the other texts.
        weight: Of the second term: the Kullback-Leibler divergence of those softmaxes.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    ours, theirs = (
        functional.log_softmax((one @ one.T / temperature).masked_fill(itself, APART), -1)
        for one in (vectors, wanted)
    )
    apart = functional.kl_div(ours, theirs, log_target=True, reduction="batchmean")
    return 1 - (vectors * wanted).sum(-1).mean() + weight * apart


def pair_loss(
    questions: Float[Tensor, "q v"],
    sentences: Float[Tensor, "s v"],
    wanted: Int[Tensor, " q"],
    spared: Bool[Tensor, "q s"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Cross-entropy of finding each question's evidence among the sentences of all questions.

    InfoNCE: van den Oord et al., arXiv 1807.03748, equation 4.

    Args:
        questions: (q, v) vectors of length 1.
        sentences: (s, v) vectors of length 1.
        wanted: (q,) which sentence answers each question.
        spared: (q, s) other sentences that answer it, which are left out.
        temperature: What cosines are divided by.
    """
    near = questions @ sentences.T / temperature
    return functional.cross_entropy(near.masked_fill(spared, APART), wanted)
