"""The heads that a model keeps when its other weights change: their papers go along."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from docqa.engine.mamba2.checkpoint import read_metrics
from docqa.engine.mamba2.model import Mamba2Model


def metrics_of_heads(folder: Path, model: Mamba2Model) -> dict[str, Any]:
    """How the heads a model has were trained; how right they are with its other weights is open.

    Args:
        folder: The checkpoint they come from.
        model: What they are part of now.
    """
    told = read_metrics(folder)
    return {
        head: {name: value for name, value in told[head].items() if name != "benchmark"}
        for head in model.heads
        if head in told
    }


def copy_recipes_of_heads(folder: Path, model: Mamba2Model, out: Path) -> None:
    """Put the recipes of the heads a model has beside it; see `metrics_of_heads`."""
    for head in model.heads:
        if (folder / f"{head}.toml").is_file():
            shutil.copyfile(folder / f"{head}.toml", out / f"{head}.toml")
