"""Train an encoder head for a checkpoint, whose other weights stay, to give a teacher's vectors.

What a sentence encoder knows of words that mean the same goes over to a head a fifth of its size
(distillation: Hinton et al., arXiv 1503.02531; of an encoder's vectors: Reimers & Gurevych, arXiv
2004.09813). Two things are asked of the head: the teacher's vector of each text, and that the texts
of a step are as near to each other as the teacher finds them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from docqa.engine.device import choose_device, choose_dtype
from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import (
    add_head,
    load_model,
    load_tokenizer,
    read_metrics,
    write_metrics,
)
from docqa.engine.mamba2.encoder_head import EncoderHead
from docqa.engine.mamba2.model import Mamba2Model
from docqa.engine.mamba2.sentence_vectors import SentenceVectors, batches_in_order, filled
from docqa.engine.sentence_encoder import SentenceEncoder
from docqa.trainer.encoder_recipe import EncoderRecipe
from docqa.trainer.encoder_texts import EncoderTexts, make_texts
from docqa.trainer.flat_columns import fingerprint
from docqa.trainer.head_run import HeadRun, OnProgress, chosen_recipe, fit, load_state

N_HELD = 2000
"""Texts that are kept aside to tell how near the head comes to its teacher."""
REACH = 50_000
"""Texts among which those of a length are looked for."""
JITTER_TOKENS = 4.0
"""Lengths are taken for equal within it, so that batches differ from pass to pass."""
APART = -1e4
"""Stands for the nearness of a text to itself, which says nothing."""

Step = list[list[int]]
"""The batches of one step, as indices of texts."""


@dataclass
class EncoderRun(HeadRun):
    """A run that trains an encoder head."""

    recipe: EncoderRecipe
    model: Mamba2Model
    """The checkpoint's; only its embedding is read."""
    texts: EncoderTexts
    held: NDArray[np.int64]
    """Texts that are not learned from."""
    learned: NDArray[np.int64]


def train_encoder(
    data: Sequence[Path],
    checkpoint: Path,
    out: Path,
    *,
    recipe: str | Path = "encoder",
    n_steps: int | None = None,
    seed: int | None = None,
    max_seconds: float | None = None,
    resume: bool = False,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> Path:
    """Train an encoder head; every other weight stays what it is.

    Args:
        data: Documents, with questions or without (JSON Lines, see `trainer/dataset.py`).
        checkpoint: The checkpoint folder that gets the head.
        out: The run folder.
        recipe: Name or path of a recipe.
        n_steps: Overrides the recipe.
        seed: Overrides the recipe.
        max_seconds: Stop cleanly after this time; `resume` goes on.
        resume: Go on from the state in `out`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        on_progress: Called while texts are made, and every few steps.

    Returns:
        The folder of the checkpoint with its encoder.

    Raises:
        TrainingError: When data, recipe or run folder cannot be used.
        CheckpointError: When the checkpoint cannot be used.
        MissingError: When the teacher is not installed.
    """
    chosen = chosen_recipe(
        EncoderRecipe, out, recipe, n_steps, seed, known="encoder", resume=resume
    )
    run = _set_up(chosen, data, checkpoint, out, device, on_progress)
    if resume:
        load_state(run)
    fit(run, chosen, steps(run), partial(_loss, run), max_seconds, on_progress)
    return _save(run, checkpoint)


def _set_up(
    recipe: EncoderRecipe,
    data: Sequence[Path],
    checkpoint: Path,
    out: Path,
    device: str,
    on_progress: OnProgress | None,
) -> EncoderRun:
    """Model, texts and optimizer of a run."""
    place = choose_device(device)
    model = load_model(checkpoint, without=["encoder"]).to(place)
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.toml").write_text(recipe.to_toml(), encoding="utf-8")
    texts = _texts(recipe, data, checkpoint, out.parent, device, on_progress)
    order = np.random.default_rng(recipe.seed).permutation(len(texts))
    n_held = min(N_HELD, len(texts) // 10)
    if n_held == 0:
        raise TrainingError(f"The data give {len(texts)} texts.", "Give more documents.")
    torch.manual_seed(recipe.seed)
    head = EncoderHead(model.config.d_model, recipe.width).to(place)
    embedding = model.backbone.embedding.weight
    head.scale.data.fill_(1 / float(embedding.detach().std()))
    layers: dict[str, Any] = {"params": [one for one in head.parameters() if one.ndim > 1]}
    others: dict[str, Any] = {"params": [one for one in head.parameters() if one.ndim <= 1]}
    optimizer = torch.optim.AdamW(
        [layers, {**others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
    )
    return EncoderRun(out, head, optimizer, recipe, model, texts, order[:n_held], order[n_held:])


def _texts(
    recipe: EncoderRecipe,
    data: Sequence[Path],
    checkpoint: Path,
    folder: Path,
    device: str,
    on_progress: OnProgress | None,
) -> EncoderTexts:
    """The texts of some files with their vectors, made or found from a run before."""
    tokenizer = load_tokenizer(checkpoint)
    amounts = (recipe.n_sentences, recipe.n_questions, recipe.n_documents, recipe.above_share)
    drawn = (recipe.seed, amounts, recipe.sources, recipe.questions)
    path = folder / "packed" / f"encoder-{fingerprint(data, tokenizer.to_str(), *drawn)}.npz"

    def on_texts(phase: str, n_done: int, n_all: int) -> None:
        if on_progress is not None:
            on_progress(phase, n_done, n_all, {})

    if not path.is_file():
        teacher = SentenceEncoder.load(device=device)
        make_texts(data, tokenizer, recipe, teacher, on_texts).save(path)
    return EncoderTexts.load(path)


def steps(run: EncoderRun) -> Iterator[Step]:
    """What is left of the run; each pass takes nearly every text once, in an order of its own."""
    begin, n_drawn = run.step, 0
    for epoch in count():
        for step in _pass(run, np.random.default_rng([run.recipe.seed, epoch])):
            if n_drawn == run.recipe.n_steps:
                return
            if n_drawn >= begin:
                yield step
            n_drawn += 1


def _pass(run: EncoderRun, random: np.random.Generator) -> Iterator[Step]:
    n_tokens = run.texts.n_tokens
    all_lengths = n_tokens.tolist()
    order = random.permutation(run.learned)
    for begin in range(0, len(order), REACH):
        near = order[begin : begin + REACH]
        lengths = n_tokens[near] + JITTER_TOKENS * random.random(len(near))
        near = near[np.argsort(lengths)]
        batches = list(batches_in_order(near.tolist(), all_lengths, run.recipe.batch_tokens))
        mixed = [batches[i] for i in random.permutation(len(batches))]
        n_lengths = min(run.recipe.n_lengths, len(mixed))
        for first in range(0, len(mixed) - n_lengths + 1, n_lengths):
            yield mixed[first : first + n_lengths]


def _loss(run: EncoderRun, step: Step) -> Tensor:
    """The loss of one step."""
    embedding = run.model.backbone.embedding.weight
    multiplies_bf16 = choose_dtype(embedding.device) is torch.bfloat16
    with torch.autocast(embedding.device.type, torch.bfloat16, enabled=multiplies_bf16):
        vectors = torch.cat(
            [run.head(*filled(embedding, [run.texts[i] for i in batch])) for batch in step]
        )
    wanted = run.texts.vectors[[i for batch in step for i in batch]].astype(np.float32)
    wanted_vectors = torch.from_numpy(wanted).to(vectors.device)
    return distillation_loss(vectors, wanted_vectors, run.recipe.temperature, run.recipe.comparison)


def distillation_loss(
    vectors: Float[Tensor, "n v"], wanted: Float[Tensor, "n v"], temperature: float, weight: float
) -> Float[Tensor, ""]:
    """One minus the mean cosine with the wanted vectors, plus how far the neighbours differ.

    Args:
        vectors: (n, v) of length 1.
        wanted: (n, v) the teacher's, of length 1.
        temperature: What cosines are divided by before the softmax over the other texts.
        weight: Of the second term: the Kullback-Leibler divergence of those softmaxes.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    ours, theirs = (
        functional.log_softmax((one @ one.T / temperature).masked_fill(itself, APART), -1)
        for one in (vectors, wanted)
    )
    apart = functional.kl_div(ours, theirs, log_target=True, reduction="batchmean")
    return 1 - (vectors * wanted).sum(-1).mean() + weight * apart


def _save(run: EncoderRun, checkpoint: Path) -> Path:
    """The checkpoint with its new encoder."""
    folder = run.folder / "checkpoint"
    add_head(checkpoint, folder, "encoder", run.head, run.recipe.width)
    metrics = read_metrics(checkpoint)
    metrics["encoder"] = {
        "step": run.step,
        "seed": run.recipe.seed,
        "n_texts": len(run.learned),
        "loss": run.loss,
        "cosine": round(_agreement(run, folder), 4),
    }
    write_metrics(folder, metrics)
    shutil.copyfile(run.folder / "run.toml", folder / "encoder.toml")
    return folder


def _agreement(run: EncoderRun, folder: Path) -> float:
    """Mean cosine of the saved head's vectors with the teacher's, over texts it never saw."""
    vectors = SentenceVectors(load_model(folder)).encode([run.texts[i] for i in run.held.tolist()])
    wanted = torch.from_numpy(run.texts.vectors[run.held].astype(np.float32))
    return float((vectors.cpu() * wanted).sum(-1).mean())
