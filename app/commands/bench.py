"""`docqa bench`: measure, so that every figure can be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docqa.app.commands.bench_answer import answer
from docqa.app.commands.bench_efficiency import efficiency
from docqa.app.commands.bench_fetch import fetch
from docqa.app.commands.bench_hops import hops
from docqa.app.commands.bench_needle import needle
from docqa.app.commands.bench_reader import reader
from docqa.app.commands.bench_report import report
from docqa.app.commands.bench_suite import suite
from docqa.app.options import (
    DEVICES,
    data_files,
    embedding_options,
    json_option,
    model_options,
    quiet_option,
    sample_options,
    timeout_option,
)


@click.group()
def bench() -> None:
    """Measurements on labelled questions."""


bench.add_command(answer)
bench.add_command(fetch)
bench.add_command(hops)
bench.add_command(efficiency)
bench.add_command(needle)
bench.add_command(reader)
bench.add_command(report)
bench.add_command(suite)


@bench.command()
@data_files("Labelled documents as JSON Lines, plain or gzip")
@model_options
@embedding_options
@timeout_option
@sample_options
@json_option
@quiet_option
def retrieval(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    embedding_preset: str | None,
    embedding_url: str | None,
    embedding_model: str | None,
    limit: int | None,
    seed: int,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """How much of the evidence a retriever finds within a budget of words."""
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json, print_table
    from docqa.app.session import check_choices, chosen_checkpoint, chosen_encoder

    settings = load_settings(flags)
    encoder = chosen_encoder(
        settings, preset=embedding_preset, url=embedding_url, model=embedding_model
    )
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    narrator = Narrator(quiet=quiet)

    from docqa.trainer.bench import bench_retrieval

    report = bench_retrieval(
        [*files, *more_files],
        settings.retriever,
        checkpoint=chosen_checkpoint(settings),
        device=settings.device,
        limit=limit,
        seed=seed,
        encoder=encoder,
        on_progress=narrator.benching,
    )
    narrator.clear()
    if as_json:
        print_json(report)
        return
    rows = [*report["files"], {"file": "overall", **report["overall"]}]
    words = list(report["overall"]["recall_words"])
    sentences = list(report["overall"]["recall_sentences"])
    print_table(
        [
            "file",
            "questions",
            *(f"recall@{n} words" for n in words),
            *(f"@{n} sentences" for n in sentences),
            "MRR",
            "seconds",
        ],
        [
            [
                Path(row["file"]).name,
                row.get("questions", ""),
                *(f"{100 * row['recall_words'][n]:.1f}" for n in words),
                *(f"{100 * row['recall_sentences'][n]:.1f}" for n in sentences),
                f"{row['mrr']:.3f}",
                f"{row['seconds']:.1f}" if "seconds" in row else "",
            ]
            for row in rows
        ],
    )


@bench.command()
@click.option(
    "--runs", type=click.IntRange(min=1), default=7, show_default=True, help="Starts of each app."
)
@json_option
@quiet_option
def tui(runs: int, as_json: bool, quiet: bool) -> None:
    """How quick the terminal application starts, answers keys and scrolls."""
    from docqa.app.bench.tui import bench_tui, table_rows
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json, print_table

    narrator = Narrator(quiet=quiet)
    report = bench_tui(runs, narrator.benching)
    narrator.clear()
    if as_json:
        print_json(report)
    else:
        print_table(["what", "measured", "wanted"], list(table_rows(report)))


@bench.command()
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="NAME",
    help="embedded, 130m, 370m, 780m, 1.3b, 2.7b (random weights) or a checkpoint folder; "
    "may be given several times. Default: embedded.",
)
@click.option("--dtype", type=click.Choice(("auto", "bfloat16", "float32", "int8")), default="auto")
@click.option("--device", type=click.Choice(DEVICES), default="auto", help="Where to measure.")
@click.option(
    "--length",
    "n_tokens",
    type=click.IntRange(min=1000),
    metavar="N",
    help="Tokens of the longest document. Default: 1,000,000 (embedded), 100,000 (others).",
)
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option(
    "--peers/--no-peers", default=True, help="Also measure transformers and llama.cpp, if here."
)
@click.option("--profile", is_flag=True, help="Also tell where the time of a layer goes.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Draw time and memory against length as SVG (extra: plot).",
)
@json_option
@quiet_option
def speed(
    shapes: tuple[str, ...],
    dtype: str,
    device: str,
    n_tokens: int | None,
    rounds: int,
    peers: bool,
    profile: bool,
    plot: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """How fast documents are read, beside the model's bare matrix products and beside others."""
    from docqa.app.bench.speed import print_speed
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json
    from docqa.trainer.chart import check_plot
    from docqa.trainer.speed.bench import SpeedOptions, bench_speed
    from docqa.trainer.speed.plot import draw_plot

    if plot is not None:
        check_plot()
    narrator = Narrator(quiet=quiet)
    options = SpeedOptions(shapes or ("embedded",), dtype, device, n_tokens, rounds, peers, profile)
    report = bench_speed(options, narrator.benching)
    narrator.clear()
    if plot is not None:
        draw_plot(report["runs"], plot)
        narrator.say(f"Plot written to {plot}.")
    if as_json:
        print_json(report)
    else:
        print_speed(report)
