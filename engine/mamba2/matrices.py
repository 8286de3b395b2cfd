"""The weights of a projection, as they are or as int8."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from docqa.engine.mamba2 import kernels


class Matrix:
    """Weights multiplied as they are."""

    def __init__(self, weight: Float[Tensor, "k d"]) -> None:
        self._weight = weight.T

    def multiply(self, x: Float[Tensor, "l d"], out: Float[Tensor, "l k"], rooms: Rooms) -> None:
        """out = x @ weight.T."""
        torch.mm(x, self._weight, out=out)


class QuantisedMatrix:
    """Weights as int8 with a scale for each row, multiplied with rows quantised in the same way.

    A processor multiplies twice as many numbers of 8 bits as of 16 at a time, and four times as
    many as of 32 (VNNI); the sums are whole numbers and exact.
    """

    def __init__(self, weight: Float[Tensor, "k d"]) -> None:
        wide = weight.float().contiguous()
        quantised = torch.empty(wide.shape, dtype=torch.int8)
        self._scale = np.empty(len(wide), np.float32)
        kernels.quantise(wide.numpy(), quantised.numpy(), self._scale)
        self._weight = quantised.T

    def multiply(self, x: Float[Tensor, "l d"], out: Float[Tensor, "l k"], rooms: Rooms) -> None:
        """out = x @ weight.T, to about a hundredth."""
        shape = len(x), *self._weight.shape
        room = rooms.get(shape) or rooms.setdefault(shape, Room(*shape))
        kernels.quantise(as_array(x), room.x.numpy(), room.scale)
        torch._int_mm(room.x, self._weight, out=room.products)
        kernels.restore(room.products.numpy(), room.scale, self._scale, as_array(out))


class Room:
    """Memory for a quantised product, used again for every matrix and segment of its shape."""

    def __init__(self, n_rows: int, width: int, n_columns: int) -> None:
        self.x = torch.empty(n_rows, width, dtype=torch.int8)
        self.scale = np.empty(n_rows, np.float32)
        self.products = torch.empty(n_rows, n_columns, dtype=torch.int32)


Rooms = dict[tuple[int, ...], Room]
"""By rows, width and columns. Not for two threads at once."""


def as_array(x: Tensor) -> NDArray[Any]:
    """The tensor's memory as numpy knows it: bf16 as uint16."""
    array: NDArray[Any] = (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x).numpy()
    return array
