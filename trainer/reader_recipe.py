"""The recipe of a reader head: all that decides what its training gives, as one TOML file."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from docqa.engine.errors import TrainingError


@dataclass(frozen=True, slots=True)
class ReaderRecipe:
    """One training run of a reader head."""

    seed: int = 0
    width: int = 192
    """Of the head; see `ReaderHead`."""
    dropout: float = 0.2
    n_steps: int = 2800
    batch_size: int = 64
    learning_rate: float = 2e-3
    """The highest; it rises over the first steps and then falls to nearly nothing."""
    warmup_share: float = 0.03
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    negative_share: float = 0.8
    """Share of the questions put to a sentence without the answer too."""
    swapped_share: float = 0.6
    """Share of them put to the sentence with the answer too, with one thing exchanged."""
    max_tokens: int = 224
    """Longer examples are left out: one of them would double the time of its batch."""
    save_every: int = 200
    """Steps between two saved states."""
    sources: dict[str, int] = field(default_factory=dict)
    """Most questions by source; all of a source not named."""

    def to_toml(self) -> str:
        """The recipe as a TOML file; `read_reader_recipe` reads it back."""
        record = asdict(self)
        sources = record.pop("sources")
        # JSON's strings, numbers, booleans and arrays are TOML's too
        lines = [f"{key} = {json.dumps(value)}" for key, value in record.items()]
        lines += ["", "[sources]", *(f"{key} = {value}" for key, value in sources.items())]
        return "\n".join(lines) + "\n"


def read_reader_recipe(name: str | Path) -> ReaderRecipe:
    """Read a recipe by the name of one in `trainer/recipes` or by its path.

    Raises:
        TrainingError: When there is none, or a field is unknown or of the wrong type.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = Path(str(files("docqa.trainer") / "recipes" / f"{name}.toml"))
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(f"No recipe {name!r}.", "Known: reader; or a .toml.") from None
    except (OSError, ValueError) as error:
        raise TrainingError(f"Cannot read the recipe {path}: {error}.") from error
    return reader_recipe_from_record(record, where=str(path))


def reader_recipe_from_record(record: dict[str, Any], where: str) -> ReaderRecipe:
    """Build a recipe from plain values; unknown fields and wrong types are errors."""
    known = {one.name for one in fields(ReaderRecipe)}
    defaults = asdict(ReaderRecipe())
    values: dict[str, Any] = {}
    for name, value in record.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
            raise TrainingError(f"{where}: unknown field {name!r}.", hint)
        wanted = type(defaults[name])
        values[name] = float(value) if wanted is float and type(value) is int else value
        if type(values[name]) is not wanted:
            raise TrainingError(f"{where}: {name} is {value!r}, but must be {wanted.__name__}.")
    for name in ("width", "n_steps", "batch_size", "max_tokens", "save_every"):
        if values.get(name, 1) < 1:
            raise TrainingError(f"{where}: {name} is {values[name]}, but must be at least 1.")
    return ReaderRecipe(**values)
