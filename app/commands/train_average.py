"""`docqa train average`: a checkpoint between two."""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("first", type=FOLDER)
@click.argument("second", type=FOLDER)
@click.option(
    "--weight",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Of SECOND; FIRST has the rest.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The checkpoint to write.",
)
def average(first: Path, second: Path, weight: float, out: Path) -> None:
    """Average the weights of two checkpoints, FIRST and one that went on from it."""
    from docqa.trainer.retriever.average import average as average_checkpoints

    click.echo(average_checkpoints(first, second, weight, out))
