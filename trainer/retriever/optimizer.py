"""AdamW as the recipes use it, and its learning rate step by step."""

from __future__ import annotations

import math

import torch

from docqa.engine.mamba2.model import Mamba2Model
from docqa.trainer.retriever.recipe import Recipe


def make_optimizer(model: Mamba2Model, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with decay on matrices only and a rate of its own for the embedding."""
    section = recipe.optimizer
    embedding, matrices, rest = [], [], []
    for name, parameter in model.named_parameters():
        if name == "backbone.embedding.weight":
            embedding.append(parameter)
        elif parameter.ndim >= 2 and "conv1d" not in name and "question_match" not in name:
            matrices.append(parameter)
        else:
            rest.append(parameter)
    rate, own = section.learning_rate, section.embedding_learning_rate
    groups = [
        {"params": embedding, "lr": own, "peak": own, "weight_decay": 0.0},
        {"params": matrices, "lr": rate, "peak": rate, "weight_decay": section.weight_decay},
        {"params": rest, "lr": rate, "peak": rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=section.betas, fused=True)


def learning_rate(step: int, peak: float, recipe: Recipe) -> float:
    """Linear warm-up to `peak`, then a cosine down to the final rate."""
    section, n_steps = recipe.optimizer, recipe.run.n_steps
    n_warmup = max(1, round(section.warmup_share * n_steps))
    if step < n_warmup:
        return peak * (step + 1) / n_warmup
    done = (step - n_warmup) / max(1, n_steps - n_warmup)
    final = min(section.final_learning_rate, peak)
    return final + (peak - final) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
