"""The encoder head: what a sentence says, as a vector near those of what says the same otherwise.

`What did debt cost the group?` and `Interest expense | (829)` share no word. A small model that was
trained on questions alone knows few such pairs; an encoder that was trained on a billion sentences
knows them, and `docqa train encoder` teaches this head to give its vectors (trainer/README.md has
the figures). Like the reader head it stands on the checkpoint's token embedding.
Letters: b sentences, n tokens of a sentence, d width of the embedding, r of the head.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

VECTOR_WIDTH = 384
"""Of what comes out, as its teacher has it."""
N_HEADS = 4
MIXING_SHARE = 1.25
"""Hidden units of a mixing layer for each of its inputs."""


class EncoderHead(nn.Module):
    """Tokens of a sentence to one vector of length 1."""

    def __init__(self, d_model: int, width: int) -> None:
        """
        Args:
            d_model: Of the token embedding.
            width: Of the layers; a multiple of `N_HEADS`.
        """
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.project = nn.Linear(d_model, width)
        self.gate = nn.Linear(d_model, 2 * width)
        self.gated = nn.Linear(width, width)
        self.layers = nn.ModuleList(
            [NeighbourMixing(width), SentenceAttention(width), NeighbourMixing(width)]
        )
        self.norm = nn.LayerNorm(width)
        self.weigh = nn.Linear(width, 1)
        self.out = nn.Linear(width, VECTOR_WIDTH)

    def forward(
        self, embedding: Float[Tensor, "b n d"], real: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b v"]:
        """(b, `VECTOR_WIDTH`) vectors in fp32.

        Args:
            embedding: Of the tokens.
            real: False where a row is filled up.
        """
        mask = real[..., None].to(embedding.dtype)
        words = embedding * self.scale
        values, gates = self.gate(words).chunk(2, -1)
        x = self.project(words) + self.gated(functional.silu(gates) * values)
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)
        weights = functional.softplus(self.weigh(x).float()) * mask
        pooled = (x * weights).sum(1) / weights.sum(1).clamp(min=1e-6)
        return functional.normalize(self.out(pooled.to(x.dtype)).float(), dim=-1)


class NeighbourMixing(nn.Module):
    """Each token takes in what stands beside it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = round(MIXING_SHARE * width)
        self.norm = nn.LayerNorm(width)
        self.spread = nn.Linear(3 * width, 2 * hidden)
        self.back = nn.Linear(hidden, width)
        _begin_as_nothing(self.back)

    def forward(
        self, x: Float[Tensor, "b n r"], mask: Float[Tensor, "b n 1"]
    ) -> Float[Tensor, "b n r"]:
        values, gates = self.spread(with_neighbours(self.norm(x) * mask)).chunk(2, -1)
        mixed: Tensor = self.back(functional.silu(values) * gates)
        return x + mixed


class SentenceAttention(nn.Module):
    """Each token takes in what is like it, anywhere in the sentence."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(3 * width, 3 * width)
        self.back = nn.Linear(width, width)
        _begin_as_nothing(self.back)

    def forward(
        self, x: Float[Tensor, "b n r"], mask: Float[Tensor, "b n 1"]
    ) -> Float[Tensor, "b n r"]:
        b, n, width = x.shape
        asked = self.ask(with_neighbours(self.norm(x) * mask))
        q, k, v = asked.view(b, n, 3, N_HEADS, width // N_HEADS).permute(2, 0, 3, 1, 4)
        # torch's own attention is slower than its parts for rows as short as these
        likeness = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        filled = (mask[:, None, None, :, 0] - 1) * 1e4
        found = (likeness + filled).softmax(-1).to(v.dtype) @ v
        back: Tensor = self.back(found.transpose(1, 2).reshape(b, n, width))
        return x + back


def with_neighbours(x: Float[Tensor, "b n r"]) -> Float[Tensor, "b n k"]:
    """(b, n, 3 r) each token between the one before and the one behind it."""
    if torch.is_autocast_enabled(x.device.type):
        x = x.to(torch.get_autocast_dtype(x.device.type))  # half as much to copy
    x = functional.pad(x, (0, 0, 1, 1))
    return torch.cat([x[:, :-2], x[:, 1:-1], x[:, 2:]], -1)


def _begin_as_nothing(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
