"""`docqa bench answer`: how right the answers are, with any retriever, generator and judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docqa.app.options import (
    DATA_FILE,
    call_options,
    embedding_options,
    evidence_options,
    json_option,
    language_model_options,
    model_options,
    quiet_option,
)

SCENARIOS = ("retrieval", "random", "gold", "full_context")


@click.command()
@click.option(
    "--run",
    "run_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Keeps everything; starting again goes on where it stopped.",
)
@click.option(
    "--data",
    "files",
    type=DATA_FILE,
    multiple=True,
    metavar="FILE",
    help="Labelled documents (.jsonl, .jsonl.gz) or a published test file (.pickle, .json); may "
    "be given several times.",
)
@click.option(
    "--benchmark",
    "named",
    multiple=True,
    metavar="NAME[=PLACE]",
    help="A suite and where its files are; may be given several times.",
)
@click.option(
    "--scenario",
    type=click.Choice(SCENARIOS),
    default="retrieval",
    show_default=True,
    help="What the generator reads: what a retriever finds, sentences by lot, the labelled "
    "evidence, or the whole document.",
)
@model_options
@embedding_options
@evidence_options
@language_model_options
@click.option(
    "--judge",
    type=click.Choice(("none", "openai", "llama")),
    default="none",
    show_default=True,
    help="What compares answers with the right ones.",
)
@click.option("--judge-model", metavar="NAME", help="Default: the generator's.")
@click.option("--judge-base-url", metavar="URL", help="Default: the generator's.")
@call_options
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Questions of each benchmark, at most."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses and resamples.")
@json_option
@quiet_option
def answer(
    run_file: Path,
    files: tuple[Path, ...],
    named: tuple[str, ...],
    scenario: str,
    embedding_preset: str | None,
    embedding_url: str | None,
    embedding_model: str | None,
    judge: str,
    judge_model: str | None,
    judge_base_url: str | None,
    workers: int,
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    price: tuple[float, float] | None,
    dry_run: bool,
    limit: int | None,
    seed: int,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """How right the answers to questions with known answers are.

    Evidence is found, a generator answers from it, and a judge compares. Without a language model
    the extractive generator answers; without a judge, words are compared.
    """
    if flags["words"] and flags["top_k"]:
        raise click.UsageError("--words and --top-k exclude each other: choose one.")
    if not files and not named:
        raise click.UsageError("Name what to ask: --data FILE or --benchmark NAME=PLACE.")

    from docqa.app.bench.answers import Judge, bench_answers, print_summary
    from docqa.app.commands.ask import check_has_use
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json
    from docqa.app.session import check_choices, chosen_encoder
    from docqa.trainer.answers.reading import ReadOptions
    from docqa.trainer.calls.plan import Price
    from docqa.trainer.calls.run import Limits

    settings = load_settings(flags)
    encoder = chosen_encoder(
        settings, preset=embedding_preset, url=embedding_url, model=embedding_model
    )
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    check_has_use(settings.generator, flags)
    narrator = Narrator(quiet=quiet)
    summary = bench_answers(
        run_file,
        [*named, *map(_suite_of, files)],
        settings,
        ReadOptions(
            scenario,
            settings.word_limit,
            settings.sentence_limit,
            settings.hop_limit,
            limit,
            seed,
        ),
        Judge(judge, judge_model, judge_base_url),
        Limits(workers, requests_per_minute or 0, tokens_per_minute or 0),
        narrator,
        encoder=encoder,
        price=None if price is None else Price(*price),
        dry_run=dry_run,
    )
    narrator.clear()
    if dry_run:
        return
    if as_json:
        print_json(summary)
    else:
        print_summary(summary)


def _suite_of(file: Path) -> str:
    """The suite that reads a file, by its name."""
    is_labelled = ".jsonl" in file.suffixes
    return f"{'labelled' if is_labelled else 'published'}={file}"
