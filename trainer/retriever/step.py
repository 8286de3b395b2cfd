"""One optimizer step: windows are drawn, shared out, read, and their gradients added up.

Every process draws all windows of the step from the same random stream and reads its share of
them. So the counts that the losses divide by are known before anything is read, a step is the
same for any number of processes and parts, and so is the state a run is resumed from.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from docqa.engine.mamba2.model import Mamba2Model, TokenFeatures
from docqa.engine.mamba2.reading import choose_scan
from docqa.engine.mamba2.scan import chunked_scan
from docqa.engine.retrievers.coverage import COVERAGE_WEIGHT, SHARE
from docqa.engine.retrievers.question_match import token_similarity
from docqa.trainer.retriever.collate import WindowBatch, collate
from docqa.trainer.retriever.loss import (
    StepTotals,
    bce_loss,
    listwise_loss,
    ranking_loss,
    totals_of,
)
from docqa.trainer.retriever.optimizer import learning_rate
from docqa.trainer.retriever.processes import Processes
from docqa.trainer.retriever.recipe import Recipe, RunSection
from docqa.trainer.retriever.windows import Window


@dataclass(frozen=True, slots=True)
class StepFigures:
    """What a step gave, over all processes."""

    n_tokens: int
    loss: float
    gradient_norm: float
    top1: float
    """Share of the windows with an answer whose best sentence answers."""
    learning_rate: float


class WindowReader(nn.Module):
    """The model as it is trained: a batch of windows in, the logits of their sentences out."""

    def __init__(self, model: Mamba2Model, section: RunSection) -> None:
        super().__init__()
        self.model = model
        self._layers = _training_layers(model, section)
        self._bf16 = section.bf16

    def forward(self, batch: WindowBatch) -> Float[Tensor, "b s"]:
        """Read each window from its first token."""
        features = token_features(self.model, batch)
        with torch.autocast(batch.token_ids.device.type, torch.bfloat16, enabled=self._bf16):
            state = self.model.initial_state(len(batch.token_ids))
            hidden, _ = self.model(batch.token_ids, state, features, layers=self._layers)
            rows = torch.arange(len(hidden), device=hidden.device)[:, None]
            return self.model.score(hidden[rows, batch.sentence_ends.clamp(min=0)]).float()


def train_step(
    step: int,
    recipe: Recipe,
    reader: nn.Module,
    windows: Sequence[Window],
    optimizer: torch.optim.Optimizer,
    processes: Processes,
) -> StepFigures:
    """Step on one batch.

    Args:
        step: Counted from 0.
        recipe: Of the run.
        reader: A `WindowReader`, or one whose gradients the processes share.
        windows: Of the step, the same in every process.
        optimizer: Of the reader's parameters.
        processes: Those who step together.
    """
    _, n_tokens = batch_shape(step, recipe)
    rates = [learning_rate(step, group["peak"], recipe) for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    loss, hits, answerable = _gradients(windows, n_tokens, recipe, reader, processes)
    norm = nn.utils.clip_grad_norm_(reader.parameters(), recipe.optimizer.gradient_clip)
    if torch.isfinite(norm):
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return StepFigures(
        n_tokens=sum(len(window.token_ids) for window in windows),
        loss=loss,
        gradient_norm=norm.item(),
        top1=hits / max(answerable, 1.0),
        learning_rate=rates[1],
    )


def batch_shape(step: int, recipe: Recipe) -> tuple[int, int]:
    """Windows of a step, all processes together, and the most tokens of each."""
    section = recipe.windows
    n_windows, n_tokens = section.batch_size, section.n_tokens
    if section.stages:
        n_stages = len(section.stages)
        length = section.stages[min(step * n_stages // max(recipe.run.n_steps, 1), n_stages - 1)]
        n_windows, n_tokens = max(1, n_windows * n_tokens // length), length
    if section.long_every and step % section.long_every == section.long_every - 1:
        n_windows, n_tokens = max(1, n_windows // 2), 2 * n_tokens
    return n_windows, n_tokens


def steps_of_epochs(n_questions: int, recipe: Recipe) -> int:
    """How many steps take each question `n_epochs` times."""
    stages = len(recipe.windows.stages) or 1
    n_sample = stages * (recipe.windows.long_every or 1)
    sample = range(n_sample)
    as_long = Recipe(windows=recipe.windows, run=RunSection(n_steps=n_sample))
    mean = sum(batch_shape(step, as_long)[0] for step in sample) / n_sample
    return max(1, math.ceil(recipe.run.n_epochs * n_questions / mean))


@torch.no_grad()
def token_features(model: Mamba2Model, batch: WindowBatch) -> TokenFeatures | None:
    """The features of a batch's tokens; the similarity follows the embedding as it is trained."""
    if not model.config.has_features:
        return None
    similarity = token_similarity(model.backbone.embedding.weight, batch.token_ids, batch.content)
    is_end = torch.zeros_like(batch.is_document)
    window, sentence = batch.real.nonzero(as_tuple=True)
    at_ends = window, batch.sentence_ends[window, sentence]
    is_end[at_ends] = True
    coverage = batch.coverage.new_zeros(*is_end.shape, batch.coverage.shape[-1])
    coverage[at_ends] = batch.coverage[window, sentence]
    return TokenFeatures(batch.match, similarity * batch.is_document, is_end, coverage)


def _gradients(
    windows: Sequence[Window],
    n_tokens: int,
    recipe: Recipe,
    reader: nn.Module,
    processes: Processes,
) -> tuple[float, float, float]:
    """Leave the step's gradients in the parameters; its loss, hits and windows with an answer."""
    totals = totals_of(window.labels for window in windows)
    mine = windows[processes.index :: processes.n]
    limit = recipe.run.tokens_at_once
    n_once = max(1, limit // n_tokens) if limit else len(mine)
    sums = torch.zeros(3, device=processes.device)
    for first in range(0, len(mine), n_once):
        part = mine[first : first + n_once]
        longest = max(len(window.token_ids) for window in part)
        width = n_tokens if recipe.run.compile else longest  # layers are compiled for one shape
        batch = collate(part, width).to(processes.device)
        is_last = first + n_once >= len(mine)
        with processes.averaging(reader, now=is_last):
            logits = reader(batch)
            loss = window_loss(logits, batch, recipe, totals)
            # averaged over the processes it shall be their sum
            (loss * processes.n).backward()  # type: ignore[no-untyped-call]
        sums += torch.stack([loss.detach(), *_hits(batch, logits.detach())])
    loss_sum, hits, answerable = processes.total(sums.tolist())
    return loss_sum, hits, answerable


def window_loss(
    logits: Float[Tensor, "b s"], batch: WindowBatch, recipe: Recipe, totals: StepTotals
) -> Float[Tensor, ""]:
    """The recipe's loss of some windows of a step."""
    loss = logits.new_zeros(())
    if recipe.loss.listwise:
        listwise = listwise_loss(logits, batch.labels, batch.real, totals)
        loss = loss + recipe.loss.listwise * listwise
    if recipe.loss.ranking:
        ranking = ranking_loss(ranked_by(logits, batch), batch.labels, batch.real, totals)
        loss = loss + recipe.loss.ranking * ranking
    if recipe.loss.bce:
        loss = loss + recipe.loss.bce * bce_loss(logits, batch.labels, batch.real, totals)
    return loss


def ranked_by(logits: Float[Tensor, "b s"], batch: WindowBatch) -> Float[Tensor, "b s"]:
    """The scores that sentences are ranked by; see `fused_scores.lifted`."""
    if not batch.coverage.shape[-1]:
        return logits
    return logits + COVERAGE_WEIGHT * batch.coverage[..., SHARE]


def _hits(batch: WindowBatch, logits: Float[Tensor, "b s"]) -> tuple[Tensor, Tensor]:
    """Windows whose best sentence answers, and windows with an answer."""
    best = ranked_by(logits, batch).masked_fill(~batch.real, -torch.inf).argmax(dim=1, keepdim=True)
    answerable = batch.labels.sum(dim=1) > 0
    return batch.labels.gather(1, best)[answerable].sum(), answerable.sum().float()


def _training_layers(model: Mamba2Model, section: RunSection) -> list[Callable[..., Any]]:
    """The layers as they are called in training."""
    layers: list[Callable[..., Any]] = list(model.backbone.layers)
    scan, _ = choose_scan(model)
    if section.compile and any(map(shutil.which, ("cc", "gcc", "clang"))):
        layers = [torch.compile(layer, dynamic=False) for layer in layers]
        if scan is not chunked_scan:  # kernels of its own, which the compiler leaves alone
            scan = torch.compiler.disable(scan)  # type: ignore[no-untyped-call]
    if scan is not chunked_scan:
        layers = [partial(layer, scan=scan) for layer in layers]
    if section.recompute:
        layers = [partial(checkpoint, layer, use_reentrant=False) for layer in layers]
    return layers
