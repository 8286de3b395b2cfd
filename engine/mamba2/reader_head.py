"""The reader head: where in a sentence an answer begins and ends, that it is one, or has none.

It stands on the retriever's token embedding, not on its states: those know what a sentence is worth
but are causal, and gave no better spans (trainer/README.md has the figures). The head looks both
ways: two recurrent layers, the second one after the tokens of the sentence have been compared with
those of the question and those of the question with the sentence's (bidirectional attention flow,
Seo et al., arXiv 1611.01603, section 2; what is told of a token follows Chen et al., arXiv
1704.00051, section 3.2).
Letters: b windows, n tokens of a window, d width of the embedding, r of the reader, m = n * n + 2
answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from docqa.engine.reader_window import N_MATCHES, N_SHAPES, Role

MAX_ANSWER_TOKENS = 40
"""A longer answer is no span."""
PAIR_WIDTH = 48
"""Width of the comparison of first and last token."""
FEATURE_STD = 0.3
"""Of the features' first values, about that of the projected words."""


class Verdict(IntEnum):
    """What a window says where no span of it answers."""

    WHOLE = 0
    """The sentence as a whole answers."""
    NOTHING = 1


@dataclass(frozen=True, slots=True)
class ReaderBatch:
    """Windows, filled up to the longest."""

    embedding: Float[Tensor, "b n d"]
    features: Int[Tensor, "b n 3"]
    """Role, shape and match of each token (`ReaderWindow`)."""
    similarity: Float[Tensor, "b n"]
    """Nearness to the question's content tokens, in the question to those that are read; 0 to 1."""
    parts: Int[Tensor, "b n"]
    """`ReaderWindow.parts`, -1 in the question."""
    n_question: Int[Tensor, " b"]
    n_tokens: Int[Tensor, " b"]
    """Of question and sentence together; what follows is filling."""


class ReaderHead(nn.Module):
    """Scores every span of a window, the sentence as a whole, and that nothing here answers."""

    def __init__(self, d_model: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        half = width // 2
        self.project = nn.Linear(d_model, width)
        self.role = nn.Embedding(len(Role), width)
        self.shape = nn.Embedding(N_SHAPES, width)
        self.match = nn.Embedding(N_MATCHES, width)
        for table in (self.role, self.shape, self.match):
            nn.init.normal_(table.weight, std=FEATURE_STD)
        self.similar = nn.Parameter(torch.zeros(width))
        self.encode = nn.GRU(width, half, batch_first=True, bidirectional=True)
        self.compare = nn.Parameter(torch.full((width,), width**-0.5))
        self.merge = nn.Linear(5 * width, width)
        self.decide = nn.GRU(width, half, batch_first=True, bidirectional=True)
        self.start = nn.Linear(2 * width, 1 + PAIR_WIDTH)
        self.end = nn.Linear(2 * width, 1 + PAIR_WIDTH)
        self.verdict = nn.Linear(4 * width, len(Verdict))
        self.drop = nn.Dropout1d(dropout)

    def forward(self, batch: ReaderBatch) -> Float[Tensor, "b m"]:
        """(b, n * n + 2) logits of all spans, first token times n plus last; then `Verdict`."""
        place = torch.arange(batch.parts.shape[1], device=batch.parts.device)
        asks = place < batch.n_question[:, None]
        real = (place < batch.n_tokens[:, None]) & ~asks
        x = self._inputs(batch)
        encoded = self._dropped(run_both_ways(self.encode, x, batch.n_tokens))
        mixed = self._compare(encoded, asks, real)
        merged = torch.relu(self.merge(self._dropped(torch.cat([x, mixed], -1))))
        decided = self._dropped(run_both_ways(self.decide, merged, batch.n_tokens))
        last = torch.cat([decided, merged], -1)
        starts, ends = self.start(last), self.end(last)
        spans = starts[..., :1] + ends[..., 0][:, None]
        spans = spans + starts[..., 1:] @ ends[..., 1:].transpose(1, 2) * PAIR_WIDTH**-0.5
        spans = spans.masked_fill(~allowed_spans(batch.parts, real), -torch.inf)
        most = [last.masked_fill(~of[..., None], -1e4).amax(1) for of in (real, asks)]
        return torch.cat([spans.flatten(1), self.verdict(torch.cat(most, -1))], -1)

    def _inputs(self, batch: ReaderBatch) -> Float[Tensor, "b n r"]:
        # unit variance: raw embeddings are so small that the features would drown them for long
        words = functional.normalize(batch.embedding, dim=-1) * batch.embedding.shape[-1] ** 0.5
        role, shape, match = batch.features.unbind(-1)
        x = self.project(self._dropped(words)) + self.role(role) + self.shape(shape)
        x = x + self.match(match) + batch.similarity[..., None].to(x.dtype) * self.similar
        return torch.relu(x)

    def _dropped(self, x: Float[Tensor, "b n k"]) -> Float[Tensor, "b n k"]:
        """Dropout of the same units in all tokens of a window (Gal & Ghahramani, 1512.05287)."""
        dropped: Tensor = self.drop(x.transpose(1, 2))
        return dropped.transpose(1, 2)

    def _compare(
        self, x: Float[Tensor, "b n r"], asks: Bool[Tensor, "b n"], real: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b n k"]:
        """(b, n, 4 r) each token beside what it is most like: of the question or the sentence."""
        likeness = (x * self.compare) @ x.transpose(1, 2)
        across = torch.where(asks[..., None], real[:, None], asks[:, None])
        other = likeness.masked_fill(~across, -1e4).softmax(-1) @ x
        # the window's tokens that the question is most like, the same for every token
        best = likeness.masked_fill(~asks[:, None], -1e4).amax(-1).masked_fill(~real, -1e4)
        found = (best.softmax(-1)[:, None] @ x).expand_as(x)
        return torch.cat([x, other, x * other, x * found], -1)


def run_both_ways(
    layer: nn.GRU, x: Float[Tensor, "b n r"], n_tokens: Int[Tensor, " b"]
) -> Float[Tensor, "b n r"]:
    """A recurrent layer over the real tokens of each window; zeros behind them.

    Each row is turned round by itself: packed sequences do the same, but with them the gradients of
    a training step take more than twice as long on a CPU.
    """
    place = torch.arange(x.shape[1], device=x.device)
    real = place < n_tokens[:, None]
    turned = torch.where(real, n_tokens[:, None] - 1 - place, place)[..., None]
    first = x.new_zeros(1, x.shape[0], layer.hidden_size)
    ahead, behind = (
        torch.gru(one, first, tuple(weights), True, 1, 0.0, layer.training, False, True)[0]
        for one, weights in zip(
            (x, x.gather(1, turned.expand_as(x))), layer.all_weights, strict=True
        )
    )
    behind = behind.gather(1, turned.expand_as(behind))
    return torch.cat([ahead, behind], -1).masked_fill(~real[..., None], 0.0)


def allowed_spans(parts: Int[Tensor, "b n"], real: Bool[Tensor, "b n"]) -> Bool[Tensor, "b n n"]:
    """(b, n, n) True for (first, last) in one part of the sentence and not too long."""
    place = torch.arange(parts.shape[1], device=parts.device)
    length = place - place[:, None]
    inside = real & (parts >= 0)
    same = (parts[:, :, None] == parts[:, None]) & inside[:, :, None] & inside[:, None]
    return same & (length >= 0) & (length < MAX_ANSWER_TOKENS)


def span_loss(logits: Float[Tensor, "b m"], targets: Bool[Tensor, "b m"]) -> Float[Tensor, ""]:
    """Negative logarithm of the probability of all right spans together."""
    right = logits.masked_fill(~targets, -torch.inf).logsumexp(-1)
    return (logits.logsumexp(-1) - right).mean()
