"""Windows of different lengths as one batch of tensors of fixed width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from docqa.trainer.retriever.windows import Window


@dataclass(frozen=True, slots=True)
class WindowBatch:
    """b windows of l tokens with at most s sentences and q content tokens of the question.

    Windows are filled up at their end, which a causal model never reads back.
    """

    token_ids: Int[Tensor, "b l"]
    match: Int[Tensor, "b l"]
    is_document: Bool[Tensor, "b l"]
    content: Int[Tensor, "b q"]
    """Padded with -1."""
    sentence_ends: Int[Tensor, "b s"]
    """Padded with -1, so that padding never passes for the first token."""
    labels: Float[Tensor, "b s"]
    coverage: Float[Tensor, "b s c"]

    @property
    def real(self) -> Bool[Tensor, "b s"]:
        """False for padded sentences."""
        return self.sentence_ends >= 0

    def to(self, device: torch.device) -> WindowBatch:
        """The same batch on a device."""
        return WindowBatch(*(getattr(self, name).to(device) for name in self.__slots__))


def collate(windows: Sequence[Window], n_tokens: int) -> WindowBatch:
    """Stack windows, each filled up to `n_tokens` tokens."""
    n_sentences = max(len(window.sentence_ends) for window in windows)
    n_content = max(1, *(len(window.content) for window in windows))
    return WindowBatch(
        token_ids=_stack([w.token_ids for w in windows], n_tokens, 0),
        match=_stack([w.match for w in windows], n_tokens, 0),
        is_document=_stack([w.is_document for w in windows], n_tokens, False),
        content=_stack([w.content.astype(np.int64) for w in windows], n_content, -1),
        sentence_ends=_stack([w.sentence_ends for w in windows], n_sentences, -1),
        labels=_stack([w.labels for w in windows], n_sentences, 0.0),
        coverage=_stack([w.coverage for w in windows], n_sentences, 0.0),
    )


def _stack(rows: Sequence[NDArray[Any]], width: int, fill: int | float) -> Tensor:
    stacked = np.full((len(rows), width, *rows[0].shape[1:]), fill, dtype=rows[0].dtype)
    for i, row in enumerate(rows):
        stacked[i, : len(row)] = row
    return torch.from_numpy(stacked)
