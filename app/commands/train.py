"""`docqa train`: make a checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from docqa.app.commands.train_ablate import ablate
from docqa.app.commands.train_average import average
from docqa.app.commands.train_data import train_data
from docqa.app.commands.train_encoder import encoder
from docqa.app.commands.train_mine import mine
from docqa.app.commands.train_reader import reader
from docqa.app.commands.train_show import show
from docqa.app.commands.train_templates import templates
from docqa.app.options import (
    DATA_FILE,
    DEVICES,
    data_files,
    quiet_option,
    sample_options,
)


@click.group()
def train() -> None:
    """Training, from labelled documents."""


train.add_command(ablate)
train.add_command(average)
train.add_command(train_data)
train.add_command(encoder)
train.add_command(mine)
train.add_command(reader)
train.add_command(show)
train.add_command(templates)


@train.command()
@data_files("Labelled documents or token ids")
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
    default="embedded",
    show_default=True,
    help="Model and training settings, as TOML.",
)
@click.option(
    "--init",
    metavar="NAME|DIR",
    help="Begin with this checkpoint (embedded: the one that comes with docqa) instead of the "
    "recipe's beginning; a base model gets a new head.",
)
@click.option(
    "--dev",
    type=DATA_FILE,
    multiple=True,
    metavar="FILE",
    help="Measured while training; may be given several times.",
)
@click.option(
    "--mined",
    type=DATA_FILE,
    metavar="FILE",
    help="Hard negatives of the same --data, from docqa train mine.",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Stop after N."
)
@click.option(
    "--steps", type=click.IntRange(min=1), metavar="N", help="Length of the run; default: recipe's."
)
@click.option("--seed", type=int, help="Default: the recipe's.")
@click.option("--resume", is_flag=True, help="Go on with the run in DIR.")
@click.option("--device", type=click.Choice(DEVICES), default="auto", help="Where to train.")
@quiet_option
def retriever(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    out: Path,
    recipe: str,
    init: str | None,
    dev: tuple[Path, ...],
    mined: Path | None,
    minutes: float | None,
    steps: int | None,
    seed: int | None,
    resume: bool,
    device: str,
    quiet: bool,
) -> None:
    """Train a retriever on labelled documents, in one process or in several.

    \b
    accelerate launch --num_processes 8 -m docqa.app.cli train retriever …     a GPU each
    torchrun --nproc-per-node 2 -m docqa.app.cli train retriever … --device cpu
    """
    from docqa.app.diagnostics import Narrator

    narrator = Narrator(quiet=quiet)

    from docqa.trainer.retriever.processes import is_first
    from docqa.trainer.retriever.train import train_retriever

    folder = train_retriever(
        [*files, *more_files],
        out,
        recipe=recipe,
        init=init,
        dev=list(dev),
        mined=mined,
        max_seconds=None if minutes is None else 60 * minutes,
        n_steps=steps,
        seed=seed,
        resume=resume,
        device=device,
        on_progress=narrator.training,
    )
    narrator.clear()
    if is_first():
        click.echo(folder)


@train.command()
@click.argument(
    "checkpoint",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="CHECKPOINT",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The small checkpoint; replaced if it exists.",
)
@click.option(
    "--dev",
    type=DATA_FILE,
    multiple=True,
    required=True,
    metavar="FILE",
    help="Labelled documents to measure on; may be given several times.",
)
@click.argument("more_dev", type=DATA_FILE, nargs=-1, metavar="[FILE]...")
@click.option(
    "--fit",
    type=DATA_FILE,
    multiple=True,
    metavar="FILE",
    help="Others that the confidence is fitted on too; may be given several times.",
)
@sample_options
@click.option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="Measure embedding and fusion too.",
)
@click.option(
    "--baselines-of",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Take their figures from this published checkpoint, measured on the same questions.",
)
@click.option("--device", type=click.Choice(DEVICES), default="auto", help="Where to measure.")
@quiet_option
def publish(
    checkpoint: Path,
    out: Path,
    dev: tuple[Path, ...],
    more_dev: tuple[Path, ...],
    fit: tuple[Path, ...],
    limit: int | None,
    seed: int,
    baselines: bool,
    baselines_of: Path | None,
    device: str,
    quiet: bool,
) -> None:
    """Make a checkpoint small, calibrate its confidence and measure it."""
    from docqa.app.diagnostics import Narrator

    narrator = Narrator(quiet=quiet)

    from docqa.trainer.publish import publish as publish_checkpoint

    folder = publish_checkpoint(
        checkpoint,
        out,
        [*dev, *more_dev],
        fit=fit,
        limit=limit,
        seed=seed,
        baselines=baselines,
        baselines_of=baselines_of,
        device=device,
        on_stage=narrator.say,
        on_progress=narrator.benching,
    )
    narrator.clear()
    click.echo(folder)
