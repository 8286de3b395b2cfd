"""Train a reader head for a checkpoint, whose other weights stay: make examples, fit, save."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from docqa.engine.device import choose_device
from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import (
    add_head,
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
from docqa.trainer.flat_columns import fingerprint
from docqa.trainer.heads.head_run import (
    HeadRun,
    OnProgress,
    check_goes_on,
    chosen_recipe,
    fit,
    keep_some,
    load_state,
    told_before,
)
from docqa.trainer.heads.near_misses import checkpoint_vectors
from docqa.trainer.heads.reader_cache import ReaderData, length_groups
from docqa.trainer.heads.reader_examples import ReaderExample, read_examples
from docqa.trainer.heads.reader_recipe import ReaderRecipe
from docqa.trainer.publish import card
from docqa.trainer.reader_bench import bench_reader


@dataclass
class ReaderRun(HeadRun):
    """A run that trains a reader head."""

    recipe: ReaderRecipe
    model: Mamba2Model
    """The checkpoint's; only its embedding is read."""
    tokenizer: Tokenizer
    data: ReaderData
    usable: NDArray[np.int64]
    """Examples that are not too long."""


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
    chosen = chosen_recipe(
        ReaderRecipe,
        out,
        recipe,
        n_steps,
        seed,
        known="reader, reader-stage2, reader-stage3",
        resume=resume,
    )
    run = _set_up(chosen, files, checkpoint, out, device, on_progress)
    if resume:
        load_state(run)
    fit(run, chosen, _batches(run), partial(_loss, run), max_seconds, on_progress)
    folder = _save(run, checkpoint)
    if dev and run.step == run.recipe.n_steps:
        _measure(folder, dev, limit, device, on_progress)
    return folder


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
    model = load_model(checkpoint, without=[] if recipe.goes_on else ["reader"]).to(place)
    tokenizer = load_tokenizer(checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.toml").write_text(recipe.to_toml(), encoding="utf-8")
    data = _examples(recipe, files, checkpoint, tokenizer, place, out.parent, on_progress)
    head = _head(recipe, model, checkpoint).to(place)
    usable = np.flatnonzero(data.n_tokens <= recipe.max_tokens)
    if not len(usable):
        raise TrainingError(f"No example is as short as {recipe.max_tokens} tokens.")
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    return ReaderRun(out, head, optimizer, recipe, model, tokenizer, data, usable)


def _head(recipe: ReaderRecipe, model: Mamba2Model, checkpoint: Path) -> ReaderHead:
    """A new head, or one that begins as what the checkpoint's has learned."""
    if recipe.goes_on:
        check_goes_on(model, checkpoint, "reader", recipe.width)
    torch.manual_seed(recipe.seed)
    head = ReaderHead(model.config.d_model, recipe.width, recipe.dropout)
    if recipe.goes_on and model.reader is not None:
        head.load_state_dict(model.reader.state_dict())
    return head


def _examples(
    recipe: ReaderRecipe,
    files: Sequence[Path],
    checkpoint: Path,
    tokenizer: Tokenizer,
    place: torch.device,
    folder: Path,
    on_progress: OnProgress | None,
) -> ReaderData:
    """The examples of some files, made or found from a run before."""
    drawn = (recipe.seed, recipe.shares, recipe.sources)
    made_from = [*files, checkpoint / "model.safetensors"]  # its encoder chooses sentences
    path = folder / "packed" / f"reader-{fingerprint(made_from, tokenizer.to_str(), *drawn)}.npz"

    def on_file(file: str, n_documents: int) -> None:
        if on_progress is not None:
            on_progress(f"making examples of {file}", n_documents, 0, {})

    if not path.is_file():
        examples = read_examples(
            files,
            tokenizer,
            limits=recipe.sources,
            seed=recipe.seed,
            shares=recipe.shares,
            vectors=checkpoint_vectors(checkpoint, place),
            on_file=on_file,
        )
        ReaderData.of(examples).save(path)
    return ReaderData.load(path)


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


def _loss(run: ReaderRun, chosen: NDArray[np.int64]) -> Tensor:
    """The loss of one batch of examples."""
    batch, targets = batch_of(run.model, [run.data[i] for i in chosen.tolist()])
    return span_loss(run.head(batch), targets)


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


def _save(run: ReaderRun, checkpoint: Path) -> Path:
    """The checkpoint with its new reader."""
    folder = run.folder / "checkpoint"
    if run.recipe.goes_on and run.recipe.kept:
        begun = _head(run.recipe, load_model(checkpoint), checkpoint).state_dict()
        keep_some(run, run.recipe, begun)
    add_head(checkpoint, folder, "reader", run.head, width=run.recipe.width)
    metrics = read_metrics(checkpoint)
    metrics["reader"] = {
        "step": run.step,
        "seed": run.recipe.seed,
        "n_examples": len(run.usable),
        "loss": run.loss,
        **told_before(run.recipe, checkpoint, "reader"),
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
