"""Train a retriever: read a recipe, set up, fit, evaluate, save."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from docqa.engine.checkpoints.installed import EMBEDDED, checkpoint_folder
from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.reading import choose_scan
from docqa.engine.retrievers.coverage import Vocabulary
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.question_match import content_mask, number_mask
from docqa.trainer.bench import bench_files
from docqa.trainer.chart import can_plot
from docqa.trainer.retriever.ahead import WindowsAhead
from docqa.trainer.retriever.loss_plot import draw_loss
from docqa.trainer.retriever.mined import MinedNegatives
from docqa.trainer.retriever.optimizer import make_optimizer
from docqa.trainer.retriever.packed import PackedData, pack_cached
from docqa.trainer.retriever.processes import Processes, join_processes
from docqa.trainer.retriever.recipe import Recipe, StartSection, read_recipe
from docqa.trainer.retriever.run import Run, load_state, log, save_run_checkpoint, save_state
from docqa.trainer.retriever.start import new_model, with_model_of
from docqa.trainer.retriever.step import WindowReader, batch_shape, steps_of_epochs, train_step
from docqa.trainer.retriever.windows import WindowSampler

LOG_EVERY = 20
TELL_EVERY = 500
"""Documents between two lines while data are packed."""
N_MEAN_LOSSES = 200
"""The loss that is told is the mean of this many steps."""

OnProgress = Callable[[str, int, int, dict[str, float]], None]
"""Called with the phase, steps done, steps in all and the latest figures."""


def train_retriever(
    data: Sequence[Path],
    out: Path,
    *,
    recipe: str | Path | Recipe = "embedded",
    init: str | None = None,
    dev: Sequence[Path] = (),
    mined: Path | None = None,
    max_seconds: float | None = None,
    stop_after: int | None = None,
    n_steps: int | None = None,
    seed: int | None = None,
    resume: bool = False,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> Path:
    """Train a retriever on labelled documents, in all processes that were launched.

    Args:
        data: Training files: JSON Lines (see `trainer/dataset.py`) or token ids (`seed_data.py`).
        out: The run folder; for processes on several machines, one they share.
        recipe: Name or path of a recipe, or the recipe itself.
        init: A checkpoint to begin with, by name or folder; overrides the recipe.
        dev: Files to choose the best checkpoint by; without, the last one is kept.
        mined: Hard negatives of these data (`mined.py`).
        max_seconds: Stop cleanly after this time; `resume` goes on.
        stop_after: Stop cleanly at this step, the schedule unchanged; `resume` goes on.
        n_steps: Overrides the recipe.
        seed: Overrides the recipe.
        resume: Go on from the state in `out`, with any number of processes.
        device: `auto`, `cpu`, `cuda` or `mps`.
        on_progress: Called every few steps, in the first process.

    Returns:
        The folder of the checkpoint.

    Raises:
        TrainingError: When data, recipe or run folder cannot be used.
        CheckpointError: When the checkpoint to begin with cannot be used.
        MissingError: When that checkpoint, or an extra, is not installed.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    chosen = _with_overrides(chosen, init, n_steps, seed)
    if resume:
        chosen = _recipe_of_run(out)
    elif (out / "state").exists():
        raise TrainingError(f"{out} already holds a run.", "Add --resume, or choose another --out.")
    processes = join_processes(device)
    try:
        narrate = on_progress if processes.index == 0 else None
        run = _set_up(chosen, data, mined, out, processes, narrate)
        if resume:
            load_state(run)
        _fit(run, dev, max_seconds, stop_after, narrate)
        processes.wait()
    finally:
        processes.end()
    return run.folder / "checkpoint"


def _set_up(
    recipe: Recipe,
    data: Sequence[Path],
    mined: Path | None,
    out: Path,
    processes: Processes,
    on_progress: OnProgress | None,
) -> Run:
    """Model, data and optimizer of a new run."""
    torch.manual_seed(recipe.seed)
    model, tokenizer = new_model(recipe)
    model.to(processes.device)
    recipe = with_model_of(recipe, model)
    packed = _packed(data, out, tokenizer, recipe, processes, on_progress)
    recipe = _with_length(recipe, packed.n_questions, processes.n)
    if on_progress and processes.device.type == "cuda":
        on_progress(f"scan: {choose_scan(model)[1]}", 0, recipe.run.n_steps, {})
    negatives = MinedNegatives.load(mined, packed) if mined else None
    vocabulary = None
    if model.config.coverage:
        weight = model.backbone.embedding.weight.detach().cpu().clone()
        vocabulary = Vocabulary(weight, number_mask(tokenizer))
    sampler = WindowSampler(packed, recipe, content_mask(tokenizer), negatives, vocabulary)
    if processes.index == 0:
        out.mkdir(parents=True, exist_ok=True)
        (out / "run.toml").write_text(recipe.to_toml(), encoding="utf-8")
    return Run(
        recipe=recipe,
        folder=out,
        model=model,
        tokenizer=tokenizer,
        sampler=WindowsAhead(sampler, recipe),
        optimizer=make_optimizer(model, recipe),
        reader=processes.shared(WindowReader(model, recipe.run)),
        processes=processes,
    )


def _packed(
    data: Sequence[Path],
    out: Path,
    tokenizer: Tokenizer,
    recipe: Recipe,
    processes: Processes,
    on_progress: OnProgress | None,
) -> PackedData:
    """The training data; the first process packs it where it was not yet, the others wait."""

    if processes.index:
        processes.wait()
    packed = training_data(data, out, tokenizer, recipe.model.question_interval, on_progress)
    if not processes.index:
        processes.wait()
    return packed


def training_data(
    data: Sequence[Path],
    out: Path,
    tokenizer: Tokenizer,
    question_interval: int,
    on_progress: OnProgress | None,
) -> PackedData:
    """The training data, packed where they were not yet, in a folder beside `out`."""

    def on_file(name: str, n_documents: int) -> None:
        if on_progress and n_documents % TELL_EVERY == 0:
            on_progress(f"packing {name}", n_documents, 0, {})

    # where the question is read once, a line break parts it from the document, as when answering
    end = "" if question_interval else "\n"
    return pack_cached(data, tokenizer, out.parent / "packed", on_file, question_end=end)


def _with_length(recipe: Recipe, n_questions: int, n_processes: int) -> Recipe:
    """The recipe with its number of steps; its batches must be enough for all processes."""
    if not recipe.run.n_steps:
        n_steps = steps_of_epochs(n_questions, recipe)
        recipe = replace(recipe, run=replace(recipe.run, n_steps=n_steps))
    smallest = min(batch_shape(step, recipe)[0] for step in range(recipe.run.n_steps))
    if smallest < n_processes:
        raise TrainingError(
            f"The smallest batch of the recipe has {smallest} windows for {n_processes} processes.",
            "Raise [windows] batch_size, or start fewer processes.",
        )
    return recipe


def _fit(
    run: Run,
    dev: Sequence[Path],
    max_seconds: float | None,
    stop_after: int | None,
    on_progress: OnProgress | None,
) -> None:
    """Step until the recipe's end or the time is up, evaluating and saving on the way."""
    section = run.recipe.run
    started = time.monotonic()
    saved_at = run.step
    last_step = min(section.n_steps, stop_after or section.n_steps)
    while run.step < last_step and not _is_late(run, max_seconds, started):
        figures = _step(run)
        if run.step % LOG_EVERY == 0 or run.step == last_step:
            _log(run, figures)
            if on_progress:
                on_progress("training", run.step, section.n_steps, figures)
        if run.step % section.evaluate_every == 0 or run.step == section.n_steps:
            _evaluate(run, dev, on_progress)
        if run.step % section.save_every == 0:
            _save(run)
            saved_at = run.step
    if saved_at != run.step:
        _save(run)
    if run.processes.index == 0 and not (run.folder / "checkpoint/model.safetensors").is_file():
        save_run_checkpoint(run, {})


def _is_late(run: Run, max_seconds: float | None, started: float) -> bool:
    """Whether the time is up in any process: all stop at the same step."""
    if max_seconds is None:
        return False
    (n_late,) = run.processes.total([float(time.monotonic() - started > max_seconds)])
    return n_late > 0


def _step(run: Run) -> dict[str, float]:
    """Step, and what is told of it."""
    started = time.monotonic()
    windows = run.sampler.windows(run.step)
    done = train_step(run.step, run.recipe, run.reader, windows, run.optimizer, run.processes)
    run.seconds += time.monotonic() - started
    run.step += 1
    run.n_tokens += done.n_tokens
    run.losses.append(done.loss)
    del run.losses[:-N_MEAN_LOSSES]
    return {
        "loss": sum(run.losses) / len(run.losses),
        "learning_rate": done.learning_rate,
        "gradient_norm": done.gradient_norm,
        "top1": done.top1,
        "tokens_per_second": run.n_tokens / max(run.seconds, 1e-9),
    }


def _log(run: Run, figures: dict[str, float]) -> None:
    if run.processes.index == 0:
        log(run, figures)


def _save(run: Run) -> None:
    """Keep the run and draw its loss so far."""
    if run.processes.index == 0:
        save_state(run)
        if can_plot():
            draw_loss(run.folder)


def _evaluate(run: Run, dev: Sequence[Path], on_progress: OnProgress | None) -> None:
    """Score the dev files and keep the checkpoint if it is the best; the others wait."""
    if run.processes.index == 0:
        if dev:
            _measure(run, dev, on_progress)
        else:
            save_run_checkpoint(run, {})
    run.processes.wait()


def _measure(run: Run, dev: Sequence[Path], on_progress: OnProgress | None) -> None:
    run.model.eval()
    retriever = MambaRetriever(
        run.model, run.tokenizer, checkpoint=run.folder.name, device=run.processes.device
    )
    result = bench_files(dev, retriever, limit=run.recipe.run.dev_questions)
    run.model.train()
    overall = result["overall"]
    recall, mrr = float(overall["recall_words"]["1000"]), float(overall["mrr"])
    log(run, {"dev_recall_words_1000": recall, "dev_mrr": mrr})
    if on_progress:
        on_progress("dev", run.step, run.recipe.run.n_steps, {"recall": recall, "mrr": mrr})
    if recall + mrr > run.best:
        run.best = recall + mrr
        save_run_checkpoint(run, {"dev": result})


def _recipe_of_run(out: Path) -> Recipe:
    if not (out / "run.toml").is_file():
        raise TrainingError(f"No run in {out}.", "Start without --resume.")
    return read_recipe(out / "run.toml")


def _with_overrides(
    recipe: Recipe, init: str | None, n_steps: int | None, seed: int | None
) -> Recipe:
    if init is not None:
        start = StartSection(
            checkpoint=init if init == EMBEDDED else str(checkpoint_folder(init).resolve())
        )
        recipe = replace(recipe, start=start)
    if n_steps is not None:
        recipe = replace(recipe, run=replace(recipe.run, n_steps=n_steps))
    return recipe if seed is None else replace(recipe, seed=seed)
