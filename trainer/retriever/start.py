"""The model a run begins with: a checkpoint, or a new one around a tokenizer."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from docqa.engine.checkpoints.installed import checkpoint_folder
from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
from docqa.engine.mamba2.config import Mamba2Config, read_config
from docqa.engine.mamba2.model import EMBEDDING_HEADS, Mamba2Model, initialise
from docqa.engine.retrievers.sentence_encoder import packaged_folder
from docqa.trainer.retriever.recipe import PACKAGED, ModelSection, Recipe

MINILM_EMBEDDING = "embeddings.word_embeddings.weight"


def new_model(recipe: Recipe) -> tuple[Mamba2Model, Tokenizer]:
    """The model and tokenizer that the recipe's [start] names.

    Raises:
        TrainingError: When [start] does not name exactly one beginning.
        CheckpointError: When the checkpoint it names cannot be used.
        MissingError: When there is none of that name.
    """
    named = {name: value for name, value in asdict(recipe.start).items() if value}
    if len(named) != 1:
        raise TrainingError(
            f"[start] sets {' and '.join(named) or 'nothing'}.",
            "Set one of embedding, tokenizer and checkpoint, or give --init DIR.",
        )
    generator = torch.Generator().manual_seed(recipe.seed)
    if recipe.start.checkpoint:
        folder = checkpoint_folder(recipe.start.checkpoint)
        return _from_checkpoint(folder, generator, recipe)
    folder = _tokenizer_folder(recipe.start.embedding or recipe.start.tokenizer)
    tokenizer = load_tokenizer(folder)
    shape = {**asdict(recipe.model), "vocab_size": tokenizer.get_vocab_size()}
    model = Mamba2Model(Mamba2Config(**shape))
    initialise(model, generator)
    if recipe.start.embedding:
        _copy_embedding(folder, model)
    return model, tokenizer


def with_model_of(recipe: Recipe, model: Mamba2Model) -> Recipe:
    """The recipe with the shape the model really has, which a checkpoint brings along."""
    shape = {f.name: getattr(model.config, f.name) for f in fields(ModelSection)}
    return replace(recipe, model=ModelSection(**shape))


def _from_checkpoint(
    folder: Path, generator: torch.Generator, recipe: Recipe
) -> tuple[Mamba2Model, Tokenizer]:
    """A checkpoint's model; a base model, which scores no sentences yet, gets a new head, and
    one that does not read coverage yet that input, where the recipe asks for it.

    Reader and encoder stand on the token embedding: they are kept where that stays as it is.
    """
    d_model = read_config(folder / "config.json").d_model
    head = {
        "binary_head.weight": 0.02 * torch.randn(1, d_model, generator=generator),
        "binary_head.bias": torch.zeros(1),
    }
    model = load_model(folder, defaults=head).train()
    model.config = replace(model.config, unit_tokens=0)  # training goes sentence by sentence
    if recipe.model.coverage and not model.config.coverage:
        model.add_coverage(generator)
    if recipe.optimizer.embedding_learning_rate:
        model.drop(*EMBEDDING_HEADS)
    else:
        model.backbone.embedding.requires_grad_(False)
        for kept in model.heads.values():
            kept.requires_grad_(False)
    return model, load_tokenizer(folder)


def _tokenizer_folder(name: str) -> Path:
    if name == PACKAGED:
        return packaged_folder()
    if not Path(name).is_dir():
        raise TrainingError(
            f"[start] names {name!r}, which is no folder.", f"Name {PACKAGED} or a folder."
        )
    return Path(name)


def _copy_embedding(folder: Path, model: Mamba2Model) -> None:
    """Begin with the token embedding of a small pretrained encoder."""
    weight = load_file(folder / "model.safetensors").get(MINILM_EMBEDDING)
    if weight is None:
        raise TrainingError(f"{folder} has no {MINILM_EMBEDDING}.", f"Name {PACKAGED}.")
    own = model.backbone.embedding.weight
    if weight.shape != own.shape:
        raise TrainingError(
            f"The embedding is {tuple(weight.shape)}, tokenizer and d_model of the recipe make it "
            f"{tuple(own.shape)}."
        )
    with torch.no_grad():
        own.copy_(weight)
