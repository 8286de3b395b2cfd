"""`docqa train encoder`: make the head that tells what a sentence says."""

from __future__ import annotations

from pathlib import Path

import click

from docqa.app.options import data_files, head_options


@click.command()
@data_files("Documents, labelled or not")
@head_options("encoder")
def encoder(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    checkpoint: Path,
    out: Path,
    recipe: str,
    steps: int | None,
    minutes: float | None,
    seed: int | None,
    resume: bool,
    device: str,
    quiet: bool,
) -> None:
    """Train the head that tells what a sentence says, for a checkpoint.

    Its teacher is the sentence encoder that the extra `embedding` installs.
    """
    from docqa.app.diagnostics import Narrator

    narrator = Narrator(quiet=quiet)

    from docqa.trainer.heads.encoder_train import train_encoder

    folder = train_encoder(
        [*files, *more_files],
        checkpoint,
        out,
        recipe=recipe,
        n_steps=steps,
        seed=seed,
        max_seconds=None if minutes is None else 60 * minutes,
        resume=resume,
        device=device,
        on_progress=narrator.training,
    )
    narrator.clear()
    click.echo(folder)
