"""`trainer/gpu.sh`, without a GPU: a run goes on where it stopped, and its checkpoint comes out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from docqa.engine.mamba2.checkpoint import load_model
from docqa.trainer.retriever.train import train_retriever
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import labelled_file, recipe_file

SCRIPT = Path(__file__).parents[2] / "trainer" / "gpu.sh"


def test_a_run_goes_on_and_its_checkpoint_comes_out_in_pieces(tmp_path: Path) -> None:
    data = labelled_file(tmp_path)
    start = make_checkpoint(tmp_path / "start", data.read_text(encoding="utf-8"))
    recipe = recipe_file(tmp_path, start, n_steps=24)
    train_retriever([data], tmp_path / "run", recipe=recipe, device="cpu", stop_after=3)
    settings = {"RUN": "run", "OUT": "out", "DATA": data.name, "DEV": data.name}
    environment = {name: str(tmp_path / place) for name, place in settings.items()}
    environment |= {"PYTHON": sys.executable, "DEVICE": "cpu", "MINUTES": "5"}
    subprocess.run(
        ["bash", str(SCRIPT), "train"], env=os.environ | environment, check=True, timeout=300
    )
    lines = (tmp_path / "out" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["step"] == 24
    assert any("dev_mrr" in line for line in lines)
    pieces = sorted((tmp_path / "out").glob("checkpoint.tar.*"))
    with tarfile.open(fileobj=io.BytesIO(b"".join(one.read_bytes() for one in pieces))) as archive:
        archive.extractall(tmp_path / "there", filter="data")
    assert load_model(tmp_path / "there" / "checkpoint").config.d_model == 32


def test_without_a_word_it_says_what_it_does() -> None:
    done = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "check" in done.stderr
