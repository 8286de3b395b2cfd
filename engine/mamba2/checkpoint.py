"""A checkpoint folder: `model.safetensors`, `config.json`, `tokenizer.json` and its papers.

Tensor names are those of the published checkpoints. Loading is strict both ways: every tensor of
the file is used, every tensor of the model is in the file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from docqa.engine.errors import CheckpointError
from docqa.engine.mamba2.config import read_config
from docqa.engine.mamba2.model import EMBEDDING_HEADS, Mamba2Model

EMBEDDING = "backbone.embedding.weight"
EMBEDDING_SCALE = "backbone.embedding.scale"
"""(v, 1) what an int8 embedding row is multiplied by; only in checkpoints that shipped small."""
LM_HEAD = "lm_head.weight"
SETTINGS = ("run.toml", *(f"{head}.toml" for head in EMBEDDING_HEADS))
"""With what the retriever and its heads were trained."""
HEAD = ("binary_head.weight", "binary_head.bias")
"""What a base model lacks."""


def load_model(
    folder: Path,
    dtype: torch.dtype = torch.float32,
    defaults: Mapping[str, Tensor] = MappingProxyType({}),
    *,
    without: Sequence[str] = (),
) -> Mamba2Model:
    """Load the model of a checkpoint folder.

    Args:
        folder: Ours or a published one converted to safetensors.
        dtype: Of all parameters except the decays, the steps and the reader head, which stay fp32.
        defaults: What the file may lack, by name: a base model has no head for sentences.
        without: Heads to leave behind, of `EMBEDDING_HEADS`.

    Raises:
        CheckpointError: When a file is missing or damaged, a tensor is missing, left over or of
            another shape than `config.json` asks for.
    """
    config = read_config(folder / "config.json")
    path = folder / "model.safetensors"
    with torch.device("meta"):
        model = Mamba2Model(config)
    tensors = {**defaults, **published_names(_read_tensors(path, dtype), path)}
    model.drop(*without)
    tensors = {name: value for name, value in tensors.items() if _head_of(name) not in without}
    check_tensors(model, tensors, path)
    wanted = {name: value.to(_precision(name, dtype)) for name, value in tensors.items()}
    model.load_state_dict(wanted, strict=True, assign=True)
    return model.eval()


def _read_tensors(path: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors of a file, each in its precision before the next is read: memory holds no copy
    of the whole."""
    as_they_are = (EMBEDDING, EMBEDDING_SCALE, LM_HEAD)  # what `published_names` needs so
    tensors = {}
    try:
        with safe_open(path, framework="pt", backend="pread") as file:
            for name in file.keys():  # noqa: SIM118  # it is no dictionary
                value = file.get_tensor(name)
                kept = name in as_they_are
                tensors[name] = value if kept else value.to(_precision(name, dtype))
    except FileNotFoundError:
        raise CheckpointError(
            f"No model.safetensors in {path.parent}.", "Choose a checkpoint folder."
        ) from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"Cannot read {path}: {error}.") from error
    return tensors


def _precision(name: str, dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if _is_wide(name) or _head_of(name) == "reader" else dtype


def load_tokenizer(folder: Path) -> Tokenizer:
    """The fast tokenizer of a checkpoint folder, without truncation or padding."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise CheckpointError(f"No tokenizer.json in {folder}.", "Choose a checkpoint folder.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise CheckpointError(f"Cannot read {path}: {error}.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def read_metrics(folder: Path) -> dict[str, Any]:
    """What was measured of a checkpoint; empty for one without `metrics.json`."""
    path = folder / "metrics.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"Cannot read {path}: {error}.") from error
    if not isinstance(record, dict):
        raise CheckpointError(f"Cannot read {path}: it holds no JSON object.")
    return record


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write what was measured of a checkpoint, in place of what stands there."""
    text = json.dumps(metrics, indent=1) + "\n"
    (folder / "metrics.json").write_text(text, encoding="utf-8")


def save_checkpoint(
    folder: Path,
    model: Mamba2Model,
    tokenizer: Tokenizer,
    *,
    metrics: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
    int8_embedding: bool = False,
) -> None:
    """Write a checkpoint folder.

    Args:
        folder: Made if need be.
        model: The model.
        tokenizer: Its tokenizer.
        metrics: What `metrics.json` shall say.
        dtype: Of the weights in the file; the decays and steps stay fp32.
        int8_embedding: Store the embedding as int8 with a scale a row: a quarter of its size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: value.detach().to(torch.float32 if _is_wide(name) else dtype).contiguous().cpu()
        for name, value in model.state_dict().items()
    }
    if int8_embedding:
        weight = model.backbone.embedding.weight.detach().float().cpu()
        scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
        tensors[EMBEDDING] = (weight / scale).round().to(torch.int8)
        tensors[EMBEDDING_SCALE] = scale
    _save_tensors(tensors, folder)
    _write_json(folder / "config.json", model.config.to_json())
    write_metrics(folder, metrics or {})
    tokenizer.save(str(folder / "tokenizer.json"))


def add_head(checkpoint: Path, folder: Path, name: str, head: nn.Module, **settings: int) -> None:
    """Write a checkpoint with another head; all its other tensors stay, bit for bit.

    Args:
        checkpoint: A checkpoint folder.
        folder: The one to write; made if need be. Its other files are copied.
        name: One of `EMBEDDING_HEADS`.
        head: Stored as fp16.
        settings: What `config.json` tells of the head (`width`), its name put in front.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        kept: value
        for kept, value in load_file(checkpoint / "model.safetensors").items()
        if _head_of(kept) != name
    }
    for part, value in head.state_dict().items():
        tensors[f"{name}.{part}"] = value.detach().half().contiguous().cpu()
    _save_tensors(tensors, folder)
    record = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    told = {f"{name}_{setting}": value for setting, value in settings.items()}
    _write_json(folder / "config.json", {**record, **told})
    for paper in ("tokenizer.json", "README.md", "metrics.json", *SETTINGS):
        if (checkpoint / paper).is_file():
            shutil.copyfile(checkpoint / paper, folder / paper)


def _save_tensors(tensors: dict[str, Tensor], folder: Path) -> None:
    partial = folder / "model.safetensors.part"
    save_file(tensors, partial)
    partial.chmod(0o644)  # safetensors leaves it to its owner alone
    partial.replace(folder / "model.safetensors")


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _is_wide(name: str) -> bool:
    return name.endswith((".A_log", ".dt_bias", ".D"))


def _head_of(name: str) -> str:
    """The head among `EMBEDDING_HEADS` that a tensor belongs to; empty for any other tensor."""
    head = name.partition(".")[0]
    return head if head in EMBEDDING_HEADS else ""


def published_names(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Undo what a file may hold in another form: the tied lm_head, an int8 embedding."""
    lm_head = tensors.pop(LM_HEAD, None)
    if lm_head is not None and not torch.equal(lm_head, tensors.get(EMBEDDING, lm_head)):
        raise CheckpointError(f"{path}: lm_head is not tied to the embedding.")
    scale = tensors.pop(EMBEDDING_SCALE, None)
    if scale is not None and EMBEDDING in tensors:
        tensors[EMBEDDING] = tensors[EMBEDDING].float() * scale.float()
    return tensors


def check_tensors(model: Mamba2Model, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Every tensor of the model is there, in its shape, and no other.

    Raises:
        CheckpointError: When that is not so; names the file.
    """
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    missing = sorted(set(wanted) - set(tensors))
    if missing == sorted(HEAD):
        raise CheckpointError(
            f"{path.parent.name} is a base model: it has no head that scores sentences.",
            f"Train one from it: docqa train retriever --init {path.parent.name} "
            "--data FILE --out DIR",
        )
    if missing:
        lacking = {_head_of(name) for name in missing}
        head = lacking.pop() if len(lacking) == 1 else ""
        raise CheckpointError(
            f"{path} lacks {len(missing)} tensors: {', '.join(missing[:4])}.",
            f"Train its {head} again: docqa train {head} --checkpoint {path.parent} "
            "--data FILE --out DIR"
            if head
            else "",
        )
    if unused := sorted(set(tensors) - set(wanted)):
        raise CheckpointError(
            f"{path} has {len(unused)} tensors the config does not name: {', '.join(unused[:4])}."
        )
    for name, shape in wanted.items():
        if tuple(tensors[name].shape) != shape:
            raise CheckpointError(
                f"{path}: {name} is {tuple(tensors[name].shape)}, config.json asks for {shape}."
            )
