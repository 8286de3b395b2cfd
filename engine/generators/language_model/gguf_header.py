"""What a GGUF file says of its model, read from its first bytes without loading it.

The format: magic, version, two counts, then key-value pairs. See
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from docqa.engine.errors import GeneratorError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_STRING_BYTES = 1 << 28
MAX_ITEMS = 1 << 26
_STRING, _ARRAY = 8, 9
_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The facts docqa needs before it loads a model."""

    architecture: str
    name: str | None
    context_tokens: int
    """The longest context the model was trained for."""
    has_chat_template: bool


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the facts.

    Raises:
        GeneratorError: When the file is no GGUF, is damaged or holds no language model.
    """
    try:
        with path.open("rb") as file:
            values = _read_values(file, path)
    except (OSError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise GeneratorError(
            f"Cannot read {path}: {error}.", "The file is damaged or incomplete: get it again."
        ) from None
    architecture = values.get("general.architecture")
    window = values.get(f"{architecture}.context_length")
    if not isinstance(architecture, str) or not isinstance(window, int) or window < 1:
        raise GeneratorError(
            f"{path} holds no language model (architecture {architecture!r}, "
            f"context length {window!r}).",
            "Choose another: --model FILE.gguf",
        )
    name = values.get("general.name")
    return GgufHeader(
        architecture,
        name if isinstance(name, str) else None,
        window,
        "tokenizer.chat_template" in values,
    )


def _read_values(file: BinaryIO, path: Path) -> dict[str, Any]:
    magic = file.read(4)
    if magic != MAGIC:
        raise GeneratorError(
            f"{path} is no GGUF file (it begins with {magic!r}, not {MAGIC!r}).",
            "Choose one: --model FILE.gguf",
        )
    version, _, n_values = _unpack(file, "IQQ")
    if version not in VERSIONS:
        known = " and ".join(map(str, VERSIONS))
        raise GeneratorError(
            f"{path} has GGUF version {version}; docqa reads {known}.",
            "Choose another: --model FILE.gguf",
        )
    if n_values > MAX_ITEMS:
        raise ValueError(f"{n_values:,} values in its header")
    values: dict[str, Any] = {}
    for _ in range(n_values):
        key = _string(file)
        values[key] = _value(file, *_unpack(file, "I"))
    return values


def _value(file: BinaryIO, kind: int) -> Any:
    """A value; of an array nothing, because vocabularies are long and not needed here."""
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        of_kind, n_items = _unpack(file, "IQ")
        if n_items > MAX_ITEMS:
            raise ValueError(f"an array of {n_items:,} items in its header")
        if of_kind in _NUMBERS:
            file.seek(n_items * struct.calcsize("<" + _NUMBERS[of_kind]), 1)
        else:
            for _ in range(n_items):
                _value(file, of_kind)
        return None
    if kind not in _NUMBERS:
        raise ValueError(f"a value of unknown kind {kind} in its header")
    return _unpack(file, _NUMBERS[kind])[0]


def _string(file: BinaryIO) -> str:
    (n_bytes,) = _unpack(file, "Q")
    if n_bytes > MAX_STRING_BYTES:
        raise ValueError(f"a text of {n_bytes:,} bytes in its header")
    raw = file.read(n_bytes)
    if len(raw) < n_bytes:
        raise ValueError("it ends within its header")
    return raw.decode("utf-8")


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    size = struct.calcsize("<" + form)
    raw = file.read(size)
    if len(raw) < size:
        raise ValueError("it ends within its header")
    return struct.unpack("<" + form, raw)
