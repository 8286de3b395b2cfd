"""`docqa train ablate`: what each ingredient of a recipe is worth."""

from __future__ import annotations

from pathlib import Path

import click

from docqa.app.options import (
    DATA_FILE,
    DEVICES,
    data_files,
    quiet_option,
)


@click.command()
@data_files("Training data")
@click.option(
    "--dev",
    type=DATA_FILE,
    multiple=True,
    required=True,
    metavar="FILE",
    help="Labelled documents to measure on; may be given several times.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The runs. The same command goes on with them after a stop.",
)
@click.option(
    "--recipe",
    metavar="NAME|FILE",
    default="embedded",
    show_default=True,
    help="What ingredients are taken out of.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=600,
    show_default=True,
    metavar="N",
    help="Length of each run.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Questions of each dev file.",
)
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    default=(0,),
    show_default=True,
    help="Trains everything with each; may be given several times.",
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME",
    help="Trains these and the whole recipe; may be given several times. Without it, all.",
)
@click.option("--device", type=click.Choice(DEVICES), default="auto", help="Where to train.")
@quiet_option
def ablate(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    dev: tuple[Path, ...],
    out: Path,
    recipe: str,
    steps: int,
    limit: int,
    seeds: tuple[int, ...],
    variants: tuple[str, ...],
    device: str,
    quiet: bool,
) -> None:
    """Train a recipe without each of its ingredients and print what that costs, as Markdown.

    `docqa train show DIR` prints what is finished while the others still train.
    """
    from docqa.app.diagnostics import Narrator

    narrator = Narrator(quiet=quiet)

    from docqa.trainer.retriever.ablation import ablate as ablate_recipe
    from docqa.trainer.retriever.ablation_table import ablation_table

    ablate_recipe(
        [*files, *more_files],
        dev,
        out,
        n_steps=steps,
        dev_questions=limit,
        seeds=seeds,
        variants=variants,
        recipe=recipe,
        device=device,
        on_progress=narrator.training,
    )
    narrator.clear()
    click.echo(ablation_table(out))
