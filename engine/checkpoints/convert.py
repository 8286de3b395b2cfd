"""A published checkpoint becomes one of ours: safetensors, our config, its tokenizer.

A `pytorch_model.bin` is a pickle, which can ask for any code. It is read with `weights_only=True`,
which builds tensors and nothing else, and mapped instead of loaded, so that the memory this
takes does not grow with the checkpoint.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from docqa.engine.checkpoints.catalogue import UNIT_TOKENS
from docqa.engine.errors import CheckpointError
from docqa.engine.mamba2.checkpoint import HEAD, check_tensors, load_tokenizer, published_names
from docqa.engine.mamba2.config import Mamba2Config, read_config
from docqa.engine.mamba2.model import Mamba2Model

PICKLE = "pytorch_model.bin"
SAFETENSORS = "model.safetensors"
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def convert(weights: Path, config_file: Path, tokenizer_file: Path, folder: Path) -> None:
    """Make a checkpoint folder of published files. Precisions stay what they are.

    Args:
        weights: `pytorch_model.bin` or `model.safetensors`, told apart by its first bytes.
        config_file: Its `config.json`.
        tokenizer_file: The `tokenizer.json` it was trained with.
        folder: Exists; gets the three files.

    Raises:
        CheckpointError: When a file is damaged, holds more than tensors, or does not fit the
            others.
    """
    config = read_config(config_file)
    tensors = published_names(read_tensors(weights), weights)
    is_base = _check(tensors, config, weights)
    for name, value in tensors.items():
        if value.dtype not in DTYPES:
            raise CheckpointError(
                f"{weights.name}: {name} is {value.dtype}; docqa reads "
                f"{', '.join(str(one).removeprefix('torch.') for one in DTYPES)}."
            )
    save_file(tensors, folder / SAFETENSORS)
    (folder / SAFETENSORS).chmod(0o644)  # safetensors leaves it to its owner alone
    if not is_base:
        config = replace(config, unit_tokens=UNIT_TOKENS)
    text = json.dumps(config.to_json(), indent=2) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    shutil.copyfile(tokenizer_file, folder / "tokenizer.json")
    _check_tokenizer(folder, config)


def check_checkpoint(folder: Path) -> None:
    """Hold the files of a checkpoint of ours against each other.

    Raises:
        CheckpointError: When one is missing or damaged, or does not fit the others.
    """
    config = read_config(folder / "config.json")
    path = folder / SAFETENSORS
    if not path.is_file():
        raise CheckpointError(f"No {SAFETENSORS} in {folder}.", "Choose a checkpoint folder.")
    _check(published_names(read_tensors(path), path), config, path)
    _check_tokenizer(folder, config)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, mapped."""
    with path.open("rb") as file:
        is_pickle = file.read(2) == b"PK"  # torch writes its pickles into a zip archive
    try:
        if not is_pickle:
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        what = f"asks for {asked[1]}" if asked else "holds more than tensors"
        raise CheckpointError(
            f"{path.name} is refused: it {what}, and docqa runs no code of a checkpoint.",
            "Do not load it with other programs either; tell its publisher.",
        ) from None
    except Exception as error:  # torch and safetensors raise what their readers raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"Cannot read {path.name}: {reason}") from error
    if not isinstance(found, dict) or not all(isinstance(one, Tensor) for one in found.values()):
        raise CheckpointError(f"{path.name} holds no table of tensors.")
    return {str(name): value.contiguous() for name, value in found.items()}


def _check(tensors: dict[str, Tensor], config: Mamba2Config, path: Path) -> bool:
    """Every tensor is there in its shape; whether it is a base model, which has no head."""
    with torch.device("meta"):
        model = Mamba2Model(config)
    is_base = not any(name in tensors for name in HEAD)
    head = {name: value for name, value in model.state_dict().items() if name in HEAD}
    check_tensors(model, {**head, **tensors} if is_base else tensors, path)
    return is_base


def _check_tokenizer(folder: Path, config: Mamba2Config) -> None:
    n_tokens = load_tokenizer(folder).get_vocab_size()
    if n_tokens > config.vocab_size:
        raise CheckpointError(
            f"The tokenizer has {n_tokens:,} tokens, the model {config.vocab_size:,}.",
            "Take a checkpoint that carries its tokenizer.json.",
        )
