"""`docqa bench needle`: is a sentence found wherever it stands?"""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import click

from docqa.app.options import DATA_FILE, DEVICES, RETRIEVERS, Command, json_option, quiet_option


def read_lengths(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Numbers of tokens, separated by commas: `1000,8000,200000`."""
    if value is None:
        return None
    try:
        return tuple(dict.fromkeys(int(one) for one in value.split(",")))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of numbers; write 1000,8000.") from None


def haystack_options(command: Command) -> Command:
    """`--haystack`, `--lengths` and `--seed`."""
    options = (
        click.option(
            "--haystack",
            "files",
            type=DATA_FILE,
            multiple=True,
            metavar="FILE",
            help="Text to hide the needles in: JSON Lines with a `text`, or what `docqa ingest` "
            "reads; may be given several times. Default: generated sentences, which are easy.",
        ),
        click.option(
            "--lengths",
            callback=read_lengths,
            metavar="N,N,…",
            help="Tokens of the documents, such as 1000,8000,200000.",
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="Makes the needles."),
    )
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


@click.command()
@haystack_options
@click.option(
    "--depths",
    "n_depths",
    type=click.IntRange(1, 101),
    default=11,
    show_default=True,
    help="Places in each document, evenly apart.",
)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Needles of this kind only.")
@click.option(
    "--retriever",
    "retrievers",
    type=click.Choice(RETRIEVERS),
    multiple=True,
    help="What to measure; may be given several times. Default: the one of the settings.",
)
@click.option("--checkpoint", metavar="DIR", help="A checkpoint folder for mamba and hybrid.")
@click.option("--device", type=click.Choice(DEVICES), help="Where the model runs.")
@click.option("--words", type=click.IntRange(min=1), metavar="N", help="Words of evidence.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Draw the heat maps as SVG.",
)
@json_option
@quiet_option
def needle(
    files: tuple[Path, ...],
    lengths: tuple[int, ...] | None,
    n_depths: int,
    kinds: tuple[str, ...],
    retrievers: tuple[str, ...],
    seed: int,
    plot: Path | None,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Find sentences hidden at every depth of documents of every length.

    Lengths, unless given: 1000,4000,16000,64000. Kinds: number, code, event, row (of a table),
    clause, meaning (no word in common with the question), pair and chain (two sentences each).
    """
    from docqa.app.bench.suites import load_named, print_needles
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json
    from docqa.app.session import check_choices
    from docqa.trainer.benchmarks.needle import LENGTHS, NeedleBenchmark
    from docqa.trainer.benchmarks.needle_kinds import KINDS, checked_kinds
    from docqa.trainer.benchmarks.needle_plot import draw_heat_maps
    from docqa.trainer.benchmarks.needle_report import bench_needle

    only = retrievers[0] if len(retrievers) == 1 else None
    settings = load_settings(flags | {"retriever": only})
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    benchmark = NeedleBenchmark(
        files, lengths or LENGTHS, n_depths, checked_kinds(kinds) if kinds else KINDS, seed
    )
    names = dict.fromkeys(retrievers or (settings.retriever,))
    narrator = Narrator(quiet=quiet)
    report = bench_needle(
        benchmark,
        [load_named(name, settings) for name in names],
        n_words=settings.words,
        on_progress=narrator.benching,
    )
    narrator.clear()
    if plot is not None:
        draw_heat_maps(report, plot)
        narrator.say(f"Heat maps written to {plot}.")
    if as_json:
        print_json(report)
    else:
        print_needles(report)
