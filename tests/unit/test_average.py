"""The mean of two checkpoints lies between them, and is refused where they are not of one kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from docqa.engine.checkpoints.installed import embedded_checkpoint
from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import EMBEDDING, load_model
from docqa.trainer.retriever.average import average
from tests.conftest import Run
from tests.tiny_checkpoint import make_checkpoint

TEXT = "Anna lives in Oslo. Bert lives in Rome. Carla lives in Paris."


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A checkpoint, and the same with every weight but the embedding a half higher."""
    first = make_checkpoint(tmp_path / "first", TEXT)
    second = tmp_path / "second"
    shutil.copytree(first, second)
    tensors = load_file(first / "model.safetensors")
    moved = {name: value if name == EMBEDDING else value + 0.5 for name, value in tensors.items()}
    save_file(moved, second / "model.safetensors")
    return first, second


def test_the_weights_lie_between(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = pair
    out = average(first, second, 0.7, tmp_path / "mean")
    before, mean = load_model(first).state_dict(), load_model(out).state_dict()
    assert set(before) == set(mean)
    for name, value in before.items():
        torch.testing.assert_close(mean[name], value if name == EMBEDDING else value + 0.35)


def test_it_says_what_it_was_made_of(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = pair
    (first / "metrics.json").write_text(json.dumps({"step": 9, "tokens": 90, "dev": {}}))
    (second / "metrics.json").write_text(json.dumps({"step": 3, "tokens": 30, "seed": 1}))
    (second / "run.toml").write_text("seed = 1\n")
    out = average(first, second, 0.7, tmp_path / "mean")
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["step"] == 3
    assert metrics["averaged"] == {"weight": 0.7, "step": 9, "tokens": 90}
    assert "dev" not in metrics
    assert (out / "run.toml").read_text() == "seed = 1\n"


def test_the_reader_is_kept_with_its_embedding_and_lost_without(tmp_path: Path) -> None:
    embedded = embedded_checkpoint()
    kept = average(embedded, embedded, 0.5, tmp_path / "kept")
    reader = load_model(kept).reader
    assert reader is not None
    assert "benchmark" not in json.loads((kept / "metrics.json").read_text())["reader"]
    assert (kept / "reader.toml").is_file()

    tensors = load_file(kept / "model.safetensors")
    rounded = {**tensors, EMBEDDING: tensors[EMBEDDING] * 1.000001}
    save_file(rounded, kept / "model.safetensors")
    assert load_model(average(embedded, kept, 0.5, tmp_path / "again")).reader is not None

    save_file({**tensors, EMBEDDING: tensors[EMBEDDING] * 2}, kept / "model.safetensors")
    lost = average(embedded, kept, 0.5, tmp_path / "lost")
    assert load_model(lost).reader is None
    assert not (lost / "reader.toml").exists()
    assert "reader" not in json.loads((lost / "metrics.json").read_text())


def test_another_shape_is_refused_with_both_values(tmp_path: Path) -> None:
    first = make_checkpoint(tmp_path / "first", TEXT)
    deeper = make_checkpoint(tmp_path / "deeper", TEXT, n_layer=3)
    with pytest.raises(TrainingError, match=r"n_layer is 2 .* and 3 "):
        average(first, deeper, 0.5, tmp_path / "mean")


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    first = make_checkpoint(tmp_path / "first", TEXT)
    record = json.loads((first / "tokenizer.json").read_text())
    second = tmp_path / "second"
    shutil.copytree(first, second)
    record["model"]["unk_token"] = "?"
    (second / "tokenizer.json").write_text(json.dumps(record))
    with pytest.raises(TrainingError, match="different tokenizers"):
        average(first, second, 0.5, tmp_path / "mean")


def test_the_command_prints_the_folder(pair: tuple[Path, Path], tmp_path: Path, docqa: Run) -> None:
    out = tmp_path / "mean"
    result = docqa("train", "average", *map(str, pair), "--weight", "0.2", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(out)
    assert load_model(out)
