"""What was made from files, as flat arrays in one .npz file: made once, kept beside the runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import TrainingError

Columns = TypeVar("Columns", bound="FlatColumns")


class FlatColumns:
    """A dataclass whose fields are arrays."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def save(self, path: Path) -> None:
        """Write all columns to one .npz file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        with partial.open("wb") as file:
            np.savez(file, **{f.name: getattr(self, f.name) for f in fields(self)})
        partial.replace(path)

    @classmethod
    def names(cls) -> list[str]:
        """Of the columns; a file that was written before one came is not for this program."""
        return [f.name for f in fields(cls)]

    @classmethod
    def load(cls: type[Columns], path: Path) -> Columns:
        """Read what `save` wrote; never unpickles."""
        with np.load(path, allow_pickle=False) as columns:
            return cls(**{f.name: columns[f.name] for f in fields(cls)})


def offsets_of(lengths: Sequence[int]) -> NDArray[np.int64]:
    """(n + 1,) where each of n lists of these lengths begins when laid flat, and the end."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def fingerprint(files: Sequence[Path], *parts: Any) -> str:
    """Names what was made from files: changes with their bytes and with what else decided it.

    Raises:
        TrainingError: When a file is missing.
    """
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for file in files:
        if not file.is_file():
            raise TrainingError(f"No data file {file}.", "Give JSON Lines, plain or gzip.")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
