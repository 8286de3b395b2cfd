"""What the recipes of all heads have, and how one is read from its TOML file."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from docqa.engine.errors import TrainingError


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """One training run of a head, whatever it is trained for."""

    seed: int = 0
    width: int = 192
    """Of the head."""
    n_steps: int = 2800
    learning_rate: float = 2e-3
    """The highest; it rises over the first steps and then falls to nearly nothing."""
    warmup_share: float = 0.03
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    save_every: int = 200
    """Steps between two saved states."""
    goes_on: bool = False
    """Begin with the head that the checkpoint has, not with a new one."""
    kept: float = 0.0
    """Of a head that goes on: how much of what it was its weights keep in the end, as the mean of
    both (Wortsman et al., arXiv 2109.01903)."""
    sources: dict[str, int] = field(default_factory=dict)
    """Most examples by source."""

    def to_toml(self) -> str:
        """The recipe as a TOML file; `read_head_recipe` reads it back."""
        record = asdict(self)
        tables = {key: value for key, value in record.items() if isinstance(value, dict)}
        # JSON's strings, numbers, booleans and arrays are TOML's too
        lines = [f"{k} = {json.dumps(v)}" for k, v in record.items() if k not in tables]
        for name, table in tables.items():
            lines += ["", f"[{name}]", *(f"{key} = {value}" for key, value in table.items())]
        return "\n".join(lines) + "\n"


AnyRecipe = TypeVar("AnyRecipe", bound=HeadRecipe)


def read_head_recipe(kind: type[AnyRecipe], name: str | Path, known: str) -> AnyRecipe:
    """Read a recipe by the name of one in `trainer/recipes` or by its path.

    Args:
        kind: What it is a recipe of.
        name: Its name or path.
        known: The name of the one that comes with docqa.

    Raises:
        TrainingError: When there is none, or a field is unknown or of the wrong type.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = Path(str(files("docqa.trainer") / "recipes" / f"{name}.toml"))
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(f"No recipe {name!r}.", f"Known: {known}; or a .toml.") from None
    except (OSError, ValueError) as error:
        raise TrainingError(f"Cannot read the recipe {path}: {error}.") from error
    return head_recipe_from_record(kind, record, where=str(path))


def head_recipe_from_record(kind: type[AnyRecipe], record: dict[str, Any], where: str) -> AnyRecipe:
    """Build a recipe from plain values; unknown fields and wrong types are errors."""
    known = {one.name for one in fields(kind)}
    defaults = asdict(kind())
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
        least = min(defaults[name], 1) if wanted is int else 0
        if wanted is int and value < least:
            raise TrainingError(f"{where}: {name} is {value}, but must be at least {least}.")
    return kind(**values)
