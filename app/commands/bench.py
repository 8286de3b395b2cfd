"""`docqa bench`: measure, so that every figure can be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docqa.app.options import DATA_FILE, json_option, model_options, quiet_option


@click.group()
def bench() -> None:
    """Measurements on labelled questions."""


@bench.command()
@click.option(
    "--data",
    "files",
    type=DATA_FILE,
    multiple=True,
    required=True,
    metavar="FILE",
    help="Labelled documents as JSON Lines, plain or gzip; may be given several times.",
)
@click.argument("more_files", type=DATA_FILE, nargs=-1, metavar="[FILE]...")
@model_options
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Questions of each file, at most."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses them.")
@json_option
@quiet_option
def retrieval(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
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
    from docqa.app.session import check_choices

    settings = load_settings(flags)
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    narrator = Narrator(quiet=quiet)

    from docqa.trainer.bench import bench_retrieval

    report = bench_retrieval(
        [*files, *more_files],
        settings.retriever,
        checkpoint=Path(settings.checkpoint).expanduser() if settings.checkpoint else None,
        device=settings.device,
        limit=limit,
        seed=seed,
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
    from docqa.app.bench_tui import bench_tui, table_rows
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json, print_table

    narrator = Narrator(quiet=quiet)
    report = bench_tui(runs, narrator.benching)
    narrator.clear()
    if as_json:
        print_json(report)
    else:
        print_table(["what", "measured", "wanted"], list(table_rows(report)))
