"""Pickles of plain values, read without running anything in them.

A pickle can name any function and have it called while it is read. This reader knows dict, list,
tuple, str, int, float, bool and None, and refuses a file that asks for more.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from docqa.engine.errors import TrainingError

PLAIN_TYPES = frozenset({dict, list, tuple, str, int, float, bool, type(None)})
_DAMAGED = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the standard library raises where a pickle is cut off or makes no sense."""


class _Refused(Exception):
    """The pickle asks for something that is no plain value; the message names it."""


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise _Refused(f"{module}.{name}")

    def persistent_load(self, _: Any) -> NoReturn:
        raise _Refused("a value kept elsewhere")


def read_plain_pickles(path: Path) -> Iterator[Any]:
    """Stream the values that were dumped into a file one after another.

    Args:
        path: A file with at least one pickle.

    Raises:
        TrainingError: When the file cannot be read, is damaged, or holds more than plain values.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise TrainingError(f"Cannot read {path}: {error.strerror}.") from error
    with file:
        n_read = 0
        while file.peek(1) or not n_read:
            value = _read_one(file, path, n_read + 1)
            n_read += 1
            yield value


def _read_one(file: BinaryIO, path: Path, number: int) -> Any:
    try:
        value = _PlainUnpickler(file).load()
        _check_plain(value)
    except _Refused as refused:
        raise TrainingError(
            f"{path}, value {number}, asks for {refused}; "
            "docqa reads plain values only and has run nothing of it.",
            "Convert it to JSON Lines where you trust it.",
        ) from None
    except _DAMAGED as error:
        raise TrainingError(
            f"{path} is damaged or no pickle, at value {number}: {type(error).__name__}: {error}."
        ) from error
    return value


def _check_plain(value: Any) -> None:
    """Sets and bytes need no name in a pickle, so that `find_class` never sees them."""
    todo, seen = [value], set()
    while todo:
        one = todo.pop()
        if type(one) not in PLAIN_TYPES:
            raise _Refused(type(one).__name__)
        if not isinstance(one, dict | list | tuple) or id(one) in seen:
            continue
        seen.add(id(one))
        inner = [*one.keys(), *one.values()] if isinstance(one, dict) else one
        # thousands of token ids are one look at their types
        if not set(map(type, inner)) <= {str, int, float, bool, type(None)}:
            todo.extend(inner)
