"""`docqa bench hops`: what a second reading finds, and how often there is one for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docqa.app.options import DATA_FILE, json_option, model_options, quiet_option


@click.command()
@click.argument("files", type=DATA_FILE, nargs=-1, required=True, metavar="FILE...")
@model_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    metavar="N",
    help="Questions of each file with each seed: so many of its own, and so many planted.",
)
@click.option(
    "--seed", "seeds", type=int, multiple=True, default=(0,), show_default=True, help="Several."
)
@json_option
@quiet_option
def hops(
    files: tuple[Path, ...],
    limit: int,
    seeds: tuple[int, ...],
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """What a second reading finds of answers in two places, and what it costs.

    FILE holds labelled documents. Beside its own questions, such are asked that two sentences
    planted far apart answer together, among others of the same form.
    """
    from docqa.app.bench.suites import load_named
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json, print_table
    from docqa.app.session import check_choices
    from docqa.trainer.hops import bench_hops

    settings = load_settings(flags)
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    narrator = Narrator(quiet=quiet)
    report = bench_hops(
        files,
        load_named(settings.retriever, settings),
        limit=limit,
        seeds=seeds,
        on_progress=narrator.benching,
    )
    narrator.clear()
    if as_json:
        print_json(report)
        return
    modes = list(report["overall"][0]["seconds"])
    budgets = list(report["overall"][0]["budgets"])
    columns = [f"@{budget} hops {mode}" for budget in budgets for mode in modes]
    print_table(
        ["file", "evidence in", "questions", "auto reads again", *columns, "seconds", "auto"],
        [
            [
                row["file"],
                row["kind"],
                row["questions"],
                f"{row['read_again']['auto']:.1%}",
                *(
                    f"{100 * row['budgets'][budget]['all_places'][mode]:.1f}"
                    for budget in budgets
                    for mode in modes
                ),
                f"{row['seconds']['1']:.2f}",
                f"{row['seconds']['auto']:.2f}",
            ]
            for row in [*report["files"], *report["overall"]]
        ],
    )
