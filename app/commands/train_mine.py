"""`docqa train mine`: what a checkpoint wrongly takes for answers, for its next training."""

from __future__ import annotations

from pathlib import Path

import click

from docqa.app.options import DEVICES, data_files, quiet_option


@click.command()
@data_files("Labelled documents, as the next training has them")
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="What reads them; default: the one that comes with docqa.",
)
@click.option(
    "--recipe",
    metavar="NAME|FILE",
    default="embedded-stage4",
    show_default=True,
    help="Of the next training: how many questions of which source.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The hard negatives, for docqa train retriever --mined.",
)
@click.option(
    "--questions",
    type=click.IntRange(min=1),
    default=8000,
    show_default=True,
    metavar="N",
    help="Questions to ask.",
)
@click.option(
    "--tokens",
    type=click.IntRange(min=1),
    default=16000,
    show_default=True,
    metavar="N",
    help="Tokens of a document to read, at most.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the questions.")
@click.option("--device", type=click.Choice(DEVICES), default="auto", help="Where to read.")
@quiet_option
def mine(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    checkpoint: Path | None,
    recipe: str,
    out: Path,
    questions: int,
    tokens: int,
    seed: int,
    device: str,
    quiet: bool,
) -> None:
    """Find hard negatives: sentences that a checkpoint takes for answers and that are none."""
    from docqa.app.diagnostics import Narrator

    narrator = Narrator(quiet=quiet)

    from docqa.trainer.retriever.mine import mine as mine_negatives

    mine_negatives(
        [*files, *more_files],
        checkpoint,
        out,
        recipe=recipe,
        n_questions=questions,
        n_tokens=tokens,
        seed=seed,
        device=device,
        on_progress=narrator.training,
    )
    narrator.clear()
    click.echo(out)
