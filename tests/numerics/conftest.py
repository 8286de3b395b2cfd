"""A small model with random weights, for the numerics tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.model import Mamba2Model, initialise

MakeModel = Callable[..., Mamba2Model]


@pytest.fixture
def make_model() -> MakeModel:
    """Build a two-layer model of width 32; keyword arguments change its config."""

    def build(dtype: torch.dtype = torch.float64, **changes: int) -> Mamba2Model:
        shape = {"d_model": 32, "n_layer": 2, "vocab_size": 96, "d_state": 8, "headdim": 16}
        model = Mamba2Model(Mamba2Config(**{**shape, "chunk_size": 8, **changes}))
        generator = torch.Generator().manual_seed(0)
        initialise(model, generator)
        with torch.no_grad():
            # wide steps, so that state really passes from token to token and chunk to chunk
            model.backbone.embedding.weight.normal_(generator=generator)
        return model.to(dtype).eval()

    return build
