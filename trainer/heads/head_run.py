"""Training a head of a checkpoint, whose other weights stay: steps, saved states, the log."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import read_metrics
from docqa.engine.mamba2.model import Mamba2Model
from docqa.trainer.heads.head_recipe import AnyRecipe, HeadRecipe, read_head_recipe

LOG_EVERY = 20
N_LOSSES = 200
"""Steps whose mean loss is told."""

OnProgress = Callable[[str, int, int, dict[str, float]], None]
"""Called with the phase, steps done, steps in all and the latest figures."""
Batch = TypeVar("Batch")


@dataclass
class HeadRun:
    """What a run carries from step to step."""

    folder: Path
    head: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = field(default=0, kw_only=True)
    seconds: float = field(default=0.0, kw_only=True)
    losses: list[float] = field(default_factory=list, kw_only=True)

    @property
    def loss(self) -> float | None:
        """Mean of the latest steps."""
        return round(sum(self.losses) / len(self.losses), 4) if self.losses else None


def chosen_recipe(
    kind: type[AnyRecipe],
    out: Path,
    recipe: str | Path,
    n_steps: int | None,
    seed: int | None,
    *,
    known: str,
    resume: bool,
) -> AnyRecipe:
    """The recipe of a run that begins, or of the one in `out` that goes on.

    Raises:
        TrainingError: When there is nothing to go on with, or something is in the way.
    """
    if resume:
        if not (out / "run.toml").is_file():
            raise TrainingError(f"No run in {out}.", "Start without --resume.")
        return read_head_recipe(kind, out / "run.toml", known)
    if (out / "state").exists():
        raise TrainingError(f"{out} already holds a run.", "Add --resume, or choose another --out.")
    chosen = read_head_recipe(kind, recipe, known)
    if n_steps is not None:
        chosen = replace(chosen, n_steps=n_steps)
    return chosen if seed is None else replace(chosen, seed=seed)


def check_goes_on(model: Mamba2Model, checkpoint: Path, head: str, width: int) -> None:
    """Ask for the head that a recipe goes on with.

    Raises:
        TrainingError: When the checkpoint has none, or one of another width.
    """
    has: int = getattr(model.config, f"{head}_width")
    if has != width:
        found = f"a head {head!r} of width {has}" if has else f"no head {head!r}"
        raise TrainingError(
            f"{checkpoint} has {found}; the recipe goes on with one of width {width}.",
            f"Train that first: docqa train {head} --recipe {head}.",
        )


def keep_some(run: HeadRun, recipe: HeadRecipe, begun: Mapping[str, Tensor]) -> None:
    """Bring a head back by the share that its recipe keeps of what it began as."""
    for name, value in run.head.state_dict().items():
        value.lerp_(begun[name].to(value.device), recipe.kept)


def told_before(recipe: HeadRecipe, checkpoint: Path, head: str) -> dict[str, Any]:
    """How the head that a run went on from was trained, to be told with the run's own figures."""
    before = read_metrics(checkpoint).get(head) if recipe.goes_on else None
    if not before:
        return {}
    return {"before": {name: value for name, value in before.items() if name != "benchmark"}}


def fit(
    run: HeadRun,
    recipe: HeadRecipe,
    batches: Iterable[Batch],
    loss_of: Callable[[Batch], Tensor],
    max_seconds: float | None,
    on_progress: OnProgress | None,
) -> None:
    """Step until the batches or the time are up, saving on the way."""
    started = time.monotonic()
    saved_at = run.step
    for batch in batches:
        if max_seconds is not None and time.monotonic() - started > max_seconds:
            break
        begun = time.monotonic()
        figures = _take_step(run, recipe, batch, loss_of)
        run.seconds += time.monotonic() - begun
        run.step += 1
        if run.step % LOG_EVERY == 0 or run.step == recipe.n_steps:
            _log(run, figures)
            if on_progress is not None:
                on_progress("training", run.step, recipe.n_steps, figures)
        if run.step % recipe.save_every == 0:
            _save_state(run)
            saved_at = run.step
    if saved_at != run.step:
        _save_state(run)


def _take_step(
    run: HeadRun, recipe: HeadRecipe, batch: Batch, loss_of: Callable[[Batch], Tensor]
) -> dict[str, float]:
    """One optimizer step on one batch."""
    rate = learning_rate(run.step, recipe)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    # a resumed run draws the same dropout as one that was never stopped
    torch.manual_seed(recipe.seed * 1_000_003 + run.step)
    run.head.train()
    loss = loss_of(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.head.parameters(), recipe.gradient_clip)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.losses.append(loss.item())
    del run.losses[:-N_LOSSES]
    return {"loss": sum(run.losses) / len(run.losses), "learning_rate": rate}


def learning_rate(step: int, recipe: HeadRecipe) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    n_warmup = max(1, round(recipe.warmup_share * recipe.n_steps))
    if step < n_warmup:
        return recipe.learning_rate * (step + 1) / n_warmup
    done = (step - n_warmup) / max(1, recipe.n_steps - n_warmup)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def _log(run: HeadRun, figures: dict[str, float]) -> None:
    record = {"step": run.step, "seconds": round(run.seconds, 1), **figures}
    with (run.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _save_state(run: HeadRun) -> None:
    """Everything a resumed run needs, written beside the last one and then moved over it."""
    folder = run.folder / "state"
    folder.mkdir(exist_ok=True)
    state = {
        "head": run.head.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "progress": json.dumps({"step": run.step, "seconds": run.seconds, "losses": run.losses}),
    }
    partial = folder / "state.pt.part"
    torch.save(state, partial)
    partial.replace(folder / "state.pt")


def load_state(run: HeadRun) -> None:
    """Put a run back where its saved state left it.

    Raises:
        TrainingError: When there is none.
    """
    path = run.folder / "state" / "state.pt"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"No saved state in {run.folder}.", "Start without --resume.") from None
    run.head.load_state_dict(state["head"])
    run.optimizer.load_state_dict(state["optimizer"])
    progress = json.loads(state["progress"])
    run.step, run.seconds, run.losses = progress["step"], progress["seconds"], progress["losses"]
