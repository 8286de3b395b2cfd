"""`docqa bench efficiency`: an answer from evidence beside one from the whole document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docqa.app.commands.bench_needle import haystack_options
from docqa.app.options import generator_options, json_option, model_options, quiet_option


@click.command()
@haystack_options
@model_options
@generator_options
@click.option("--words", type=click.IntRange(min=1), metavar="N", help="Words of evidence.")
@click.option(
    "--questions",
    "n_questions",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Of each length.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Draw seconds and prompt tokens against length as SVG (extra: plot).",
)
@json_option
@quiet_option
def efficiency(
    files: tuple[Path, ...],
    lengths: tuple[int, ...] | None,
    seed: int,
    n_questions: int,
    plot: Path | None,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """What an answer costs from evidence, and what if the language model reads everything.

    Lengths, unless given: 1000,4000,16000.
    """
    from docqa.app.bench.suites import load_named, print_costs
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json
    from docqa.app.session import check_choices, open_generator
    from docqa.engine.errors import ConfigError
    from docqa.engine.generators.language_model.generator import WritingGenerator
    from docqa.trainer.benchmarks.efficiency import (
        LENGTHS,
        bench_efficiency,
        draw_costs,
        efficiency_needles,
    )
    from docqa.trainer.chart import check_plot

    if flags["strategy"] not in (None, "full"):
        raise ConfigError(
            "Both strategies are measured, direct and full.", "Leave --strategy away."
        )
    settings = load_settings(flags | {"strategy": "full"})
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    if plot is not None:
        check_plot()
    benchmark = efficiency_needles(files, lengths or LENGTHS, n_questions, seed)
    narrator = Narrator(quiet=quiet)
    generator = open_generator(settings)
    assert isinstance(generator, WritingGenerator)  # check_choices refuses extractive
    generator.check()
    report = bench_efficiency(
        benchmark,
        load_named(settings.retriever, settings),
        generator,
        n_words=settings.words,
        on_progress=narrator.benching,
    )
    narrator.clear()
    if plot is not None:
        draw_costs(report, plot)
        narrator.say(f"Plot written to {plot}.")
    if as_json:
        print_json(report)
    else:
        print_costs(report)
