"""Where a run stands, by what it has written so far."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docqa.engine.errors import TrainingError
from docqa.trainer.retriever.recipe import read_recipe

METRICS_FILE = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class Standing:
    """A run between its first and its last step."""

    run: str
    step: int
    n_steps: int
    tokens: int
    seconds: float
    """Of training, without evaluations."""
    loss: float | None
    """Mean of the last steps; None before the first line."""
    seconds_left: float | None
    """At the mean rate so far; None before the first line."""
    silent_seconds: float | None
    """Since the last line was written."""
    saved: bool
    """Whether `--resume` can go on."""
    dev_step: int | None
    """Of the latest measuring on the dev files; None before the first."""
    dev_recall_words_1000: float | None
    dev_mrr: float | None


def read_metrics_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`, oldest first; a last line that is half written is none.

    Raises:
        TrainingError: When the file cannot be read.
    """
    path = folder / METRICS_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        whole = lines[:-1] if lines and not lines[-1].endswith("}") else lines
        return [json.loads(line) for line in whole]
    except (OSError, ValueError) as error:
        raise TrainingError(f"Cannot read {path}: {error}.") from error


def standing(folder: Path) -> Standing:
    """Read where the run in a folder stands.

    Raises:
        TrainingError: When there is no run in it.
    """
    if not (folder / "run.toml").is_file():
        raise TrainingError(f"No run in {folder}.", "Give the --out of docqa train retriever.")
    n_steps = read_recipe(folder / "run.toml").run.n_steps
    records = read_metrics_log(folder)
    last: dict[str, Any] = next((one for one in reversed(records) if "loss" in one), {})
    dev: dict[str, Any] = next((one for one in reversed(records) if "dev_mrr" in one), {})
    step, seconds = int(last.get("step", 0)), float(last.get("seconds", 0.0))
    log = folder / METRICS_FILE
    return Standing(
        run=folder.name,
        step=step,
        n_steps=n_steps,
        tokens=int(last.get("tokens", 0)),
        seconds=seconds,
        loss=last.get("loss"),
        seconds_left=seconds / step * (n_steps - step) if step else None,
        silent_seconds=time.time() - log.stat().st_mtime if log.is_file() else None,
        saved=(folder / "state" / "state.pt").is_file(),
        dev_step=dev.get("step"),
        dev_recall_words_1000=dev.get("dev_recall_words_1000"),
        dev_mrr=dev.get("dev_mrr"),
    )
