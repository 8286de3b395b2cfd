"""The blocks of the model for a CPU: torch's matrix products, `kernels.py` between them.

`FastBlocks` computes what a run of `model.Block`s does for one segment, in the same precision.
Letters as in `kernels.py`; w is the width of the convolution, d that of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from docqa.engine.mamba2 import kernels
from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.matrices import Matrix, QuantisedMatrix, Rooms, as_array
from docqa.engine.mamba2.model import Block

CHUNK = 64
"""Tokens of a chunk. 64 is where the products inside the chunks (which grow with it) and the
traffic of the states between them (which shrinks) cost least; any length gives the same result."""


@dataclass(slots=True)
class Stream:
    """A segment between two layers."""

    x: Float[Tensor, "l d"]
    """fp32 residual, l a multiple of `CHUNK`."""
    mixed: Float[Tensor, "m d"]
    """(l, d) what the last layer adds to it; (0, d) before the first."""
    n_real: int
    """Tokens before the filling."""


class FastBlocks:
    """Consecutive blocks of a model, with their states and the memory they work in.

    Not for two threads at once: give each its own.
    """

    def __init__(self, blocks: Sequence[BlockWeights], config: Mamba2Config) -> None:
        self._config = config
        self._dtype = blocks[0].dtype
        self._blocks = blocks
        self._rooms: Rooms = {}
        self._room: _Room | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the document: states of zero."""
        config = self._config
        self.before = [
            torch.zeros(config.d_conv - 1, config.d_conv_input, dtype=self._dtype)
            for _ in self._blocks
        ]
        self.states = [
            np.zeros((config.n_heads, config.headdim, config.d_state), np.float32)
            for _ in self._blocks
        ]

    def __call__(self, stream: Stream) -> Stream:
        """Take a segment through the blocks; the states move on to its end."""
        n_tokens = len(stream.x)
        if self._room is None or self._room.n_tokens < n_tokens:
            self._room = _Room(self._config, n_tokens, self._dtype)
        room = self._room.first(n_tokens)
        for i, weights in enumerate(self._blocks):
            kernels.add_and_normalise(
                stream.x.numpy(),
                as_array(stream.mixed),
                weights.norm,
                self._config.norm_eps,
                as_array(room.normed),
            )
            stream.mixed = self._mix(weights, i, room, stream.n_real)
        return stream

    def _mix(self, weights: BlockWeights, i: int, room: _Room, n_real: int) -> Tensor:
        """What `Mixer.forward` returns, from `room.normed`."""
        config, n_taps = self._config, self._config.d_conv
        z_end, xbc_end = config.d_inner, config.d_inner + config.d_conv_input

        weights.in_proj.multiply(room.normed, room.projected[n_taps - 1 :], self._rooms)
        room.projected[: n_taps - 1, z_end:xbc_end] = self.before[i]
        self.before[i] = room.projected[n_real : n_real + n_taps - 1, z_end:xbc_end].clone()
        projected = as_array(room.projected)

        kernels.measure_steps(
            projected, weights.dt_bias, weights.a, n_real, CHUNK, room.steps, room.decay
        )
        kernels.convolve(
            projected,
            weights.conv,
            weights.conv_bias,
            room.steps,
            room.decay,
            CHUNK,
            as_array(room.x),
            as_array(room.weighted),
            as_array(room.b),
            as_array(room.c),
        )
        # 1. inside the chunks
        b, c = _in_chunks(room.b), _in_chunks(room.c)
        torch.bmm(c, b.transpose(1, 2), out=room.products.flatten(0, 1))
        kernels.mix_chunks(as_array(room.products), room.steps, room.decay, as_array(room.mix))
        torch.bmm(room.mix.flatten(0, 1), _in_chunks(room.x), out=_in_chunks(room.inside))
        # 2. from chunk to chunk
        weighted = _in_chunks(room.weighted.flatten(2))
        torch.bmm(weighted.transpose(1, 2), b, out=room.added.flatten(0, 1).flatten(1, 2))
        kernels.carry_state(as_array(room.added), room.decay, self.states[i], as_array(room.before))
        before = room.before.flatten(0, 1).flatten(1, 2)
        torch.bmm(c, before.transpose(1, 2), out=_in_chunks(room.carried.flatten(2)))
        # 3. together
        kernels.gate_and_normalise(
            as_array(room.inside),
            as_array(room.carried),
            room.decay,
            weights.d,
            as_array(room.x),
            projected,
            weights.gate_norm,
            config.norm_eps,
            as_array(room.gated).reshape(room.n_tokens, config.ngroups, -1),
        )
        mixed = torch.empty_like(room.normed)
        weights.out_proj.multiply(room.gated, mixed, self._rooms)
        return mixed


class BlockWeights:
    """A block's parameters in the form the kernels read; any number of threads may share them.

    The matrices are not copied, or with `int8` quantised.
    """

    def __init__(self, block: Block, *, int8: bool = False) -> None:
        mixer = block.mixer
        self.dtype = mixer.in_proj.weight.dtype
        conv = mixer.conv1d
        matrix = QuantisedMatrix if int8 else Matrix
        self.in_proj = matrix(mixer.in_proj.weight.detach())
        self.out_proj = matrix(mixer.out_proj.weight.detach())
        self.norm = _wide(block.norm.weight)
        self.gate_norm = _wide(mixer.norm.weight).reshape(mixer.norm.n_groups, -1)
        self.conv = np.ascontiguousarray(_wide(conv.weight)[:, 0].T)
        self.conv_bias = (
            np.zeros(len(conv.weight), np.float32) if conv.bias is None else _wide(conv.bias)
        )
        self.dt_bias = _wide(mixer.dt_bias)
        self.a = _wide(-mixer.A_log.float().exp())
        self.d = _wide(mixer.D)


class _Room:
    """The memory a layer works in, used again for every layer and segment."""

    def __init__(self, config: Mamba2Config, n_tokens: int, dtype: torch.dtype) -> None:
        self.n_tokens = n_tokens
        self._config, self._dtype = config, dtype
        self._smaller: dict[int, _Room] = {}
        heads, groups, p, n = config.n_heads, config.ngroups, config.headdim, config.d_state
        own, chunks = heads // groups, n_tokens // CHUNK

        def room(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=dtype)

        self.normed = room(n_tokens, config.d_model)
        self.projected = room(config.d_conv - 1 + n_tokens, config.d_in_proj)
        self.x = room(heads, n_tokens, p)
        self.weighted = room(groups, n_tokens, own, p)
        self.b = room(groups, n_tokens, n)
        self.c = room(groups, n_tokens, n)
        self.products = room(groups, chunks, CHUNK, CHUNK)
        self.mix = room(heads, chunks, CHUNK, CHUNK)
        self.inside = room(heads, n_tokens, p)
        self.added = room(groups, chunks, own, p, n)
        self.before = room(groups, chunks, own, p, n)
        self.carried = room(groups, n_tokens, own, p)
        self.gated = room(n_tokens, config.d_inner)
        self.steps = np.empty((n_tokens, heads), np.float32)
        self.decay = np.empty((n_tokens, heads), np.float32)

    def first(self, n_tokens: int) -> _Room:
        """Room for a shorter segment; there are few lengths, all multiples of `CHUNK`."""
        if n_tokens == self.n_tokens:
            return self
        if n_tokens not in self._smaller:
            self._smaller[n_tokens] = _Room(self._config, n_tokens, self._dtype)
        return self._smaller[n_tokens]


def _in_chunks(x: Float[Tensor, "g l k"]) -> Float[Tensor, "gc q k"]:
    return x.view(-1, CHUNK, x.shape[-1])


def _wide(x: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = x.detach().float().contiguous().numpy()
    return array
