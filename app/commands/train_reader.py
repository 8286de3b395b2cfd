"""`docqa train reader`: make the head that finds the words that answer."""

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
@data_files("Labelled documents with verbatim answers")
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The checkpoint that gets the head; all else in it stays.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The run: checkpoint, settings, metrics.",
)
@click.option(
    "--recipe",
    metavar="NAME|FILE",
    default="reader",
    show_default=True,
    help="Training settings, as TOML.",
)
@click.option(
    "--dev", type=DATA_FILE, multiple=True, metavar="FILE", help="Measure the result on this file."
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Questions of each dev file, at most."
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Default: the recipe's.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop cleanly after this time.")
@click.option("--seed", type=int, help="Default: the recipe's.")
@click.option("--resume", is_flag=True, help="Go on with the run in DIR.")
@click.option("--device", type=click.Choice(DEVICES), default="auto", help="Where to train.")
@quiet_option
def reader(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    checkpoint: Path,
    out: Path,
    recipe: str,
    dev: tuple[Path, ...],
    limit: int | None,
    steps: int | None,
    minutes: float | None,
    seed: int | None,
    resume: bool,
    device: str,
    quiet: bool,
) -> None:
    """Train the head that finds the words that answer, for a checkpoint."""
    from docqa.app.diagnostics import Narrator

    narrator = Narrator(quiet=quiet)

    from docqa.trainer.reader_train import train_reader

    folder = train_reader(
        [*files, *more_files],
        checkpoint,
        out,
        recipe=recipe,
        n_steps=steps,
        seed=seed,
        max_seconds=None if minutes is None else 60 * minutes,
        dev=dev,
        limit=limit,
        resume=resume,
        device=device,
        on_progress=narrator.training,
    )
    narrator.clear()
    click.echo(folder)
