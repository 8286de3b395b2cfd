"""Train an encoder head for a checkpoint, whose other weights stay, to give a teacher's vectors.

What a sentence encoder knows of words that mean the same goes over to a head a fifth of its size
(distillation: Hinton et al., arXiv 1503.02531; of an encoder's vectors: Reimers & Gurevych, arXiv
2004.09813). Two things are asked of the head: the teacher's vector of each text, and that the texts
of a step are as near to each other as the teacher finds them. A recipe may ask for more: that what
answers a question is nearer to it than what the head would have taken (`encoder_pairs.py`).
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
from docqa.engine.mamba2.sentence_vectors import (
    SentenceVectors,
    TokenRow,
    batches_by_length,
    batches_in_order,
    filled,
)
from docqa.engine.retrievers.sentence_encoder import SentenceEncoder
from docqa.trainer.flat_columns import fingerprint
from docqa.trainer.heads.encoder_losses import distillation_loss, pair_loss
from docqa.trainer.heads.encoder_pairs import EncoderPairs, make_pairs
from docqa.trainer.heads.encoder_recipe import EncoderRecipe
from docqa.trainer.heads.encoder_texts import EncoderTexts, make_texts
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

N_HELD = 2000
"""Texts that are kept aside to tell how near the head comes to its teacher."""
REACH = 50_000
"""Texts among which those of a length are looked for."""
JITTER_TOKENS = 4.0
"""Lengths are taken for equal within it, so that batches differ from pass to pass."""
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
    pairs: EncoderPairs | None
    """Questions with their evidence, if the recipe asks for them."""


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
        EncoderRecipe,
        out,
        recipe,
        n_steps,
        seed,
        known="encoder, encoder-pairs, encoder-written, encoder-written2",
        resume=resume,
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
    model = load_model(checkpoint, without=[] if recipe.goes_on else ["encoder"]).to(place)
    if recipe.goes_on:
        check_goes_on(model, checkpoint, "encoder", recipe.width)
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.toml").write_text(recipe.to_toml(), encoding="utf-8")
    texts = _texts(recipe, data, checkpoint, out.parent, device, on_progress)
    order = np.random.default_rng(recipe.seed).permutation(len(texts))
    n_held = min(N_HELD, len(texts) // 10)
    if n_held == 0:
        raise TrainingError(f"The data give {len(texts)} texts.", "Give more documents.")
    pairs = _pairs(recipe, data, checkpoint, place, out.parent, on_progress)
    head = _head(recipe, model, checkpoint).to(place)
    layers: dict[str, Any] = {"params": [one for one in head.parameters() if one.ndim > 1]}
    others: dict[str, Any] = {"params": [one for one in head.parameters() if one.ndim <= 1]}
    optimizer = torch.optim.AdamW(
        [layers, {**others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
    )
    held, learned = order[:n_held], order[n_held:]
    return EncoderRun(out, head, optimizer, recipe, model, texts, held, learned, pairs)


def _head(recipe: EncoderRecipe, model: Mamba2Model, checkpoint: Path) -> EncoderHead:
    """A new head, or the one that goes on."""
    if recipe.goes_on and model.encoder is not None:
        return model.encoder.requires_grad_(requires_grad=True)
    torch.manual_seed(recipe.seed)
    head = EncoderHead(model.config.d_model, recipe.width)
    head.scale.data.fill_(1 / float(model.backbone.embedding.weight.detach().std()))
    return head


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
    drawn = (recipe.seed, amounts, recipe.before_tokens, recipe.sources, recipe.questions)
    path = folder / "packed" / f"encoder-{fingerprint(data, tokenizer.to_str(), *drawn)}.npz"

    def on_texts(phase: str, n_done: int, n_all: int) -> None:
        if on_progress is not None:
            on_progress(phase, n_done, n_all, {})

    if not path.is_file():
        teacher = SentenceEncoder.load(device=device)
        make_texts(data, tokenizer, recipe, teacher, on_texts).save(path)
    return EncoderTexts.load(path)


def _pairs(
    recipe: EncoderRecipe,
    data: Sequence[Path],
    checkpoint: Path,
    place: torch.device,
    folder: Path,
    on_progress: OnProgress | None,
) -> EncoderPairs | None:
    """The questions a recipe asks for, made or found from a run before."""
    if not recipe.pair_weight:
        return None
    tokenizer = load_tokenizer(checkpoint)
    amounts = (recipe.n_pairs, recipe.n_pair_documents, recipe.before_tokens, recipe.n_compared)
    drawn = (recipe.seed, amounts, recipe.pairs, recipe.pair_documents, EncoderPairs.names())
    made_from = [*data, checkpoint / "model.safetensors"]  # its encoder chooses sentences
    path = folder / "packed" / f"pairs-{fingerprint(made_from, tokenizer.to_str(), *drawn)}.npz"

    def on_file(file: str, n_pairs: int) -> None:
        if on_progress is not None:
            on_progress(f"making pairs of {file}", n_pairs, 0, {})

    if not path.is_file():
        vectors = checkpoint_vectors(checkpoint, place)
        make_pairs(data, tokenizer, recipe, vectors, on_file).save(path)
    pairs = EncoderPairs.load(path)
    if not len(pairs):
        raise TrainingError("No question of the data has evidence.", "Give labelled documents.")
    return pairs


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
    recipe, place = run.recipe, run.model.backbone.embedding.weight.device
    multiplies_bf16 = choose_dtype(place) is torch.bfloat16
    with torch.autocast(place.type, torch.bfloat16, enabled=multiplies_bf16):
        vectors = _encode(run, [[run.texts[i] for i in batch] for batch in step])
        pairs = None if run.pairs is None else _pair_vectors(run, run.pairs)
    wanted = run.texts.vectors[[i for batch in step for i in batch]].astype(np.float32)
    wanted_vectors = torch.from_numpy(wanted).to(place)
    loss = distillation_loss(vectors, wanted_vectors, recipe.temperature, recipe.comparison)
    if pairs is None:
        return loss
    return loss + recipe.pair_weight * pair_loss(*pairs, recipe.temperature)


def _pair_vectors(run: EncoderRun, pairs: EncoderPairs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Some questions and the sentences to choose from, as `pair_loss` takes them."""
    recipe = run.recipe
    random = np.random.default_rng([recipe.seed, run.step])
    drawn = pairs.draw(random, recipe.pair_batch, recipe.n_near)
    batches = list(batches_by_length([len(row) for row in drawn.rows], recipe.batch_tokens))
    encoded = _encode(run, [[drawn.rows[i] for i in batch] for batch in batches])
    vectors = encoded[torch.from_numpy(np.argsort(np.concatenate(batches))).to(encoded.device)]
    questions, sentences = vectors[: drawn.n_questions], vectors[drawn.n_questions :]
    wanted, spared = map(torch.from_numpy, (drawn.wanted, drawn.spared))
    return questions, sentences, wanted.to(vectors.device), spared.to(vectors.device)


def _encode(run: EncoderRun, batches: Sequence[Sequence[TokenRow]]) -> Float[Tensor, "n v"]:
    """The head's vectors of some batches, in their order."""
    embedding = run.model.backbone.embedding.weight
    return torch.cat([run.head(*filled(embedding, batch)) for batch in batches])


def _save(run: EncoderRun, checkpoint: Path) -> Path:
    """The checkpoint with its new encoder."""
    folder = run.folder / "checkpoint"
    if run.recipe.goes_on and run.recipe.kept:
        begun = _head(run.recipe, load_model(checkpoint), checkpoint).state_dict()
        keep_some(run, run.recipe, begun)
    settings = {"width": run.recipe.width, "before_tokens": run.recipe.before_tokens}
    add_head(checkpoint, folder, "encoder", run.head, **settings)
    metrics = read_metrics(checkpoint)
    metrics["encoder"] = {
        "step": run.step,
        "seed": run.recipe.seed,
        "n_texts": len(run.learned),
        "n_pairs": 0 if run.pairs is None else len(run.pairs),
        "loss": run.loss,
        "cosine": round(_agreement(run, folder), 4),
        **told_before(run.recipe, checkpoint, "encoder"),
    }
    write_metrics(folder, metrics)
    shutil.copyfile(run.folder / "run.toml", folder / "encoder.toml")
    return folder


def _agreement(run: EncoderRun, folder: Path) -> float:
    """Mean cosine of the saved head's vectors with the teacher's, over texts it never saw."""
    vectors = SentenceVectors(load_model(folder)).encode([run.texts[i] for i in run.held.tolist()])
    wanted = torch.from_numpy(run.texts.vectors[run.held].astype(np.float32))
    return float((vectors.cpu() * wanted).sum(-1).mean())
