"""What an ablation trains: a recipe once as it is and once without each of its ingredients."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from docqa.engine.errors import TrainingError
from docqa.trainer.retriever.recipe import PACKAGED, Recipe, StartSection, recipe_from_record

PLAN_FILE = "ablation.json"
WHOLE = "the whole recipe"
VARIANTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        WHOLE: {},
        "no question match": {"model.n_match_buckets": 0},
        "no soft match": {"model.soft_match": False},
        "no sentence mark": {"model.mark_sentences": False},
        "question read once": {"model.question_interval": 0},
        "no hard windows": {"windows.hard_share": 0.0},
        "no foreign questions": {"windows.foreign_share": 0.0},
        "no missing windows": {"windows.missing_share": 0.0},
        "with coverage": {"model.coverage": True},
        "BCE alone": {"loss.listwise": 0.0, "loss.bce": 1.0},
        "random embedding": {"start.embedding": "", "start.tokenizer": PACKAGED},
    }
)
"""What is changed for each, by section and field of the recipe."""


def variant_of(recipe: Recipe, name: str, n_steps: int, dev_questions: int, seed: int) -> Recipe:
    """The recipe of a variant: short, measured once at its end."""
    record = recipe.to_record()
    for place, value in VARIANTS[name].items():
        section, field = place.split(".")
        record[section][field] = value
    changed = recipe_from_record(record, where=name)
    rhythm = replace(
        changed.run,
        n_steps=n_steps,
        evaluate_every=n_steps,
        save_every=min(n_steps, 100),
        dev_questions=dev_questions,
    )
    if changed.start == StartSection(tokenizer=PACKAGED):
        # what is random has everything to learn: the embedding gets the rate of the others
        rate = changed.optimizer.learning_rate
        changed = replace(
            changed, optimizer=replace(changed.optimizer, embedding_learning_rate=rate)
        )
    return replace(changed, run=rhythm, seed=seed)


def variant_folder(out: Path, name: str, seed: int) -> Path:
    """The run of a variant with a seed."""
    return out / f"{name.lower().replace(' ', '-')}-{seed}"


def read_plan(out: Path) -> dict[str, Any]:
    """What the ablation in a folder was started with.

    Raises:
        TrainingError: When there is none.
    """
    try:
        plan: dict[str, Any] = json.loads((out / PLAN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"No ablation in {out}: {error}.") from error
    return plan


def keep_plan(plan: dict[str, Any], out: Path) -> None:
    """Write the plan, or see that it is still the same: runs of other plans do not compare.

    Raises:
        TrainingError: When the folder holds an ablation of another plan.
    """
    if (out / PLAN_FILE).is_file():
        before = read_plan(out)
        changed = sorted(key for key in plan if plan[key] != before.get(key))
        if changed:
            raise TrainingError(
                f"{out} holds an ablation with other {', '.join(changed)}.",
                "Choose another --out, or give the same options to go on with it.",
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / PLAN_FILE).write_text(json.dumps(plan, indent=2) + "\n", encoding="utf-8")
