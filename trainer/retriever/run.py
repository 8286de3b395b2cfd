"""A training run and its folder: what it carries from step to step, and how that is kept.

A run folder holds `run.toml` (the recipe as run), `metrics.jsonl`, `state/` (everything needed to
go on, written every `save_every` steps) and, in `checkpoint/`, the best checkpoint so far.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from docqa.engine.checkpoints.installed import checkpoint_folder
from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import save_checkpoint
from docqa.engine.mamba2.model import Mamba2Model
from docqa.trainer.retriever.ahead import WindowsAhead
from docqa.trainer.retriever.heads import copy_recipes_of_heads, metrics_of_heads
from docqa.trainer.retriever.processes import Processes
from docqa.trainer.retriever.recipe import Recipe
from docqa.trainer.retriever.standing import METRICS_FILE


@dataclass
class Run:
    """What a run carries from step to step."""

    recipe: Recipe
    folder: Path
    model: Mamba2Model
    tokenizer: Tokenizer
    sampler: WindowsAhead
    optimizer: torch.optim.AdamW
    reader: nn.Module
    """The model as it is trained; see `step.WindowReader`."""
    processes: Processes
    step: int = 0
    n_tokens: int = 0
    seconds: float = 0.0
    best: float = -1.0
    losses: list[float] = field(default_factory=list)


def log(run: Run, figures: dict[str, float]) -> None:
    """Append a line to the run's metrics."""
    record = {"step": run.step, "tokens": run.n_tokens, "seconds": round(run.seconds, 1), **figures}
    with (run.folder / METRICS_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def save_run_checkpoint(run: Run, metrics: dict[str, Any]) -> None:
    """Write the model as it is now to `checkpoint/`."""
    folder = run.folder / "checkpoint"
    record = {"step": run.step, "tokens": run.n_tokens, "seed": run.recipe.seed, **metrics}
    start = checkpoint_folder(run.recipe.start.checkpoint) if run.model.heads else None
    if start is not None:
        record.update(metrics_of_heads(start, run.model))
    save_checkpoint(folder, run.model, run.tokenizer, metrics=record)
    shutil.copyfile(run.folder / "run.toml", folder / "run.toml")
    if start is not None:
        copy_recipes_of_heads(start, run.model, folder)


def save_state(run: Run) -> None:
    """Everything a resumed run needs, written beside the last one and then moved over it."""
    folder = run.folder / "state"
    folder.mkdir(exist_ok=True)
    state = {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "torch_random": torch.get_rng_state(),
        "progress": json.dumps(
            {
                "step": run.step,
                "n_tokens": run.n_tokens,
                "seconds": run.seconds,
                "best": run.best,
                "losses": run.losses,
                "sampler": run.sampler.state,
            }
        ),
    }
    partial = folder / "state.pt.part"
    torch.save(state, partial)
    partial.replace(folder / "state.pt")


def load_state(run: Run) -> None:
    """Put the run where it was saved last.

    Raises:
        TrainingError: When nothing was saved.
    """
    path = run.folder / "state" / "state.pt"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"No saved state in {run.folder}.", "Start without --resume.") from None
    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["torch_random"].cpu())
    progress = json.loads(state["progress"])
    run.sampler.state = progress["sampler"]
    run.step, run.n_tokens = progress["step"], progress["n_tokens"]
    run.seconds, run.best, run.losses = progress["seconds"], progress["best"], progress["losses"]
    if run.processes.index == 0:
        _forget_after(run.step, run.folder / METRICS_FILE)


def _forget_after(step: int, path: Path) -> None:
    """Drop the lines of steps that were not saved and will be done again."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in lines if json.loads(line)["step"] <= step]
    partial = path.with_name(path.name + ".part")
    partial.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    partial.replace(path)
