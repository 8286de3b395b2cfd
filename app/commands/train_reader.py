"""`docqa train reader`: make the head that finds the words that answer."""

from __future__ import annotations

from pathlib import Path

import click

from docqa.app.options import (
    DATA_FILE,
    data_files,
    head_options,
)


@click.command()
@data_files("Labelled documents with verbatim answers")
@head_options("reader")
@click.option(
    "--dev", type=DATA_FILE, multiple=True, metavar="FILE", help="Measure the result on this file."
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Questions of each dev file, at most."
)
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

    from docqa.trainer.heads.reader_train import train_reader

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
