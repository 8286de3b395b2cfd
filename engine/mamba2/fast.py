"""The blocks of the model for a CPU: torch's matrix products, `kernels.py` between them.

`FastBlocks` computes what a run of `model.Block`s does for one segment, in the same precision.
Letters as in `kernels.py`; w is the width of the convolution, d that of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from docqa.engine.mamba2 import kernels
from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.matrices import (
    Matrix,
    QuantisedMatrix,
    as_array,
    as_words,
    with_even_rows,
)
from docqa.engine.mamba2.model import Block

CHUNK = 64
"""Tokens of a chunk. 64 is where the products inside the chunks (which grow with it) and the
traffic of the states between them (which shrinks) cost least; any length gives the same result."""
N_TAPS = 4
"""Tokens that the convolution reads; the kernels know no other number, fewer have weights of 0."""


@dataclass(slots=True)
class Stream:
    """A segment between two layers."""

    x: Float[Tensor, "l 2 n"]
    """(l, 2, d/2) fp32 residual, split as in `kernels.py`; l is a multiple of `CHUNK`."""
    mixed: Float[Tensor, "m d"]
    """(l, d) what the last layer adds to it; (0, d) before the first."""
    mixed_scale: NDArray[np.float32]
    """(m,) times which it counts."""
    n_real: int
    """Tokens before the filling."""

    @classmethod
    def of(cls, x: Float[Tensor, "l d"], n_real: int) -> Stream:
        """Before the first layer."""
        halves = x.view(len(x), -1, 2).mT
        residual = torch.empty(halves.shape).copy_(halves)
        return cls(residual, x.new_empty(0, x.shape[1]), np.ones(0, np.float32), n_real)

    def after(self, tokens: Int[Tensor, " k"]) -> Float[Tensor, "k d"]:
        """The fp32 residual with what the last layer adds to it, of some tokens."""
        scale = torch.from_numpy(self.mixed_scale)[tokens, None]
        return self.x[tokens].mT.flatten(1) + scale * self.mixed[tokens]


class FastBlocks:
    """Consecutive blocks of a model, with their states and the memory they work in.

    Not for two threads at once: give each its own.
    """

    def __init__(self, blocks: Sequence[BlockWeights], config: Mamba2Config) -> None:
        self._config = config
        self._blocks = blocks
        self._room: _Room | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the document: states of zero."""
        config = self._config
        shape = config.n_heads, 2, config.headdim * config.d_state // 2
        self.states = [np.zeros(shape, np.float32) for _ in self._blocks]
        self.before = [
            np.zeros((N_TAPS - 1, config.d_conv_input), np.float32) for _ in self._blocks
        ]
        """Of each block, what the convolution reads of the tokens before."""

    def __call__(self, stream: Stream) -> Stream:
        """Take a segment through the blocks; the states move on to its end."""
        n_tokens = len(stream.x)
        if self._room is None or self._room.n_tokens < n_tokens:
            self._room = _Room(self._config, n_tokens, self._blocks[0])
        room = self._room.first(n_tokens)
        for i, weights in enumerate(self._blocks):
            kernels.add_and_normalise(
                stream.x.numpy(),
                as_words(stream.mixed),
                stream.mixed_scale,
                weights.norm,
                self._config.norm_eps,
                room.normed.words,
                room.normed_scale,
            )
            stream.mixed = self._mix(weights, i, room, stream.n_real)
            stream.mixed_scale = room.gated_scale
        # The next stage reads it while this one has the next segment.
        stream.mixed_scale = stream.mixed_scale.copy()
        return stream

    def _mix(self, weights: BlockWeights, i: int, room: _Room, n_real: int) -> Tensor:
        """What `Mixer.forward` returns, from `room.normed`; times `room.gated_scale`."""
        product = weights.in_proj.multiply(room.normed.tensor)
        projected, scale = as_words(product), room.normed_scale

        kernels.measure_steps(
            as_array(product),
            weights.first_step,
            scale,
            weights.dt_bias,
            weights.a,
            n_real,
            CHUNK,
            room.steps,
            room.decay,
        )
        kernels.convolve(
            projected,
            scale,
            self.before[i],
            n_real,
            weights.conv,
            weights.conv_bias,
            room.steps,
            room.decay,
            CHUNK,
            room.x.words,
            room.weighted.words,
            room.b.words,
            room.c.words,
        )
        # 1. inside the chunks
        torch.bmm(room.c.matrices, room.b.matrices.mT, out=room.products.matrices)
        kernels.mix_chunks(room.products.words, room.steps, room.decay, room.mix.words)
        torch.bmm(room.mix.matrices, room.x.matrices, out=room.inside.matrices)
        # 2. from chunk to chunk
        torch.bmm(room.weighted.matrices.mT, room.b.matrices, out=room.added.matrices)
        kernels.carry_state(room.added.words, room.decay, self.states[i], room.before.words)
        torch.bmm(room.c.matrices, room.before.matrices.mT, out=room.carried.matrices)
        # 3. together
        kernels.gate_and_normalise(
            room.inside.words,
            room.carried.words,
            room.decay,
            weights.d,
            room.x.words,
            projected,
            scale,
            weights.gate_norm,
            self._config.norm_eps,
            room.gated.words,
            room.gated_scale,
        )
        return weights.out_proj.multiply(room.gated.tensor)


class BlockWeights:
    """A block's parameters in the form the kernels read; any number of threads may share them.

    The matrices are not copied, but with `int8` quantised.
    """

    def __init__(self, block: Block, *, int8: bool = False) -> None:
        mixer = block.mixer
        self.dtype = mixer.in_proj.weight.dtype
        conv = mixer.conv1d
        matrix = QuantisedMatrix if int8 else Matrix
        self.in_proj = matrix(with_even_rows(mixer.in_proj.weight.detach()))
        self.out_proj = matrix(mixer.out_proj.weight.detach())
        self.norm = _split(block.norm.weight).reshape(2, -1)
        grouped = mixer.norm.weight.view(mixer.norm.n_groups, -1)
        self.gate_norm = _split(grouped).reshape(mixer.norm.n_groups, 2, -1).swapaxes(0, 1).copy()
        taps = _split(conv.weight[:, 0].T)
        self.conv = np.pad(taps, ((N_TAPS - len(taps), 0), (0, 0)))
        self.conv_bias = _split(torch.zeros(len(conv.weight)) if conv.bias is None else conv.bias)
        self.first_step = mixer.in_proj.weight.shape[0] - len(mixer.dt_bias)
        self.dt_bias = _wide(mixer.dt_bias)
        self.a = _wide(-mixer.A_log.float().exp())
        self.d = _wide(mixer.D)


class _Memory:
    """The same memory for the kernels and for torch, so that no layer has to ask for views."""

    def __init__(
        self, shape: Sequence[int], dtype: torch.dtype, matrix: tuple[int, int] | None = None
    ) -> None:
        self.tensor = torch.empty(tuple(shape), dtype=dtype)
        self.words = as_words(self.tensor)
        self.matrices = self.tensor.view(-1, *(matrix or self.tensor.shape[-2:]))
        """(k, rows, columns) for `torch.bmm`."""


class _Room:
    """The memory a layer works in, used again for every layer and segment."""

    def __init__(self, config: Mamba2Config, n_tokens: int, weights: BlockWeights) -> None:
        self.n_tokens = n_tokens
        self._config, self._weights = config, weights
        self._smaller: dict[int, _Room] = {}
        heads, groups, p, n = config.n_heads, config.ngroups, config.headdim, config.d_state
        own, chunks = heads // groups, n_tokens // CHUNK

        def room(*shape: int, matrix: tuple[int, int] | None = None) -> _Memory:
            return _Memory(shape, weights.dtype, matrix)

        self.normed = _Memory((n_tokens, config.d_model), weights.in_proj.row_dtype)
        self.x = room(heads, n_tokens, p, matrix=(CHUNK, p))
        self.weighted = room(groups, n_tokens, own, p, matrix=(CHUNK, own * p))
        self.b = room(groups, n_tokens, n, matrix=(CHUNK, n))
        self.c = room(groups, n_tokens, n, matrix=(CHUNK, n))
        self.products = room(groups, chunks, CHUNK, CHUNK)
        self.mix = room(heads, chunks, CHUNK, CHUNK)
        self.inside = room(heads, n_tokens, p, matrix=(CHUNK, p))
        self.added = room(groups, chunks, own, p * n, matrix=(own * p, n))
        self.before = room(groups, chunks, own, p * n, matrix=(own * p, n))
        self.carried = room(groups, n_tokens, own, p, matrix=(CHUNK, own * p))
        self.gated = _Memory((n_tokens, config.d_inner), weights.out_proj.row_dtype)
        self.steps = np.empty((n_tokens, heads), np.float32)
        self.decay = np.empty((n_tokens, heads), np.float32)
        self.normed_scale = np.empty(n_tokens, np.float32)
        self.gated_scale = np.empty(n_tokens, np.float32)

    def first(self, n_tokens: int) -> _Room:
        """Room for a shorter segment; there are few lengths, all multiples of `CHUNK`."""
        if n_tokens == self.n_tokens:
            return self
        if n_tokens not in self._smaller:
            self._smaller[n_tokens] = _Room(self._config, n_tokens, self._weights)
        return self._smaller[n_tokens]


def _wide(x: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = x.detach().float().contiguous().numpy()
    return array


def _split(x: Float[Tensor, "... k"]) -> NDArray[np.float32]:
    """(..., k) the even columns, then the odd ones."""
    array = _wide(x)
    return np.concatenate([array[..., ::2], array[..., 1::2]], -1)
