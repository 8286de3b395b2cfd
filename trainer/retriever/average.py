"""The mean of two checkpoints' weights.

A checkpoint that went on training from another gains in what it was taught and loses some of what
it knew; between the two lie weights that have most of both (model soups: Wortsman et al. 2022,
arXiv 2203.05482; for a model and its fine-tuned form, arXiv 2109.01903).
"""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer, read_metrics, save_checkpoint
from docqa.engine.mamba2.model import EMBEDDING_HEADS, Mamba2Model
from docqa.trainer.retriever.heads import copy_recipes_of_heads, metrics_of_heads


def average(first: Path, second: Path, weight: float, out: Path) -> Path:
    """Write the checkpoint `(1 - weight) * first + weight * second`, in fp32.

    Reader and encoder stand on the token embedding: the first checkpoint's are kept where both have
    the same embedding, and left out where not. `train publish` makes the result small.

    Args:
        first: A checkpoint folder.
        second: One that went on from the first, or from what the first went on from.
        weight: From 0 to 1.
        out: The folder to write.

    Raises:
        CheckpointError: When a checkpoint cannot be read.
        TrainingError: When the two are not of one shape or do not share a tokenizer.
    """
    model, other = load_model(first), load_model(second)
    if other.coverage is not None and model.coverage is None:
        # a new one adds nothing to a sentence, whatever its hidden units
        model.add_coverage().hidden.load_state_dict(other.coverage.hidden.state_dict())
    _check_alike(first, second, model, other)
    embeddings = model.backbone.embedding.weight, other.backbone.embedding.weight
    if not torch.allclose(*embeddings, rtol=1e-4):  # `train publish` rounds
        model.drop(*EMBEDDING_HEADS)
    theirs = other.state_dict()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.partition(".")[0] not in EMBEDDING_HEADS:
                value.lerp_(theirs[name], weight)
    metrics = {**_metrics(first, second, weight), **metrics_of_heads(first, model)}
    save_checkpoint(out, model, load_tokenizer(first), metrics=metrics)
    copy_recipes_of_heads(first, model, out)
    if (second / "run.toml").is_file():
        shutil.copyfile(second / "run.toml", out / "run.toml")
    return out


def _check_alike(first: Path, second: Path, model: Mamba2Model, other: Mamba2Model) -> None:
    for field in fields(model.config):
        ours, theirs = (getattr(one.config, field.name) for one in (model, other))
        of_head = field.name.startswith(tuple(f"{head}_" for head in EMBEDDING_HEADS))
        if ours != theirs and not of_head:
            raise TrainingError(
                f"{field.name} is {ours} in {first} and {theirs} in {second}.",
                "Average a checkpoint with one that went on from it.",
            )
    if load_tokenizer(first).to_str() != load_tokenizer(second).to_str():
        raise TrainingError(
            f"{first} and {second} have different tokenizers.",
            "Average a checkpoint with one that went on from it.",
        )


def _metrics(first: Path, second: Path, weight: float) -> dict[str, Any]:
    """How the second was trained, and what it was averaged with."""
    before, after = read_metrics(first), read_metrics(second)
    return {
        **{key: after.get(key) for key in ("step", "tokens", "seed")},
        "averaged": {"weight": weight, **{key: before.get(key) for key in ("step", "tokens")}},
    }
