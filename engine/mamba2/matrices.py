"""The weights of a projection, as they are or as int8."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from docqa.engine.mamba2.kernels import MIDDLE

WORDS = {
    torch.uint8: torch.uint16,
    torch.bfloat16: torch.uint32,
    torch.float32: torch.uint64,
}
"""Two numbers as the kernels take them."""


class Matrix:
    """Weights multiplied as they are."""

    def __init__(self, weight: Float[Tensor, "k d"]) -> None:
        self.row_dtype = weight.dtype
        self._weight = weight.T

    def multiply(self, x: Float[Tensor, "l d"]) -> Float[Tensor, "l k"]:
        """(l, k) x @ weight.T."""
        return torch.mm(x, self._weight)


class QuantisedMatrix:
    """Weights as int8 with a scale for each row, multiplied with rows quantised in the same way.

    A processor multiplies twice as many numbers of 8 bits as of 16 at a time, and four times as
    many as of 32 (VNNI, AMX); the sums are whole numbers and exact. The weights are put in the
    order that it reads them in once, and the scales of the rows are left to who reads the product.
    """

    row_dtype = torch.uint8

    def __init__(self, weight: Float[Tensor, "k d"]) -> None:
        wide = weight.float().contiguous()
        largest = wide.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny)
        self._scale = largest / 127
        quantised = (wide / self._scale[:, None]).round().to(torch.int8)
        self._bias = -MIDDLE * quantised.sum(1, dtype=torch.int32) * self._scale
        self._middles = torch.zeros(len(wide), dtype=torch.int64)
        self._packed = torch.ops.onednn.qlinear_prepack(quantised, None)
        self._dtype = weight.dtype

    def multiply(self, x: Shaped[Tensor, "l d"]) -> Float[Tensor, "l k"]:
        """(l, k) what, times the scale of its row, is x @ weight.T to about a hundredth.

        Args:
            x: (l, d) uint8, 0 as `MIDDLE`, from `kernels.add_and_normalise` and the like.
        """
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            x, 1.0, 0, self._packed, self._scale, self._middles, self._bias,
            1.0, 0, self._dtype, "none", [], "",
        )  # fmt: skip
        return product


def with_even_rows(weight: Float[Tensor, "k d"]) -> Float[Tensor, "m d"]:
    """The weights with a row of zeros at their end where they are odd in number: a product that
    the kernels read in words has an even number of columns."""
    return torch.nn.functional.pad(weight, (0, 0, 0, len(weight) % 2))


def as_array(x: Tensor) -> NDArray[Any]:
    """The tensor's memory as numpy knows it: bf16 as uint16."""
    array: NDArray[Any] = (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x).numpy()
    return array


def as_words(x: Shaped[Tensor, "... k"]) -> NDArray[Any]:
    """(..., k/2) the tensor's memory in words of two numbers."""
    array: NDArray[Any] = x.view(WORDS[x.dtype]).numpy()
    return array
