"""What it costs to answer from evidence, and what it costs a language model to read everything.

Both get the same questions about the same documents: needles in a haystack, whose answers are
known. From evidence, the retriever reads the document and the model only what was found; with the
strategy `full` the model reads all of it, slice by slice. Time and memory of the retriever alone
are those of `docqa bench speed`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docqa.engine.evidence import select_evidence
from docqa.engine.generators.base import Draft
from docqa.engine.generators.language_model.generator import WritingGenerator
from docqa.engine.retrievers.retriever import Retriever
from docqa.engine.types import Evidence
from docqa.trainer.bench import score_all
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion
from docqa.trainer.benchmarks.needle import NeedleBenchmark
from docqa.trainer.benchmarks.needle_haystack import GENERATED
from docqa.trainer.chart import write_svg, xy_chart
from docqa.trainer.metrics import mean

LENGTHS = (1_000, 4_000, 16_000)
N_QUESTIONS = 3
KIND = "number"
"""Of needle: its answer is a number that nothing else in the document says."""

OnAnswer = Callable[[str, int, int], None]
"""The suite, answers written, answers in all."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer took."""

    retrieve_seconds: float
    write_seconds: float
    prompt_tokens: int | None
    """Over all calls; None where a server does not tell."""
    is_right: bool

    @property
    def seconds(self) -> float:
        return self.retrieve_seconds + self.write_seconds


def efficiency_needles(
    files: Sequence[Path], lengths: Sequence[int], n_questions: int, seed: int
) -> NeedleBenchmark:
    """The questions: so many of each length, their answers evenly apart."""
    return NeedleBenchmark(tuple(files), tuple(lengths), n_questions, (KIND,), seed)


def bench_efficiency(
    benchmark: NeedleBenchmark,
    retriever: Retriever,
    generator: WritingGenerator,
    *,
    n_words: int,
    on_progress: OnAnswer | None = None,
) -> dict[str, Any]:
    """Answer every question both ways.

    Args:
        benchmark: See `efficiency_needles`.
        retriever: Finds the evidence.
        generator: Its strategy is set here.
        n_words: Words of evidence.
        on_progress: Called after each answer.

    Returns:
        `{"suite", "haystack", "seed", "words", "retriever", "checkpoint", "generator", "model",
        "lengths": [{"tokens", "questions", "evidence": {"retrieve_seconds", "write_seconds",
        "seconds", "prompt_tokens", "right"}, "full": {…}}]}`, means over the questions.
    """
    costs: dict[int, list[tuple[Cost, Cost]]] = {n: [] for n in sorted(benchmark.lengths)}
    n_done, n_answers = 0, 2 * benchmark.n_questions

    def done() -> None:
        nonlocal n_done
        n_done += 1
        if on_progress is not None:
            on_progress("efficiency", n_done, n_answers)

    for one in benchmark.documents():
        for question in one.questions:
            begun = time.perf_counter()
            (scores,) = score_all(retriever, [question.question], one.document)
            evidence = select_evidence([(one.document, scores)], n_words=n_words)
            seconds = time.perf_counter() - begun
            from_evidence = _write(generator, "direct", one, question, evidence, seconds)
            done()
            from_all = _write(generator, "full", one, question, evidence, 0.0)
            done()
            costs[int(question.facts["length"])].append((from_evidence, from_all))
    return {
        "suite": "efficiency",
        "haystack": ", ".join(one.name for one in benchmark.files) or GENERATED,
        "seed": benchmark.seed,
        "words": n_words,
        "retriever": retriever.name,
        "checkpoint": retriever.checkpoint,
        "generator": generator.name,
        "model": generator.model,
        "lengths": [
            {
                "tokens": length,
                "questions": len(pairs),
                "evidence": _means([one for one, _ in pairs]),
                "full": _means([one for _, one in pairs]),
            }
            for length, pairs in costs.items()
        ],
    }


def draw_costs(report: Mapping[str, Any], path: Path) -> None:
    """Write an SVG: seconds and prompt tokens by length, both ways (extra: plot)."""
    chart = xy_chart(
        title="An answer from evidence, and from the whole document",
        x_title="tokens of the document",
        y_title="seconds — tokens of the prompts on the right",
        show_legend=True,
        x_value_formatter=lambda n: f"{n:,.0f}",
        value_formatter=lambda n: f"{n:,.1f}",
    )
    for way in ("evidence", "full"):
        points = [(one["tokens"], one[way]) for one in report["lengths"]]
        chart.add(f"{way}: seconds", [(n, cost["seconds"]) for n, cost in points])
        tokens = [(n, cost["prompt_tokens"]) for n, cost in points if cost["prompt_tokens"]]
        dashes = {"dasharray": "6, 4"}
        chart.add(f"{way}: prompt tokens", tokens, secondary=True, stroke_style=dashes)
    write_svg(chart, path)


def _write(
    generator: WritingGenerator,
    strategy: str,
    one: BenchmarkDocument,
    question: BenchmarkQuestion,
    evidence: tuple[Evidence, ...],
    retrieve_seconds: float,
) -> Cost:
    generator.strategy = strategy
    begun = time.perf_counter()
    # Sure that there is an answer: what is measured is the writing, not the abstaining.
    draft = generator.generate(question.question, {one.document.id: one.document}, evidence, 1.0)
    return Cost(
        retrieve_seconds,
        time.perf_counter() - begun,
        draft.writing.n_prompt_tokens if draft.writing else None,
        _is_right(draft, question),
    )


def _is_right(draft: Draft, question: BenchmarkQuestion) -> bool:
    """Whether the number is in the answer, with or without its comma."""
    said = draft.text.replace(",", "")
    return any(answer.replace(",", "") in said for answer in question.answers)


def _means(costs: Sequence[Cost]) -> dict[str, Any]:
    tokens = [cost.prompt_tokens for cost in costs if cost.prompt_tokens is not None]
    return {
        "retrieve_seconds": mean([cost.retrieve_seconds for cost in costs]),
        "write_seconds": mean([cost.write_seconds for cost in costs]),
        "seconds": mean([cost.seconds for cost in costs]),
        "prompt_tokens": round(sum(tokens) / len(tokens)) if len(tokens) == len(costs) else None,
        "right": mean([float(cost.is_right) for cost in costs]),
    }
