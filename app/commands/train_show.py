"""`docqa train show`: where a run stands."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from docqa.app.options import json_option

if TYPE_CHECKING:
    from docqa.trainer.retriever.standing import Standing


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="RUN")
@click.option("--plot", is_flag=True, help="Draw loss.svg in the run's folder.")
@json_option
def show(run: Path, plot: bool, as_json: bool) -> None:
    """Print where a run stands, or the table of an ablation: of what is finished."""
    from docqa.trainer.retriever.ablation_plan import PLAN_FILE
    from docqa.trainer.retriever.ablation_table import ablation_table

    if (run / PLAN_FILE).is_file():
        if plot or as_json:
            raise click.UsageError(f"{run} holds an ablation: it has neither --plot nor --json.")
        click.echo(ablation_table(run))
        return
    from docqa.trainer.retriever.standing import standing

    stands = standing(run)
    if plot:
        _draw(run)
    if as_json:
        from docqa.app.output import print_json

        print_json(asdict(stands))
        return
    for line in _lines(stands):
        click.echo(line)


def _draw(run: Path) -> None:
    from docqa.app.diagnostics import Narrator
    from docqa.trainer.chart import check_plot
    from docqa.trainer.retriever.loss_plot import draw_loss

    check_plot()
    Narrator().say(f"Drawn: {draw_loss(run)}")


def _lines(stands: Standing) -> list[str]:
    """What a person wants to know, a line each."""
    share = stands.step / stands.n_steps
    lines = [f"{stands.run}: step {stands.step:,} of {stands.n_steps:,} ({share:.0%})"]
    if stands.loss is not None and stands.seconds:
        rate = stands.tokens / stands.seconds
        lines.append(f"tokens     {stands.tokens:,} at {rate:,.0f} a second")
        lines.append(f"loss       {stands.loss:.4f}")
    if stands.dev_step is not None:
        lines.append(
            f"dev        recall within 1,000 words {stands.dev_recall_words_1000:.3f}, "
            f"MRR {stands.dev_mrr:.3f} at step {stands.dev_step:,}"
        )
    if stands.seconds_left is not None:
        lines.append(f"time       {_spell(stands.seconds)}, {_spell(stands.seconds_left)} left")
    if stands.silent_seconds is not None:
        lines.append(f"last line  {_spell(stands.silent_seconds)} ago")
    if stands.saved and stands.step < stands.n_steps:
        lines.append("It can be resumed with --resume.")
    return lines


def _spell(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
