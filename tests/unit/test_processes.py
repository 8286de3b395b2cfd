"""Several processes train what one trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from docqa.engine.errors import ConfigError, MissingError, TrainingError
from docqa.engine.mamba2.checkpoint import load_model
from docqa.trainer.retriever.processes import Alone, join_processes
from docqa.trainer.retriever.train import train_retriever
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import labelled_file, recipe_file

SAME_LOSS = 1e-5
SAME_WEIGHTS = {"rtol": 1e-4, "atol": 1e-5}
"""In fp32: processes sum in another order."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return labelled_file(tmp_path)


@pytest.fixture
def start(tmp_path: Path, data: Path) -> Path:
    return make_checkpoint(tmp_path / "start", data.read_text(encoding="utf-8"))


def launched(n: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`docqa` in several processes, as the README launches it on a CPU."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*torchrun, "--nproc-per-node", str(n), "-m", "docqa.app.cli", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def last_record(run: Path) -> dict[str, Any]:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    record: dict[str, Any] = json.loads(lines[-1])
    return record


def test_two_processes_go_on_with_the_run_of_one_and_train_the_same(
    data: Path, start: Path, tmp_path: Path
) -> None:
    """Each of them reads its share in parts; the first one alone writes and speaks."""
    recipe = recipe_file(tmp_path, start, n_steps=9, tokens_at_once=96)
    one, two = tmp_path / "one", tmp_path / "two"
    train_retriever([data], one, recipe=recipe, device="cpu")
    train_retriever([data], two, recipe=recipe, device="cpu", stop_after=4)
    done = launched(
        2, "train", "retriever", "--data", str(data), "--out", str(two), "--resume",
        "--device", "cpu", "--minutes", "10",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{two / 'checkpoint'}\n"
    expected, got = last_record(one), last_record(two)
    assert (got["step"], got["tokens"]) == (9, expected["tokens"])
    assert got["loss"] == pytest.approx(expected["loss"], abs=SAME_LOSS)
    assert got["gradient_norm"] == pytest.approx(expected["gradient_norm"], rel=1e-4)
    weights = load_model(two / "checkpoint").state_dict()
    for name, value in load_model(one / "checkpoint").state_dict().items():
        torch.testing.assert_close(weights[name], value, **SAME_WEIGHTS, msg=name)


def test_one_process_needs_no_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert isinstance(join_processes("cpu"), Alone)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(MissingError, match=r"2 processes need accelerate.*docqa\[train\]"):
        join_processes("cpu")


def test_several_processes_cannot_share_an_mps_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.mps, "is_available", lambda: True)
    with pytest.raises(ConfigError, match="2 processes cannot share one mps device"):
        join_processes("mps")


class _OneOfThree(Alone):
    n = 3


def test_a_batch_smaller_than_the_processes_is_refused(
    data: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third batch of the recipe has two windows."""
    alone = _OneOfThree(torch.device("cpu"))
    monkeypatch.setattr("docqa.trainer.retriever.train.join_processes", lambda _: alone)
    with pytest.raises(TrainingError, match="has 2 windows for 3 processes"):
        train_retriever([data], tmp_path / "run", recipe=recipe_file(tmp_path, start))
