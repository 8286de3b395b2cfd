"""Checkpoints load strictly, by the published names, and survive being saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from docqa.engine.errors import CheckpointError
from docqa.engine.mamba2.checkpoint import load_model, read_metrics, save_checkpoint
from docqa.engine.mamba2.config import config_from_record, read_config
from tests.numerics.conftest import MakeModel

PUBLISHED_CONFIG = {
    "d_model": 32,
    "d_intermediate": 0,
    "n_layer": 2,
    "vocab_size": 93,
    "ssm_cfg": {"layer": "Mamba2", "d_state": 8, "headdim": 16, "chunk_size": 8},
    "attn_layer_idx": [],
    "attn_cfg": {},
    "rms_norm": True,
    "residual_in_fp32": True,
    "fused_add_norm": True,
    "pad_vocab_size_multiple": 16,
    "tie_embeddings": True,
}


def tokenizer() -> Tokenizer:
    return Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))


@pytest.fixture
def published(make_model: MakeModel, tmp_path: Path) -> Path:
    """A folder as the published ones are: their config, their names, the tied lm_head."""
    model = make_model(torch.float32)
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    tensors["lm_head.weight"] = tensors["backbone.embedding.weight"].clone()
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED_CONFIG))
    return tmp_path


def test_published_names_load_key_for_key(published: Path, make_model: MakeModel) -> None:
    loaded = load_model(published)
    wanted = make_model(torch.float32).state_dict()
    assert set(loaded.state_dict()) == set(wanted)
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, wanted[name]), name


def test_published_130m_names() -> None:
    """The names and shapes listed in the reference for mamba2-130m."""
    from docqa.engine.mamba2.config import Mamba2Config
    from docqa.engine.mamba2.model import Mamba2Model

    with torch.device("meta"):
        model = Mamba2Model(Mamba2Config(d_model=768, n_layer=24, vocab_size=50288))
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    layer = "backbone.layers.23."
    assert len(shapes) == 24 * 9 + 4
    assert shapes["backbone.embedding.weight"] == (50288, 768)
    assert shapes[f"{layer}norm.weight"] == (768,)
    assert shapes[f"{layer}mixer.in_proj.weight"] == (2 * 1536 + 2 * 128 + 24, 768)
    assert shapes[f"{layer}mixer.conv1d.weight"] == (1536 + 2 * 128, 1, 4)
    assert shapes[f"{layer}mixer.conv1d.bias"] == (1536 + 2 * 128,)
    for name in ("dt_bias", "A_log", "D"):
        assert shapes[f"{layer}mixer.{name}"] == (24,)
    assert shapes[f"{layer}mixer.norm.weight"] == (1536,)
    assert shapes[f"{layer}mixer.out_proj.weight"] == (768, 1536)
    assert shapes["backbone.norm_f.weight"] == (768,)
    assert shapes["binary_head.weight"] == (1, 768)
    assert shapes["binary_head.bias"] == (1,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("missing", r"lacks 1 tensors: binary_head\.bias"),
        ("extra", r"1 tensors the config does not name: surplus"),
        ("shape", r"binary_head\.bias is \(2,\), config\.json asks for \(1,\)"),
        ("untied", r"lm_head is not tied"),
    ],
)
def test_every_tensor_counts(published: Path, change: str, message: str) -> None:
    path = published / "model.safetensors"
    tensors = load_file(path)
    if change == "missing":
        del tensors["binary_head.bias"]
    elif change == "extra":
        tensors["surplus"] = torch.zeros(1)
    elif change == "shape":
        tensors["binary_head.bias"] = torch.zeros(2)
    else:
        tensors["lm_head.weight"] += 1
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=message):
        load_model(published)


def test_damaged_file_is_one_clear_error(published: Path) -> None:
    path = published / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="Cannot read"):
        load_model(published)


def test_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"No config\.json"):
        load_model(tmp_path)


def test_unknown_config_field_is_named() -> None:
    record = {**PUBLISHED_CONFIG, "n_experts": 4}
    with pytest.raises(CheckpointError, match="n_experts"):
        config_from_record(record, where="config.json")


def test_other_architecture_is_refused() -> None:
    record = {**PUBLISHED_CONFIG, "ssm_cfg": {"layer": "Mamba1"}}
    with pytest.raises(CheckpointError, match="not of a Mamba-2 model"):
        config_from_record(record, where="config.json")


def test_saved_and_loaded_is_the_same(make_model: MakeModel, tmp_path: Path) -> None:
    added = {"n_match_buckets": 3, "soft_match": True, "mark_sentences": True, "coverage": True}
    model = make_model(torch.float32, **added)
    save_checkpoint(tmp_path, model, tokenizer(), metrics={"mrr": 0.5})
    loaded = load_model(tmp_path)
    assert loaded.config == model.config
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_int8_embedding_is_near_and_small(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(torch.float32)
    save_checkpoint(tmp_path, model, tokenizer(), int8_embedding=True)
    weight = model.backbone.embedding.weight
    loaded = load_model(tmp_path).backbone.embedding.weight
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    assert ((loaded - weight).abs() <= step * 0.5 + 1e-6).all()
    assert (
        load_file(tmp_path / "model.safetensors")["backbone.embedding.weight"].dtype == torch.int8
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d_model": 10**9}, "d_model = 1000000000"),
        ({"d_model": "32"}, "d_model = '32'"),
        ({"n_layer": 10**6}, "n_layer = 1000000"),
        ({"ssm_cfg": {"headdim": 0}}, "headdim = 0"),
        ({"ssm_cfg": 5}, "does not hold the shape"),
        ({"pad_vocab_size_multiple": 0}, "pad_vocab_size_multiple = 0"),
    ],
)
def test_a_config_with_absurd_sizes(change: dict[str, object], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        config_from_record({**PUBLISHED_CONFIG, **change}, where="x/config.json")


@pytest.mark.parametrize("text", [b"[]", b"[1]", b'{"a": "\xe9"}', b"5"])
def test_files_that_hold_no_object(tmp_path: Path, text: bytes) -> None:
    for name in ("config.json", "metrics.json"):
        (tmp_path / name).write_bytes(text)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_config(tmp_path / "config.json")
    with pytest.raises(CheckpointError, match=r"metrics\.json"):
        read_metrics(tmp_path)
