"""A suite measured by what a retriever finds: overall, and by the facts that set questions apart.

A question with known evidence is scored as `docqa bench retrieval` scores it; in documents of
several pages also by whether anything on the right pages was found; a choice by which option the
evidence speaks for. A question of which neither is known is left out.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import TrainingError
from docqa.engine.evidence import ranking
from docqa.engine.retrievers.retriever import Retriever, Scores
from docqa.engine.types import Document
from docqa.trainer.bench import macro_average, score_all
from docqa.trainer.benchmarks.base import Benchmark, BenchmarkDocument, BenchmarkQuestion, Fact
from docqa.trainer.benchmarks.choices import choose
from docqa.trainer.metrics import (
    WORD_BUDGETS,
    QuestionScore,
    first_ranks,
    mean,
    mean_scores,
    n_within,
    score_question,
)

MAX_GROUPS = 30
"""A fact with more values than this sets too few questions apart each."""

OnQuestions = Callable[[str, int, int], None]
"""Name of the benchmark, questions done, questions in all."""
Sample = Mapping[str, Mapping[str, int]]
"""By benchmark the `subject` of the questions to ask, each with the times it is asked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a retriever found for one question."""

    benchmark: str
    question: BenchmarkQuestion
    ranks: tuple[int, ...]
    """By evidence span, the rank of its best sentence."""
    words_down_to: tuple[int, ...]
    """By evidence span, the words from the best sentence of all down to that one."""
    score: QuestionScore | None
    """None where the evidence is unknown."""
    pages: QuestionScore | None
    """The same for anything on the pages of the evidence; None in documents of one page."""
    right_choice: Mapping[int, float] | None
    """By word budget, 1 where the evidence speaks for the right option; None without options."""
    seconds: float

    def found(self, n_words: int) -> float:
        """The share of the spans within a budget of words; the best sentence always is."""
        places = zip(self.ranks, self.words_down_to, strict=True)
        within = [rank == 1 or words <= n_words for rank, words in places]
        return sum(within) / len(within)


def bench_suite(
    benchmark: Benchmark,
    retriever: Retriever,
    *,
    limit: int | None = None,
    seed: int = 0,
    on_progress: OnQuestions | None = None,
) -> dict[str, Any]:
    """Measure a retriever on a suite.

    Args:
        benchmark: Where questions and documents come from.
        retriever: What is measured.
        limit: Most different questions of each benchmark in the suite: one that is put to several
            documents with the same answer is put to all of them, so that positions and lengths
            are compared on the same questions. None = all.
        seed: Chooses them.
        on_progress: Called after each document.

    Returns:
        `{"suite", "retriever", "checkpoint", "seed", "limit", "benchmarks": [{"benchmark",
        "questions", "recall_words", "recall_sentences", "mrr", "recall_pages", "right_choices",
        "seconds"}], "overall", "by": {fact: {value: {"questions", …}}}}`; a measure that a
        suite does not have is left out. `overall` is the macro average over the benchmarks,
        `by` counts every question the same.

    Raises:
        TrainingError: When nothing in the suite can be measured, or a file is damaged.
    """
    sample = sample_questions(benchmark, limit, seed)
    findings = list(search_suite(benchmark, retriever, sample, on_progress))
    groups: defaultdict[str, list[Finding]] = defaultdict(list)
    for one in findings:
        groups[one.benchmark].append(one)
    results = [{"benchmark": name, **summary(group)} for name, group in groups.items()]
    return {
        "suite": benchmark.name,
        "retriever": retriever.name,
        "checkpoint": retriever.checkpoint,
        "seed": seed,
        "limit": limit,
        "benchmarks": results,
        "overall": macro_average(results),
        "by": by_fact(findings),
    }


def sample_questions(benchmark: Benchmark, limit: int | None, seed: int) -> Sample:
    """Which questions to ask; the same suite, limit and seed give the same ones.

    Raises:
        TrainingError: When there is none that can be measured.
    """
    times: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in benchmark.documents():
        times[one.benchmark].update(map(subject, measurable(one)))
    if not any(times.values()):
        raise TrainingError(
            f"No question of {benchmark.name} has known evidence or options to choose from.",
            "What is answered can be measured: docqa bench answer",
        )

    def chance(asked: str) -> bytes:
        return hashlib.sha256(f"{seed} {asked}".encode()).digest()

    return {
        name: {asked: counts[asked] for asked in sorted(counts, key=chance)[:limit]}
        for name, counts in times.items()
        if counts
    }


def subject(question: BenchmarkQuestion) -> str:
    """What makes it the same question wherever it is asked: its words and its answers."""
    return "\n".join((question.question, *question.answers))


def measurable(one: BenchmarkDocument) -> list[BenchmarkQuestion]:
    """The questions of a document of which it is known what should be found."""
    return [each for each in one.questions if each.evidence or (each.choices and each.answers)]


def search_suite(
    benchmark: Benchmark,
    retriever: Retriever,
    sample: Sample,
    on_progress: OnQuestions | None = None,
) -> Iterator[Finding]:
    """Ask the sampled questions, a document at a time."""
    n_done, n_questions = 0, sum(sum(times.values()) for times in sample.values())
    for one in benchmark.documents():
        chosen = sample.get(one.benchmark, {})
        asked = [each for each in measurable(one) if subject(each) in chosen]
        if not asked:
            continue
        yield from search_document(one, asked, retriever)
        n_done += len(asked)
        if on_progress is not None:
            on_progress(one.benchmark, n_done, n_questions)


def search_document(
    one: BenchmarkDocument, questions: Sequence[BenchmarkQuestion], retriever: Retriever
) -> Iterator[Finding]:
    """Ask some of a document's questions."""
    document = one.document
    n_words = np.array(
        [len(document.sentence_text(each.id).split()) for each in document.sentences], np.int64
    )
    begun = time.perf_counter()
    all_scores = score_all(retriever, [each.question for each in questions], document)
    seconds = (time.perf_counter() - begun) / len(questions)
    for question, scores in zip(questions, all_scores, strict=True):
        words = np.cumsum(n_words[ranking(scores)])
        spans = one.places_of(question)
        ranks = tuple(first_ranks(scores, spans))
        pages = pages_of(document, spans) if len(document.pages) > 1 else []
        yield Finding(
            one.benchmark,
            question,
            ranks,
            # A span that no sentence covers is below all of them.
            tuple(int(words[rank - 1]) if rank <= len(words) else 10**9 for rank in ranks),
            score_question(scores, n_words, spans) if spans else None,
            score_question(scores, n_words, pages) if pages else None,
            right_choice(question, document, scores, words) if question.choices else None,
            seconds,
        )


def pages_of(document: Document, spans: Iterable[Sequence[int]]) -> list[list[int]]:
    """The pages that spans stand on, each once, as the ids of all their sentences.

    A span on several pages, or stated on several, is found on any of them.
    """
    places = {frozenset(document.sentences[i].page for i in span) for span in spans if span}
    return [
        [one.id for one in document.sentences if one.page in pages]
        for pages in sorted(places, key=sorted)
    ]


def right_choice(
    question: BenchmarkQuestion, document: Document, scores: Scores, words: NDArray[np.int64]
) -> dict[int, float]:
    """By word budget, whether the evidence within it speaks for the right option."""
    order = ranking(scores)
    right = {}
    for budget in WORD_BUDGETS:
        evidence = [document.sentence_text(int(i)) for i in order[: n_within(words, budget)]]
        chosen = choose(question.choices, evidence)
        right[budget] = float(question.choices[chosen] in question.answers)
    return right


def summary(findings: Sequence[Finding]) -> dict[str, Any]:
    """The means of what was found; what was not measured is left out."""
    scored = [one.score for one in findings if one.score is not None]
    pages = [one.pages for one in findings if one.pages is not None]
    chosen = [one.right_choice for one in findings if one.right_choice is not None]
    means: dict[str, Any] = {"questions": len(findings)}
    if scored:
        means |= mean_scores(scored)
    if pages:
        means["recall_pages"] = mean_scores(pages)["recall_words"]
    if chosen:
        means["right_choices"] = {
            str(budget): mean([one[budget] for one in chosen]) for budget in WORD_BUDGETS
        }
    return means | {"seconds": round(sum(one.seconds for one in findings), 3)}


def by_fact(findings: Sequence[Finding]) -> dict[str, dict[str, Any]]:
    """The same by the value of each fact that sets questions apart."""
    groups: defaultdict[str, defaultdict[Fact, list[Finding]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for one in findings:
        for fact, value in one.question.facts.items():
            groups[fact][value].append(one)
    return {
        fact: {str(value): summary(values[value]) for value in sorted(values, key=_order)}
        for fact, values in groups.items()
        if 1 < len(values) <= MAX_GROUPS
    }


def _order(value: Fact) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (float(value), "")
