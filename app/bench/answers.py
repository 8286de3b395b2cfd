"""`docqa bench answer` at work: what it loads, what it says, what it prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docqa.app.output import print_table
from docqa.engine.paths import expand

if TYPE_CHECKING:
    from docqa.app.config import Settings
    from docqa.app.diagnostics import Narrator
    from docqa.engine.generators.language_model.model import LanguageModel
    from docqa.engine.retrievers.retriever import EncoderOptions, Retriever
    from docqa.trainer.answers.bench import Models
    from docqa.trainer.answers.reading import Finder, ReadOptions
    from docqa.trainer.benchmarks.base import Benchmark
    from docqa.trainer.calls.plan import Plan, Price
    from docqa.trainer.calls.run import Limits

READING = ("mamba", "hybrid")
"""Retrievers that run a checkpoint of docqa's, the embedded one unless another is named."""
COLUMNS = {
    "accuracy": "accuracy",
    "f1": "F1",
    "exact_match": "EM",
    "subspan_match": "subspan EM",
    "evidence_recall": "evidence recall",
    "refused": "refused",
    "refused_rightly": "refused rightly",
}
"""Measures a person is shown, and their names."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Which model compares answers."""

    generator: str
    """`none`, `openai` or `llama`."""
    model: str | None
    base_url: str | None


def bench_answers(
    run_file: Path,
    places: Sequence[str],
    settings: Settings,
    options: ReadOptions,
    judge: Judge,
    limits: Limits,
    narrator: Narrator,
    *,
    encoder: EncoderOptions | None,
    price: Price | None,
    dry_run: bool,
) -> dict[str, Any]:
    """Do what is left of a run and sum it up.

    Args:
        run_file: Where it is kept.
        places: `NAME=PLACE` of each benchmark.
        settings: Retriever, generator and their options.
        options: What is read.
        judge: Who compares.
        limits: How hard models are worked.
        narrator: Tells how far it is.
        encoder: Which one embeds, for the retrievers that do.
        price: Of a million tokens; None = no estimate of the cost.
        dry_run: Find the evidence, say what the calls would take, and ask nobody.
    """
    from docqa.app.call_plans import plan_line
    from docqa.trainer.answers.bench import Watch, plan_answers, run_stages
    from docqa.trainer.answers.run_file import RunFile, read_run
    from docqa.trainer.answers.summary import summarise

    benchmarks = [_load(place) for place in places]
    models = load_models(settings, judge, checks=not dry_run)
    finder = load_finder(
        settings, options, benchmarks, encoder=encoder, extracts=models.answers is None
    )

    def say_plan(stage: str, plan: Plan) -> None:
        narrator.say(plan_line(stage, plan, price))

    watch = Watch(narrator.benching, say_plan, narrator.calling)
    with RunFile(run_file, run_settings(places, settings, options, judge, finder)) as file:
        if dry_run:
            plan_answers(file, benchmarks, finder, options, settings.context_tokens, models, watch)
        else:
            run_stages(file, benchmarks, finder, options, models, limits, watch)
    return {} if dry_run else summarise(read_run(run_file))


def run_settings(
    places: Sequence[str],
    settings: Settings,
    options: ReadOptions,
    judge: Judge,
    finder: Finder,
) -> dict[str, Any]:
    """What may not change while a run goes on, and what its report tells of it."""
    from docqa.app.session import chosen_checkpoint
    from docqa.trainer.answers.versions import checkpoint_hash

    retriever = finder.retriever
    folder = chosen_checkpoint(settings)
    if retriever is not None and retriever.name in READING and folder is None:
        from docqa.engine.checkpoints.installed import embedded_checkpoint

        folder = embedded_checkpoint()
    judging = judge_settings(settings, judge)
    return {
        "benchmarks": [_short(place) for place in places],
        "scenario": options.scenario,
        "retriever": None if retriever is None else retriever.name,
        "checkpoint": None if retriever is None else retriever.checkpoint,
        "checkpoint_sha256": None
        if retriever is None or folder is None
        else checkpoint_hash(Path(folder)),
        "words": options.n_words,
        "top_k": options.top_k,
        "hops": "auto" if options.hops is None else options.hops,
        "limit": options.limit,
        "seed": options.seed,
        "generator": settings.generator,
        "model": _model_name(settings),
        "answer_tokens": settings.answer_tokens,
        "judge": judge.generator,
        "judge_model": None if judging is None else _model_name(judging),
    }


def judge_settings(settings: Settings, judge: Judge) -> Settings | None:
    """The settings the judge is run with; what it leaves open is as the generator has it.

    A GGUF file is no name at a server, nor the other way round.
    """
    if judge.generator == "none":
        return None
    model = settings.model if judge.generator == settings.generator else ""
    own = {
        "generator": judge.generator,
        "model": model if judge.model is None else judge.model,
        "base_url": settings.base_url if judge.base_url is None else judge.base_url,
    }
    return settings.model_copy(update=own)


def _model_name(settings: Settings) -> str | None:
    """As the settings name it, without the folder of a file; None = the server's only one."""
    is_file = settings.generator == "llama"
    return (Path(settings.model).name if is_file else settings.model) or None


def load_models(settings: Settings, judge: Judge, *, checks: bool) -> Models:
    """The language models that answer and judge.

    Args:
        settings: Name the generator.
        judge: Names the judge.
        checks: Whether to find out now that one is missing: retrieval takes long.
    """
    from docqa.trainer.answers.bench import Models

    answers = None if settings.generator == "extractive" else _model(settings, checks)
    judging = judge_settings(settings, judge)
    judges = None if judging is None else _model(judging, checks)
    return Models(answers, judges, settings.answer_tokens)


def _model(settings: Settings, checks: bool) -> LanguageModel:
    from docqa.app.session import open_generator
    from docqa.engine.generators.language_model.generator import WritingGenerator

    generator = open_generator(settings)
    assert isinstance(generator, WritingGenerator), "extractive is none"
    if checks:
        generator.check()
    return generator.language_model


def load_finder(
    settings: Settings,
    options: ReadOptions,
    benchmarks: Sequence[Benchmark],
    *,
    encoder: EncoderOptions | None,
    extracts: bool,
) -> Finder:
    """The retriever, where the scenario needs one, and the extractive generator."""
    from docqa.engine.generators.extractive.generator import ExtractiveGenerator
    from docqa.engine.reader import reader_of
    from docqa.engine.retrievers.confidence import calibration_of
    from docqa.trainer.answers.reading import Finder

    retriever = None
    if options.scenario == "retrieval":
        retriever = _load_retriever(settings, benchmarks, encoder)
    if not extracts:
        return Finder(retriever, None)
    if retriever is None:
        return Finder(None, ExtractiveGenerator())
    threshold = calibration_of(retriever).threshold
    return Finder(retriever, ExtractiveGenerator(threshold, reader_of(retriever)))


def _load_retriever(
    settings: Settings, benchmarks: Sequence[Benchmark], encoder: EncoderOptions | None
) -> Retriever:
    """The retriever; a published file's own tokens are used where they are the checkpoint's."""
    from docqa.app.session import chosen_checkpoint
    from docqa.engine.retrievers.retriever import load_retriever
    from docqa.trainer.benchmarks.given_tokens import GivenTokens
    from docqa.trainer.benchmarks.published import PublishedBenchmark

    tokens = next(
        (one.tokens for one in benchmarks if isinstance(one, PublishedBenchmark)), GivenTokens()
    )
    retriever = load_retriever(
        settings.retriever,
        checkpoint=chosen_checkpoint(settings),
        device=settings.device,
        cache=tokens,
        encoder=encoder,
    )
    tokenizer = getattr(getattr(retriever, "mamba", retriever), "tokenizer", None)
    if tokenizer is not None:
        tokens.encode = lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)
    return retriever


def _load(place: str) -> Benchmark:
    from docqa.trainer.benchmarks.base import load_benchmark

    name, _, where = place.partition("=")
    return load_benchmark(name, expand(where) if where else None)


def _short(place: str) -> str:
    """Without the folder, which is nobody's business and may move."""
    name, _, where = place.partition("=")
    return f"{name}={Path(where).name}" if where else name


def print_summary(summary: Mapping[str, Any]) -> None:
    """A table for a person: each benchmark, then the average over them."""
    rows = [*summary["benchmarks"], {"name": "average", **summary["overall"]}]
    shown = [name for name in COLUMNS if any(name in row for row in rows)]
    print_table(
        ["benchmark", "questions", *(COLUMNS[name] for name in shown)],
        [
            [row["name"], row.get("questions", ""), *(_cell(row.get(name)) for name in shown)]
            for row in rows
        ],
    )


def _cell(estimate: Mapping[str, float] | None) -> str:
    """`61.2 (58.0-64.4)`: per cent with the interval."""
    if estimate is None:
        return ""
    mean, low, high = (100 * estimate[name] for name in ("mean", "low", "high"))
    return f"{mean:.1f} ({low:.1f}-{high:.1f})"
