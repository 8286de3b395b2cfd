"""Windows as the reader head takes them: read by the retriever's backbone, which stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from docqa.engine.mamba2.model import Mamba2Model, TokenFeatures
from docqa.engine.mamba2.reader_head import ReaderBatch
from docqa.engine.question_match import token_similarity
from docqa.engine.reader_window import NO_PART, ReaderWindow


def read_windows(model: Mamba2Model, windows: Sequence[ReaderWindow]) -> ReaderBatch:
    """Read each window behind its question, filled up to the longest."""
    with torch.no_grad():
        return make_batch(model, windows, read_states(model, windows))


def read_states(model: Mamba2Model, windows: Sequence[ReaderWindow]) -> Float[Tensor, "b n d"]:
    """(b, n, d) states of questions and windows; what stands behind a window means nothing."""
    device = model.backbone.embedding.weight.device
    token_ids = padded([one.token_ids for one in windows]).long().to(device)
    features = None
    if model.config.has_features:
        features = TokenFeatures(
            padded([one.rarity for one in windows]).long().to(device),
            similarity(model, windows, token_ids),
            padded([one.is_end for one in windows]).to(device),
        )
    hidden: Tensor = model(token_ids, model.initial_state(len(windows)), features)[0]
    return hidden


def make_batch(
    model: Mamba2Model, windows: Sequence[ReaderWindow], hidden: Float[Tensor, "b n d"]
) -> ReaderBatch:
    """States with everything else the head is told."""
    token_ids = padded([one.token_ids for one in windows]).long().to(hidden.device)
    return ReaderBatch(
        hidden,
        model.backbone.embedding(token_ids),
        padded([one.features for one in windows]).long().to(hidden.device),
        similarity(model, windows, token_ids),
        padded([one.parts for one in windows], filling=NO_PART).long().to(hidden.device),
        torch.tensor([one.n_question for one in windows], device=hidden.device),
        torch.tensor([len(one.token_ids) for one in windows], device=hidden.device),
    )


def similarity(
    model: Mamba2Model, windows: Sequence[ReaderWindow], token_ids: Int[Tensor, "b n"]
) -> Float[Tensor, "b n"]:
    """(b, n) `TokenFeatures.similarity`; 0 in the questions."""
    content = padded([one.content for one in windows], filling=-1).long()
    near = token_similarity(
        model.backbone.embedding.weight, token_ids, content.to(token_ids.device)
    )
    asks = torch.tensor([one.n_question for one in windows], device=token_ids.device)[:, None]
    place = torch.arange(token_ids.shape[1], device=token_ids.device)
    return near.masked_fill(place < asks, 0.0)


def padded(rows: Sequence[NDArray[Any]], filling: int = 0) -> Tensor:
    """Rows of different lengths as one tensor."""
    tensors = [torch.from_numpy(row) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=filling)
