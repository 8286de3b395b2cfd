"""`docqa bench report`: runs side by side, to read and to show."""

from __future__ import annotations

from pathlib import Path

import click

from docqa.app.options import DATA_FILE, json_option, quiet_option


@click.command()
@click.argument("runs", type=DATA_FILE, nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE",
    help="The HTML; the Markdown and its plots stand beside it.",
)
@json_option
@quiet_option
def report(runs: tuple[Path, ...], out: Path, as_json: bool, quiet: bool) -> None:
    """Tables and plots of answer benchmarks: every figure is computed from the RUN files."""
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json
    from docqa.trainer.answers.run_file import read_run
    from docqa.trainer.answers.summary import summarise
    from docqa.trainer.chart import can_plot
    from docqa.trainer.report.plots import all_plots
    from docqa.trainer.report.tables import all_tables
    from docqa.trainer.report.write import write_report

    narrator = Narrator(quiet=quiet)
    summaries = [summarise(read_run(path)) for path in runs]
    for one in summaries:
        if not one["is_finished"]:
            narrator.warn(f"{one['run']} is not finished: its last start did not come to its end")
    if not can_plot():
        narrator.say("Without plots: pygal is not installed. pip install 'docqa[plot]'")
    plots = all_plots(summaries) if can_plot() else []
    files = write_report(out, all_tables(summaries), plots)
    if as_json:
        print_json(summaries)
        return
    for path in files[::-1]:
        click.echo(path)
