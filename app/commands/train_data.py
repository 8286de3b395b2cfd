"""`docqa train data`: training data from documents that nobody has asked about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from docqa.app.options import (
    call_options,
    json_option,
    language_model_options,
    library_option,
    quiet_option,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from docqa.app.config import Settings
    from docqa.app.diagnostics import Narrator
    from docqa.engine.generators.language_model.model import LanguageModel

WINDOW_TOKENS = (2000, 5000, 10000)


@click.command("data")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The run: its calls, the data, a report. Starting again goes on with it.",
)
@click.option(
    "--strategy",
    type=click.Choice(("link", "chunk", "pair")),
    default="link",
    show_default=True,
    help="What a question is about: two connected places, one passage, two passages alike.",
)
@click.option(
    "--window-tokens",
    type=click.IntRange(min=200),
    multiple=True,
    default=WINDOW_TOKENS,
    metavar="N",
    help="Length of an excerpt; of several, one is drawn for each. Default: 2000, 5000, 10000.",
)
@click.option(
    "--questions",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Questions to try on each excerpt.",
)
@click.option(
    "--excerpts", type=click.IntRange(min=1), metavar="N", help="Of each document, at most."
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="The first N documents only."
)
@click.option(
    "--language",
    default="en",
    show_default=True,
    metavar="CODE",
    help="Excerpts in other languages are left out; `any` keeps all.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Draws lengths and places.")
@click.option(
    "--format",
    "data_format",
    type=click.Choice(("docqa", "reference")),
    default="docqa",
    show_default=True,
    help="reference: token ids and labels, as the published scanner is trained on.",
)
@click.option(
    "--tokenizer",
    metavar="NAME|DIR",
    help="reference: an installed checkpoint or a folder, whose tokenizer.json is used.",
)
@language_model_options
@call_options
@library_option
@json_option
@quiet_option
def train_data(
    sources: tuple[str, ...],
    out: Path,
    strategy: str,
    window_tokens: tuple[int, ...],
    questions: int,
    excerpts: int | None,
    limit: int | None,
    language: str,
    seed: int,
    data_format: str,
    tokenizer: str | None,
    workers: int,
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    price: tuple[float, float] | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> int:
    """Let a language model write questions about documents, and mark what answers them.

    SOURCE is a file, a folder, JSON Lines with `text`, or the title or id of a document in the
    library. The model gets the text of the documents, excerpt by excerpt. Calls that failed are
    tried when the same command is started again; it ends with exit code 1 until all succeeded.
    """
    if (tokenizer is not None) != (data_format == "reference"):
        raise click.UsageError(
            "--format reference and --tokenizer go together; the published scanner has that of "
            "mamba2-130m."
        )

    from docqa.app.call_plans import plan_line, print_plans
    from docqa.app.commands.ask import check_has_use
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import ExitCode, Narrator
    from docqa.app.output import print_json
    from docqa.app.raw_documents import raw_documents
    from docqa.engine.checkpoints.installed import embedded_checkpoint
    from docqa.engine.mamba2.checkpoint import load_tokenizer
    from docqa.trainer.calls.plan import Price
    from docqa.trainer.calls.run import Limits
    from docqa.trainer.synthetic.excerpts import Cutting
    from docqa.trainer.synthetic.run import QuestionRecipe, Watching, make_data, plan_data

    settings = load_settings(flags)
    narrator = Narrator(quiet=quiet)
    cutting = Cutting(tuple(sorted(set(window_tokens))), limit, excerpts, language, seed)
    recipe = QuestionRecipe(strategy, questions, settings.answer_tokens, cutting)
    counter = load_tokenizer(embedded_checkpoint())
    reference = None if tokenizer is None else load_reference_tokenizer(tokenizer)
    prices = None if price is None else Price(*price)
    if dry_run:
        counts, plans = plan_data(
            raw_documents(sources, settings, narrator),
            recipe,
            counter,
            context_tokens=settings.context_tokens,
        )
        narrator.say(f"{counts.excerpts:,} excerpts of {counts.documents:,} documents.")
        print_plans(plans, prices, as_json=as_json)
        return ExitCode.DONE
    check_has_use(settings.generator, flags)
    report = make_data(
        lambda: raw_documents(sources, settings, narrator),
        out,
        open_model(settings),
        recipe,
        counter,
        sources=list(sources),
        reference=reference,
        limits=Limits(workers, requests_per_minute or 0, tokens_per_minute or 0),
        watching=Watching(
            on_plan=lambda stage, plan: narrator.say(plan_line(stage, plan, prices)),
            on_progress=narrator.calling,
        ),
    )
    narrator.clear()
    if as_json:
        print_json(report)
    else:
        say_yield(report, narrator)
        click.echo(report["data"])
    has_failed = any(one["failed"] for one in report["stages"].values())
    return ExitCode.FAILED if has_failed else ExitCode.DONE


def load_reference_tokenizer(reference: str) -> Tokenizer:
    """The tokenizer of a checkpoint, for the format of the published scanner.

    Raises:
        ConfigError: When it drops the line break that ends the question there.
    """
    from docqa.engine.checkpoints.installed import checkpoint_folder
    from docqa.engine.errors import ConfigError
    from docqa.engine.mamba2.checkpoint import load_tokenizer

    tokenizer = load_tokenizer(checkpoint_folder(reference))
    if not tokenizer.encode("\n", add_special_tokens=False).ids:
        raise ConfigError(
            f"The tokenizer of {reference} drops line breaks, and the reference's format ends the "
            "question with one.",
            "Take that of the published scanner: docqa models pull mamba2-130m, then "
            "--tokenizer mamba2-130m",
        )
    return tokenizer


def open_model(settings: Settings) -> LanguageModel:
    """The language model of the settings.

    Raises:
        ConfigError: When they name none.
    """
    from docqa.app.session import open_generator
    from docqa.engine.errors import ConfigError
    from docqa.engine.generators.language_model.generator import WritingGenerator

    generator = open_generator(settings)
    if not isinstance(generator, WritingGenerator):
        raise ConfigError(
            f"Questions are written by a language model, and the generator {settings.generator} "
            "is none.",
            "Add --generator openai --base-url URL, or --generator llama --model FILE.gguf.",
        )
    return generator.language_model


def say_yield(report: dict[str, Any], narrator: Narrator) -> None:
    """What became of the documents and of each stage."""
    documents = report["documents"]
    narrator.say(
        f"{documents['documents']:,} documents, {documents['excerpts']:,} excerpts"
        f"{left_out(documents['left_out'])}; {report['attempts']:,} attempts"
        f"{left_out(report['not_asked'])}."
    )
    for stage, one in report["stages"].items():
        narrator.say(
            f"{stage}: {one['asked']:,} asked, {one['parsed']:,} parsed, {one['kept']:,} kept"
            f"{left_out(one['dropped'])}; {one['prompt_tokens']:,} tokens read, "
            f"{one['answer_tokens']:,} written in {one['seconds']:,.0f} s."
        )
        for error, n_calls in one["errors"].items():
            narrator.warn(f"{stage}: {n_calls:,} calls failed: {error}")
    if any(one["failed"] for one in report["stages"].values()):
        narrator.warn("start again to try the failed calls again")
    repeated = f", {report['repeated']:,} asked twice" if report["repeated"] else ""
    narrator.say(f"{report['questions']:,} questions with their evidence{repeated}.")


def left_out(reasons: dict[str, int]) -> str:
    """What was dropped and why, the most frequent first; empty where nothing was."""
    ordered = sorted(reasons.items(), key=lambda one: -one[1])
    shown = ", ".join(f"{n:,} {reason}" for reason, n in ordered)
    return f" ({shown})" if shown else ""
