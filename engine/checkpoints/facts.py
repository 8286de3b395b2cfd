"""What a checkpoint is, read from its files' heads: nothing is loaded."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docqa.engine.errors import CheckpointError
from docqa.engine.mamba2.config import read_config

MAX_HEADER_BYTES = 25_000_000
_PRECISIONS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16", "I8": "int8"}


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """Size and shape of a checkpoint."""

    n_parameters: int
    d_model: int
    n_layer: int
    vocab_size: int
    precision: str
    """Of most of its weights: `bf16`, `fp16`, `fp32` or `int8`."""
    n_bytes: int
    """Of all its files."""
    is_base: bool
    """True when it has no head that scores sentences."""


def checkpoint_facts(folder: Path) -> CheckpointFacts:
    """Read what a checkpoint folder holds.

    Raises:
        CheckpointError: When a file is missing or damaged.
    """
    config = read_config(folder / "config.json")
    tensors = _tensors(folder / "model.safetensors")
    counts: dict[str, int] = {}
    for tensor in tensors.values():
        kind = tensor["dtype"]
        counts[kind] = counts.get(kind, 0) + math.prod(tensor["shape"])
    return CheckpointFacts(
        n_parameters=sum(counts.values()),
        d_model=config.d_model,
        n_layer=config.n_layer,
        vocab_size=config.vocab_size,
        precision=_PRECISIONS.get(most := max(counts, key=counts.__getitem__), most),
        n_bytes=sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
        is_base="binary_head.weight" not in tensors,
    )


def _tensors(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: 8 bytes of length, then JSON, by name of tensor."""
    try:
        with path.open("rb") as file:
            n_bytes = int.from_bytes(file.read(8), "little")
            if not 0 < n_bytes <= MAX_HEADER_BYTES:
                raise ValueError("it has no header")
            header: dict[str, Any] = json.loads(file.read(n_bytes))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"Cannot read {path}: {error}.") from error
    return {name: one for name, one in header.items() if name != "__metadata__"}
