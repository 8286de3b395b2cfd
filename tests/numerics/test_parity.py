"""Our model and the independent Mamba-2 of `transformers`, on the same random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from docqa.engine.mamba2.model import Mamba2Model
from tests.numerics.conftest import MakeModel

FP32 = {"rtol": 1e-4, "atol": 1e-4}


def transformers_twin(model: Mamba2Model) -> torch.nn.Module:
    """The same backbone in transformers, with the weights of ours."""
    transformers = pytest.importorskip("transformers")
    config = model.config
    twin = transformers.Mamba2Model(
        transformers.Mamba2Config(
            num_heads=config.n_heads,
            head_dim=config.headdim,
            vocab_size=config.vocab_size,
            hidden_size=config.d_model,
            state_size=config.d_state,
            num_hidden_layers=config.n_layer,
            layer_norm_epsilon=config.norm_eps,
            expand=config.expand,
            n_groups=config.ngroups,
            conv_kernel=config.d_conv,
            chunk_size=config.chunk_size,
            use_bias=False,
            use_conv_bias=True,
            rms_norm=True,
            time_step_limit=(0.0, float("inf")),
        )
    )
    weights = {
        name.removeprefix("backbone.").replace("embedding.weight", "embeddings.weight"): value
        for name, value in model.state_dict().items()
        if name.startswith("backbone.")
    }
    twin.load_state_dict(weights, strict=True)
    return twin.eval()


@pytest.mark.parametrize("changes", [{}, {"ngroups": 2}, {"d_state": 16, "headdim": 32}])
@pytest.mark.parametrize("n_tokens", [1, 8, 45])
def test_hidden_states_equal(make_model: MakeModel, changes: dict[str, int], n_tokens: int) -> None:
    model = make_model(torch.float32, **changes)
    token_ids = torch.randint(0, 96, (2, n_tokens), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = transformers_twin(model)(input_ids=token_ids, use_cache=False)
        got, _ = model(token_ids, model.initial_state(2))
    torch.testing.assert_close(got, expected.last_hidden_state, **FP32)


def test_bf16_ranks_as_fp32(make_model: MakeModel, tmp_path: Path) -> None:
    """Half precision may move a score a little, but not the ranking."""
    model = make_model(torch.float32, n_layer=4)
    token_ids = torch.randint(0, 96, (1, 2000), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        exact = model.score(model(token_ids, model.initial_state(1))[0])[0]
        half = make_model(torch.bfloat16, n_layer=4)
        half.load_state_dict(model.state_dict())
        for block in half.backbone.blocks:
            for name in ("A_log", "dt_bias", "D"):
                parameter = getattr(block.mixer, name)
                parameter.data = parameter.data.float()
        rounded = half.score(half(token_ids, half.initial_state(1))[0])[0].float()
    top = set(exact.topk(50).indices.tolist()) & set(rounded.topk(50).indices.tolist())
    correlation = torch.corrcoef(torch.stack([exact, rounded]))[0, 1]
    assert correlation > 0.999
    assert len(top) >= 47
