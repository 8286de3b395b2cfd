"""`docqa bench suite`: what a retriever finds in a published benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docqa.app.options import json_option, model_options, quiet_option


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("place", type=click.Path(path_type=Path), required=False, metavar="[PLACE]")
@model_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Different questions of each benchmark, at most.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses them.")
@json_option
@quiet_option
def suite(
    name: str,
    place: Path | None,
    limit: int | None,
    seed: int,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """How much of the evidence a retriever finds in the suite NAME, kept in PLACE.

    Suites: lost-in-the-middle, financebench, long-pdfs, long-texts, quality, needle, labelled,
    published. A suite whose files are not in PLACE says where to get them.
    """
    from docqa.app.bench.suites import load_named, print_suite
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json
    from docqa.app.session import check_choices
    from docqa.trainer.benchmarks.base import load_benchmark
    from docqa.trainer.benchmarks.recall import bench_suite

    settings = load_settings(flags)
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    benchmark = load_benchmark(name, place)
    narrator = Narrator(quiet=quiet)
    report = bench_suite(
        benchmark,
        load_named(settings.retriever, settings),
        limit=limit,
        seed=seed,
        on_progress=narrator.benching,
    )
    narrator.clear()
    if as_json:
        print_json(report)
    else:
        print_suite(report)
