"""Windows of the span reader as the tensors its head takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from docqa.engine.mamba2.reader_head import ReaderBatch
from docqa.engine.reader_window import NO_PART, ReaderWindow
from docqa.engine.retrievers.question_match import NOT_SIMILAR, token_similarity


def make_batch(embedding: Float[Tensor, "v d"], windows: Sequence[ReaderWindow]) -> ReaderBatch:
    """Windows, filled up to the longest.

    Args:
        embedding: (v, d) token embedding of the checkpoint.
        windows: At least one.
    """
    device = embedding.device
    token_ids = _filled([one.token_ids for one in windows]).to(device)
    content = _filled([one.content for one in windows], filling=-1).to(device)
    n_question = torch.tensor([one.n_question for one in windows], device=device)
    n_tokens = torch.tensor([len(one.token_ids) for one in windows], device=device)
    place = torch.arange(token_ids.shape[1], device=device)
    asks = place < n_question[:, None]
    words = functional.embedding(token_ids, embedding).float()
    told = (place < n_tokens[:, None]) & ~asks
    similarity = token_similarity(embedding, token_ids, content)
    return ReaderBatch(
        embedding=words,
        features=_filled([one.features for one in windows]).to(device),
        similarity=torch.where(asks, _nearest(words, told), similarity),
        parts=_filled([one.parts for one in windows], filling=NO_PART).to(device),
        n_question=n_question,
        n_tokens=n_tokens,
    )


def _nearest(words: Float[Tensor, "b n d"], told: Bool[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """How near each token comes to any of those that are told, as in `token_similarity`."""
    directions = functional.normalize(words, dim=-1)
    cosine = (directions @ directions.transpose(1, 2)).masked_fill(~told[:, None], -1.0)
    return ((cosine.amax(-1) - NOT_SIMILAR) / (1 - NOT_SIMILAR)).clamp(min=0.0, max=1.0)


def _filled(rows: Sequence[NDArray[Any]], filling: int = 0) -> Tensor:
    """(b, n, ...) int64 of rows of different lengths."""
    tensors = [torch.from_numpy(row).long() for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=filling)
