"""`docqa train templates`: questions by rule, under the names that readers give to things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from docqa.app.options import DATA_FILE, quiet_option


@click.command("templates")
@click.argument(
    "table", type=click.Choice(("filings", "statutes", "cloze", "swaps", "written", "written-dev"))
)
@click.argument("files", nargs=-1, required=True, type=DATA_FILE, metavar="FILE...")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to write labelled documents, as gzipped JSON Lines.",
)
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Take every N-th document.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the wordings.")
@quiet_option
def templates(
    table: str, files: tuple[Path, ...], out: Path, every: int, seed: int, quiet: bool
) -> None:
    """Put questions to the documents in FILE by the rules of TABLE.

    FILE is JSON Lines with `text`. Questions say `capex` where a filing says `Purchases of
    property and equipment`; what answers them is found by patterns. Those of cloze are sentences
    of any text without what stands for the answer; those of swaps are questions that FILE has, with
    something exchanged that makes them unanswerable. Those of written come with docqa and are about
    documents of its training data; written-dev has others, for choosing. No language model is
    asked.
    """
    from docqa.app.diagnostics import Narrator
    from docqa.trainer.synthetic.output import write_lines
    from docqa.trainer.templates.questions import make_questions

    counts: list[int] = []

    def records() -> Iterator[dict[str, Any]]:
        for record in make_questions(files, table, every, seed):
            counts.append(len(record["questions"]))
            yield record

    out.parent.mkdir(parents=True, exist_ok=True)
    write_lines(records(), out)
    Narrator(quiet=quiet).say(f"{sum(counts):,} questions on {len(counts):,} documents: {out}")
