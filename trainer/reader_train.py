"""Train a reader head for a checkpoint, whose other weights stay: make examples, fit, save."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from docqa.engine.device import choose_device
from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import (
    add_reader,
    load_model,
    load_tokenizer,
    read_metrics,
    write_metrics,
)
from docqa.engine.mamba2.model import Mamba2Model
from docqa.engine.mamba2.reader_batch import make_batch
from docqa.engine.mamba2.reader_head import (
    MAX_ANSWER_TOKENS,
    ReaderBatch,
    ReaderHead,
    Verdict,
    span_loss,
)
from docqa.trainer.publish import card
from docqa.trainer.reader_bench import bench_reader
from docqa.trainer.reader_cache import ReaderData, fingerprint, length_groups
from docqa.trainer.reader_examples import ReaderExample, read_examples
from docqa.trainer.reader_recipe import ReaderRecipe, read_reader_recipe

LOG_EVERY = 20

OnProgress = Callable[[str, int, int, dict[str, float]], None]
"""Called with the phase, steps done, steps in all and the latest figures."""


@dataclass
class ReaderRun:
    """What a run carries from step to step."""

    recipe: ReaderRecipe
    folder: Path
    model: Mamba2Model
    """The checkpoint's; only its embedding is read."""
    head: ReaderHead
    tokenizer: Tokenizer
    data: ReaderData
    usable: NDArray[np.int64]
    """Examples that are not too long."""
    optimizer: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def train_reader(
    files: Sequence[Path],
    checkpoint: Path,
    out: Path,
    *,
    recipe: str | Path = "reader",
    n_steps: int | None = None,
    seed: int | None = None,
    max_seconds: float | None = None,
    dev: Sequence[Path] = (),
    limit: int | None = None,
    resume: bool = False,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> Path:
    """Train a reader head; everything else, and with it every score, stays what it is.

    Args:
        files: Labelled documents (JSON Lines, see `trainer/dataset.py`).
        checkpoint: The checkpoint folder that gets the head.
        out: The run folder.
        recipe: Name or path of a recipe.
        n_steps: Overrides the recipe.
        seed: Overrides the recipe.
        max_seconds: Stop cleanly after this time; `resume` goes on.
        dev: Files to measure the reader on, for `metrics.json` and the card; they decide nothing.
        limit: Most questions of each.
        resume: Go on from the state in `out`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        on_progress: Called every few steps.

    Returns:
        The folder of the checkpoint with its reader.

    Raises:
        TrainingError: When data, recipe or run folder cannot be used.
        CheckpointError: When the checkpoint cannot be used.
    """
    chosen = _chosen_recipe(out, recipe, n_steps, seed, resume)
    run = _set_up(chosen, files, checkpoint, out, device, on_progress)
    if resume:
        _load_state(run)
    _fit(run, max_seconds, on_progress)
    folder = _save(run, checkpoint)
    if dev and run.step == run.recipe.n_steps:
        _measure(folder, dev, limit, device, on_progress)
    return folder


def _chosen_recipe(
    out: Path, recipe: str | Path, n_steps: int | None, seed: int | None, resume: bool
) -> ReaderRecipe:
    if resume:
        if not (out / "run.toml").is_file():
            raise TrainingError(f"No run in {out}.", "Start without --resume.")
        return read_reader_recipe(out / "run.toml")
    if (out / "state").exists():
        raise TrainingError(f"{out} already holds a run.", "Add --resume, or choose another --out.")
    chosen = read_reader_recipe(recipe)
    if n_steps is not None:
        chosen = replace(chosen, n_steps=n_steps)
    return chosen if seed is None else replace(chosen, seed=seed)


def _set_up(
    recipe: ReaderRecipe,
    files: Sequence[Path],
    checkpoint: Path,
    out: Path,
    device: str,
    on_progress: OnProgress | None,
) -> ReaderRun:
    """Model, examples and optimizer of a run."""
    place = choose_device(device)
    model = load_model(checkpoint, with_reader=False).to(place)
    tokenizer = load_tokenizer(checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.toml").write_text(recipe.to_toml(), encoding="utf-8")
    data = _examples(recipe, files, tokenizer, out.parent, on_progress)
    torch.manual_seed(recipe.seed)
    head = ReaderHead(model.config.d_model, recipe.width, recipe.dropout).to(place)
    usable = np.flatnonzero(data.n_tokens <= recipe.max_tokens)
    if not len(usable):
        raise TrainingError(f"No example is as short as {recipe.max_tokens} tokens.")
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    return ReaderRun(recipe, out, model, head, tokenizer, data, usable, optimizer)


def _examples(
    recipe: ReaderRecipe,
    files: Sequence[Path],
    tokenizer: Tokenizer,
    folder: Path,
    on_progress: OnProgress | None,
) -> ReaderData:
    """The examples of some files, made or found from a run before."""
    for file in files:
        if not file.is_file():
            raise TrainingError(f"No data file {file}.", "Give JSON Lines, plain or gzip.")
    drawn = (recipe.seed, recipe.negative_share, recipe.swapped_share, recipe.sources)
    path = folder / "packed" / f"reader-{fingerprint(files, tokenizer.to_str(), *drawn)}.npz"

    def on_file(file: str, n_documents: int) -> None:
        if on_progress is not None:
            on_progress(f"making examples of {file}", n_documents, 0, {})

    if not path.is_file():
        examples = read_examples(
            files,
            tokenizer,
            limits=recipe.sources,
            seed=recipe.seed,
            negative_share=recipe.negative_share,
            swapped_share=recipe.swapped_share,
            on_file=on_file,
        )
        ReaderData.of(examples).save(path)
    return ReaderData.load(path)


def _fit(run: ReaderRun, max_seconds: float | None, on_progress: OnProgress | None) -> None:
    """Step until the recipe's end or the time is up, saving on the way."""
    started = time.monotonic()
    saved_at = run.step
    for chosen in _batches(run):
        if max_seconds is not None and time.monotonic() - started > max_seconds:
            break
        begun = time.monotonic()
        figures = _train_step(run, chosen)
        run.seconds += time.monotonic() - begun
        run.step += 1
        if run.step % LOG_EVERY == 0 or run.step == run.recipe.n_steps:
            _log(run, figures)
            if on_progress is not None:
                on_progress("training", run.step, run.recipe.n_steps, figures)
        if run.step % run.recipe.save_every == 0:
            _save_state(run)
            saved_at = run.step
    if saved_at != run.step:
        _save_state(run)


def _batches(run: ReaderRun) -> Iterator[NDArray[np.int64]]:
    """What is left of the run: each epoch takes every example once, in an order of its own."""
    begin, n_drawn = run.step, 0
    for epoch in count():
        random = np.random.default_rng([run.recipe.seed, epoch])
        order = random.permutation(run.usable)
        groups = list(length_groups(run.data.n_tokens, order, run.recipe.batch_size))
        for i in random.permutation(len(groups)):
            if n_drawn == run.recipe.n_steps:
                return
            if n_drawn >= begin:
                yield groups[i]
            n_drawn += 1


def _train_step(run: ReaderRun, chosen: NDArray[np.int64]) -> dict[str, float]:
    """One optimizer step on one batch."""
    rate = learning_rate(run.step, run.recipe)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    # a resumed run draws the same dropout as one that was never stopped
    torch.manual_seed(run.recipe.seed * 1_000_003 + run.step)
    batch, targets = batch_of(run.model, [run.data[i] for i in chosen.tolist()])
    run.head.train()
    loss = span_loss(run.head(batch), targets)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.head.parameters(), run.recipe.gradient_clip)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.losses.append(loss.item())
    del run.losses[:-200]
    return {"loss": sum(run.losses) / len(run.losses), "learning_rate": rate}


def batch_of(model: Mamba2Model, examples: Sequence[ReaderExample]) -> tuple[ReaderBatch, Tensor]:
    """Some examples as the head takes them, and which of its logits are right."""
    with torch.no_grad():
        batch = make_batch(model.backbone.embedding.weight, [one.window for one in examples])
    n = batch.parts.shape[1]
    targets = torch.zeros(len(examples), n * n + len(Verdict), dtype=torch.bool)
    for row, example in enumerate(examples):
        spans = [a * n + b for a, b in example.spans if b - a < MAX_ANSWER_TOKENS]
        verdict = Verdict.WHOLE if example.answers else Verdict.NOTHING
        targets[row, spans or [n * n + verdict]] = True
    return batch, targets.to(batch.parts.device)


def learning_rate(step: int, recipe: ReaderRecipe) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    n_warmup = max(1, round(recipe.warmup_share * recipe.n_steps))
    if step < n_warmup:
        return recipe.learning_rate * (step + 1) / n_warmup
    done = (step - n_warmup) / max(1, recipe.n_steps - n_warmup)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def _log(run: ReaderRun, figures: dict[str, float]) -> None:
    record = {"step": run.step, "seconds": round(run.seconds, 1), **figures}
    with (run.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _save_state(run: ReaderRun) -> None:
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


def _load_state(run: ReaderRun) -> None:
    path = run.folder / "state" / "state.pt"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"No saved state in {run.folder}.", "Start without --resume.") from None
    run.head.load_state_dict(state["head"])
    run.optimizer.load_state_dict(state["optimizer"])
    progress = json.loads(state["progress"])
    run.step, run.seconds, run.losses = progress["step"], progress["seconds"], progress["losses"]


def _save(run: ReaderRun, checkpoint: Path) -> Path:
    """The checkpoint with its new reader."""
    folder = run.folder / "checkpoint"
    add_reader(checkpoint, folder, run.head, run.recipe.width)
    metrics = read_metrics(checkpoint)
    metrics["reader"] = {
        "step": run.step,
        "seed": run.recipe.seed,
        "n_examples": len(run.usable),
        "loss": round(sum(run.losses) / len(run.losses), 4) if run.losses else None,
    }
    write_metrics(folder, metrics)
    shutil.copyfile(run.folder / "run.toml", folder / "reader.toml")
    return folder


def _measure(
    folder: Path,
    dev: Sequence[Path],
    limit: int | None,
    device: str,
    on_progress: OnProgress | None,
) -> None:
    """Write into metrics and card how right the reader is in its final form."""

    def on_bench(name: str, n_done: int, n_all: int) -> None:
        if on_progress is not None:
            on_progress(f"measuring on {name}", n_done, n_all, {})

    report = bench_reader(
        dev, "hybrid", checkpoint=folder, device=device, limit=limit, on_progress=on_bench
    )
    metrics = read_metrics(folder)
    metrics["reader"]["benchmark"] = {**report, "checkpoint": "embedded"}
    write_metrics(folder, metrics)
    if "benchmark" in metrics:  # a published checkpoint has a card
        (folder / "README.md").write_text(card(metrics), encoding="utf-8")
