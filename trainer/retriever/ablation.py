"""What each ingredient of a recipe is worth: the same short training without it.

Every variant is a run of its own in the ablation's folder, with the same data, seed and steps. A
finished run is not done again and a stopped one goes on, so that the same call ends what the one
before it began.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from docqa.engine.errors import TrainingError
from docqa.trainer.retriever.ablation_plan import (
    VARIANTS,
    WHOLE,
    keep_plan,
    variant_folder,
    variant_of,
)
from docqa.trainer.retriever.ablation_table import is_finished
from docqa.trainer.retriever.recipe import Recipe, read_recipe
from docqa.trainer.retriever.train import OnProgress, train_retriever


def ablate(
    data: Sequence[Path],
    dev: Sequence[Path],
    out: Path,
    *,
    n_steps: int,
    dev_questions: int,
    seeds: Sequence[int] = (0,),
    variants: Sequence[str] = (),
    recipe: str | Path = "embedded",
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> None:
    """Train and measure all variants of a recipe; what is done already is not done again.

    Args:
        data: Training files.
        dev: Files every variant is measured on at its end.
        out: Folder of the runs.
        n_steps: Length of each run, whatever the recipe says.
        dev_questions: Questions of each dev file.
        seeds: Every variant is trained with each of them.
        variants: Names of those to train; none = all. The whole recipe is trained anyway: the
            others are compared with it, seed by seed.
        recipe: Name or path of the whole recipe.
        device: `auto`, `cpu`, `cuda` or `mps`.
        on_progress: Told the variant with the phase.

    Raises:
        TrainingError: When there is no such variant, or the folder holds an ablation of another
            plan.
    """
    if unknown := sorted(set(variants) - set(VARIANTS)):
        raise TrainingError(f"No variant {unknown[0]!r}.", f"Known: {', '.join(VARIANTS)}.")
    plan = {
        "recipe": read_recipe(recipe).to_record(),
        "data": [path.name for path in data],
        "dev": [path.name for path in dev],
        "n_steps": n_steps,
        "dev_questions": dev_questions,
    }
    keep_plan(plan, out)
    for seed in seeds:
        for name in VARIANTS:
            if variants and name not in (WHOLE, *variants):
                continue
            variant = variant_of(read_recipe(recipe), name, n_steps, dev_questions, seed)
            _train(data, dev, variant_folder(out, name, seed), variant, name, device, on_progress)


def _train(
    data: Sequence[Path],
    dev: Sequence[Path],
    folder: Path,
    recipe: Recipe,
    name: str,
    device: str,
    on_progress: OnProgress | None,
) -> None:
    """Train one variant to its end."""

    def narrate(phase: str, n_done: int, n_all: int, figures: dict[str, float]) -> None:
        if on_progress:
            on_progress(f"{name}, {phase}", n_done, n_all, figures)

    if is_finished(folder):
        return
    train_retriever(
        data,
        folder,
        recipe=recipe,
        dev=dev,
        resume=(folder / "state" / "state.pt").is_file(),
        device=device,
        on_progress=narrate,
    )
    # three times the weights, which nobody needs after the end
    shutil.rmtree(folder / "state", ignore_errors=True)
