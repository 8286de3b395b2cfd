"""The answer benchmark: find evidence, let a model answer, let another judge. In that order.

with RunFile(path, settings) as file:
    run_stages(file, benchmarks, finder, options, models, limits, watch)
summarise(read_run(path))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from docqa.engine.errors import ConfigError
from docqa.engine.generators.language_model.model import LanguageModel
from docqa.trainer.answers.asking import answer_calls, cut_slices, slice_calls, slice_room
from docqa.trainer.answers.judging import judge_calls
from docqa.trainer.answers.reading import (
    Finder,
    OnQuestions,
    ReadOptions,
    Sample,
    choose_questions,
    read_questions,
    wanted_questions,
)
from docqa.trainer.answers.run_file import RunFile
from docqa.trainer.benchmarks.base import Benchmark
from docqa.trainer.calls.call import Call
from docqa.trainer.calls.plan import Plan
from docqa.trainer.calls.run import Limits, OnCalls, run_calls

OnPlan = Callable[[str, Plan], None]
"""Called with each stage of calls before it begins."""


@dataclass(frozen=True, slots=True)
class Models:
    """Who answers and who judges."""

    answers: LanguageModel | None
    """None = the extractive generator, or no answers."""
    judges: LanguageModel | None
    """None = only what can be seen without a judge."""
    answer_tokens: int = 512


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far the work is."""

    on_questions: OnQuestions | None = None
    on_plan: OnPlan | None = None
    on_calls: OnCalls | None = None


def run_stages(
    file: RunFile,
    benchmarks: Sequence[Benchmark],
    finder: Finder,
    options: ReadOptions,
    models: Models,
    limits: Limits,
    watch: Watch,
) -> None:
    """Do what is not done yet of all stages.

    Raises:
        TrainingError: When there is nothing to ask, or data is damaged.
        ConfigError: When the whole document is to be read and there is no model to read it.
        GeneratorError: When a model fails again and again; what is done is kept.
    """
    if options.scenario == "full_context" and models.answers is None:
        raise ConfigError(
            "The scenario full_context needs a language model, and the generator extractive is "
            "none.",
            "Add --generator openai --base-url URL, or --generator llama --model FILE.gguf.",
        )
    sample = choose_questions(benchmarks, options)
    read_questions(file, benchmarks, finder, options, sample, watch.on_questions)
    n_tokens = models.answer_tokens
    if models.answers is not None:
        models.answers.open()
        if options.scenario == "full_context":
            room = slice_room(models.answers.context_tokens, n_tokens)
            _keep_slices(file, benchmarks, sample, room)
            _make(file, lambda: slice_calls(file, n_tokens), models.answers, limits, watch)
        _make(file, lambda: answer_calls(file, n_tokens), models.answers, limits, watch)
    if models.judges is not None:
        models.judges.open()
        _make(file, lambda: judge_calls(file), models.judges, limits, watch)
    file.note_end()


def plan_answers(
    file: RunFile,
    benchmarks: Sequence[Benchmark],
    finder: Finder,
    options: ReadOptions,
    context_tokens: int,
    models: Models,
    watch: Watch,
) -> None:
    """Find the evidence, and tell what the answers would take; no model is asked.

    What a judge would read is known only when the answers are there. Documents are cut for a
    window of `context_tokens`, or as long as slices may be.
    """
    sample = choose_questions(benchmarks, options)
    read_questions(file, benchmarks, finder, options, sample, watch.on_questions)
    n_tokens = models.answer_tokens
    if options.scenario == "full_context":
        _keep_slices(file, benchmarks, sample, slice_room(context_tokens or 10**9, n_tokens))
    if models.answers is not None and watch.on_plan is not None:
        calls = chain(slice_calls(file, n_tokens), answer_calls(file, n_tokens))
        watch.on_plan("answer", file.enrol(calls))


def _keep_slices(
    file: RunFile, benchmarks: Sequence[Benchmark], sample: Sample, n_tokens: int
) -> None:
    """Cut the documents that are asked about, each once."""
    for benchmark in benchmarks:
        for one in benchmark.documents():
            if wanted_questions(one, sample) and not file.slices(one.document.id):
                file.add_slices(one.document.id, cut_slices(one.document, n_tokens))


def _make(
    file: RunFile,
    calls: Callable[[], Iterable[Call]],
    model: LanguageModel,
    limits: Limits,
    watch: Watch,
) -> None:
    """Enrol the calls of a stage and make those that wait."""
    plan = file.enrol(calls())
    if plan.n_calls and watch.on_plan is not None:
        watch.on_plan(next(iter(calls())).stage, plan)
    if plan.n_left:
        run_calls(file, calls(), model, plan, limits=limits, on_progress=watch.on_calls)
