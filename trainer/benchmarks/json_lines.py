"""Lines of JSON in somebody else's format: parsed one by one, with the place of what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from docqa.engine.errors import TrainingError
from docqa.trainer.dataset import read_lines

Parsed = TypeVar("Parsed")


def parse_lines(
    path: Path, parse: Callable[[dict[str, Any]], Parsed], hint: str
) -> Iterator[Parsed]:
    """Stream what the lines of a file say.

    Args:
        path: JSON Lines, plain or gzip.
        parse: Makes something of the object on a line; a KeyError, TypeError or ValueError says
            that the line is not of the format.
        hint: Where the format is described or can be got.

    Raises:
        TrainingError: When a line cannot be read or parsed; names it.
    """
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        try:
            parsed = parse(json.loads(line))
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{path}, line {number}: {type(error).__name__}: {error}.", hint
            ) from error
        yield parsed
