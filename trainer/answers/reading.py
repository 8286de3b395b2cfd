"""First stage: the evidence of every question, by one of four scenarios.

retrieval      what a retriever finds, within a budget
random         sentences by lot, within the same budget: chance
gold           the labelled evidence, all of it: the best a retriever could do
full_context   no retriever: the language model reads the whole document
"""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import TrainingError
from docqa.engine.evidence import select_evidence
from docqa.engine.generators.base import Generator
from docqa.engine.generators.language_model.prompts import Item, show_items
from docqa.engine.hops import mark_hop
from docqa.engine.pipeline import next_lead, read_on
from docqa.engine.retrievers.confidence import UNCALIBRATED, calibration_of, confidence
from docqa.engine.retrievers.retriever import Retriever, Scores
from docqa.engine.types import Evidence, Reading
from docqa.trainer.answers.run_file import Asked, RunFile, question_key
from docqa.trainer.bench import score_all
from docqa.trainer.benchmarks.base import Benchmark, BenchmarkDocument, BenchmarkQuestion
from docqa.trainer.metrics import score_question

SCENARIOS = ("retrieval", "random", "gold", "full_context")

OnQuestions = Callable[[str, int, int], None]
"""Name of the benchmark, questions done, questions in all."""
Sample = Mapping[str, frozenset[str]]
"""By benchmark, the keys of the questions to ask."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is read and how much of it is shown."""

    scenario: str
    n_words: int | None
    """Most words of evidence; None where sentences are counted."""
    top_k: int | None
    hops: int | None
    """Most readings of a document; None = as the first one decides, see `docqa.engine.hops`."""
    limit: int | None
    """Most questions of each benchmark; None = all."""
    seed: int


@dataclass(frozen=True, slots=True)
class Finder:
    """What finds the evidence, and answers from it at once where no language model is asked."""

    retriever: Retriever | None
    """None = the scenario needs none."""
    extractive: Generator | None
    """None = a language model answers, later."""


def choose_questions(benchmarks: Sequence[Benchmark], options: ReadOptions) -> Sample:
    """Which questions to ask; documents take turns, so that each of them counts.

    The same files, limit and seed give the same questions. In the scenario `gold` those without
    known evidence cannot be asked.

    Raises:
        TrainingError: When there is none, or two have the same name.
    """
    turns: defaultdict[str, list[tuple[int, bytes, str]]] = defaultdict(list)
    for one in _documents(benchmarks):
        asked = [each for each in one.questions if options.scenario != "gold" or each.evidence]
        keys = [_key(one, each) for each in asked]
        lots = sorted((_lot(options.seed, one.document.id, key), key) for key in keys)
        turns[one.benchmark] += [(turn, *lot) for turn, lot in enumerate(lots)]
    for name, asked_in_turn in turns.items():
        twice = [key for key, n in Counter(key for *_, key in asked_in_turn).items() if n > 1]
        if twice:
            raise TrainingError(
                f"{name} has {len(twice):,} questions under a name of another, such as {twice[0]}.",
                "Give every question an id of its own.",
            )
    if not any(turns.values()):
        names = ", ".join(benchmark.name for benchmark in benchmarks)
        needed = " with known evidence, which the scenario gold shows" * (
            options.scenario == "gold"
        )
        raise TrainingError(f"{names} has no question{needed}.", "Name other data.")
    return {
        name: frozenset(key for _, _, key in sorted(lots)[: options.limit])
        for name, lots in turns.items()
    }


def read_questions(
    file: RunFile,
    benchmarks: Sequence[Benchmark],
    finder: Finder,
    options: ReadOptions,
    sample: Sample,
    on_progress: OnQuestions | None = None,
) -> None:
    """Keep the evidence of every question that is not in the file yet, a document at a time."""
    n_done, n_questions = 0, sum(map(len, sample.values()))
    for one in _documents(benchmarks):
        wanted = wanted_questions(one, sample)
        new = [each for each in wanted if not file.has(_key(one, each))]
        if new:
            file.add(_read(one, new, finder, options))
        n_done += len(wanted)
        if wanted and on_progress is not None:
            on_progress(one.benchmark, n_done, n_questions)


def _documents(benchmarks: Iterable[Benchmark]) -> Iterator[BenchmarkDocument]:
    for benchmark in benchmarks:
        yield from benchmark.documents()


def wanted_questions(one: BenchmarkDocument, sample: Sample) -> list[BenchmarkQuestion]:
    """Those of a document's questions that are asked."""
    return [each for each in one.questions if _key(one, each) in sample.get(one.benchmark, ())]


def _key(one: BenchmarkDocument, question: BenchmarkQuestion) -> str:
    return question_key(one.benchmark, one.category, question.id)


def _lot(seed: int, *names: str) -> bytes:
    return hashlib.sha256(f"{seed} {names}".encode()).digest()


def _read(
    one: BenchmarkDocument,
    questions: Sequence[BenchmarkQuestion],
    finder: Finder,
    options: ReadOptions,
) -> list[Asked]:
    """Ask some questions of one document."""
    document = one.document
    if options.scenario == "full_context":
        return [_asked(one, each, (), None, None, 0.0) for each in questions]
    n_words = np.array(
        [len(document.sentence_text(each.id).split()) for each in document.sentences], np.int64
    )
    started = time.perf_counter()
    all_scores = _scores(one, questions, finder.retriever, options)
    seconds = (time.perf_counter() - started) / len(questions)
    asked = []
    for question, scores in zip(questions, all_scores, strict=True):
        found = _find(one, question, scores, finder, options)
        draft = _draft(one, question, scores, found, finder)
        spent = seconds + found.seconds
        asked.append(_asked(one, question, found.evidence, n_words, found.scores, spent, draft))
    return asked


@dataclass(frozen=True, slots=True)
class _Found:
    """What all readings of a document found for a question."""

    scores: Scores
    evidence: tuple[Evidence, ...]
    further: tuple[str, ...] = ()
    """What the readings after the first asked."""
    seconds: float = 0.0
    """Of those readings."""


def _find(
    one: BenchmarkDocument,
    question: BenchmarkQuestion,
    scores: Scores,
    finder: Finder,
    options: ReadOptions,
) -> _Found:
    """The evidence, after a further reading where the first one leads on, as `docqa ask` does.

    What completes it there (`docqa.engine.pipeline.completed`) is left out, so that no retriever
    gets more than the limit.
    """
    evidence = _evidence(one, question, scores, options)
    retriever = finder.retriever
    if retriever is None:
        return _Found(scores, evidence)
    scored = [(one.document, scores)]
    reading = Reading(retriever.name, retriever.checkpoint, retriever.device, 0, 0.0)
    asked = question.question
    while lead := next_lead(asked, evidence, [one.document], reading, options.hops):
        scored, reading = read_on(lead, scored, reading, retriever)
        best = _evidence(one, question, scored[0][1], options)
        evidence = mark_hop(best, evidence, reading.n_hops)
    return _Found(scored[0][1], evidence, reading.further, reading.seconds)


def _scores(
    one: BenchmarkDocument,
    questions: Sequence[BenchmarkQuestion],
    retriever: Retriever | None,
    options: ReadOptions,
) -> Sequence[Scores]:
    """(s,) scores for each question."""
    n_sentences = len(one.document.sentences)
    if options.scenario == "gold":
        return [gold_scores(one, each) for each in questions]
    if options.scenario == "random":
        return [
            random_scores(n_sentences, f"{options.seed} {one.document.id} {each.id}")
            for each in questions
        ]
    assert retriever is not None, "the scenario retrieval needs one"
    return score_all(retriever, [each.question for each in questions], one.document)


def gold_scores(one: BenchmarkDocument, question: BenchmarkQuestion) -> Scores:
    """(s,) 1 for every sentence that overlaps the labelled evidence, 0 for the others."""
    scores = np.zeros(len(one.document.sentences), np.float32)
    scores[[i for span in question.evidence for i in one.sentences_of(span)]] = 1
    return scores


def random_scores(n_sentences: int, seed: str) -> Scores:
    """(s,) different scores in random order."""
    order = list(range(n_sentences))
    random.Random(seed).shuffle(order)
    return np.array(order, np.float32)


def _evidence(
    one: BenchmarkDocument, question: BenchmarkQuestion, scores: Scores, options: ReadOptions
) -> tuple[Evidence, ...]:
    scored = [(one.document, scores)]
    if options.scenario == "gold":
        return select_evidence(scored, top_k=max(int(scores.sum()), 1))
    return select_evidence(scored, n_words=options.n_words, top_k=options.top_k)


def _asked(
    one: BenchmarkDocument,
    question: BenchmarkQuestion,
    evidence: tuple[Evidence, ...],
    n_words: NDArray[np.int64] | None,
    scores: Scores | None,
    seconds: float,
    draft: str | None = None,
) -> Asked:
    document = one.document
    items = [Item(each.rank, document.id, each.sentence_id) for each in evidence]
    shown = {each.sentence_id for each in evidence}
    spans = one.places_of(question) if scores is not None else []
    found = None
    if spans and scores is not None and n_words is not None:
        found = score_question(scores, n_words, spans)
    return Asked(
        benchmark=one.benchmark,
        category=one.category,
        document=document.id,
        document_words=document.n_words,
        id=question.id,
        question=question.question,
        answers=question.answers,
        answer_kind=question.answer_kind,
        choices=question.choices,
        is_answerable=question.is_answerable,
        facts=dict(question.facts),
        context=show_items({document.id: document}, items),
        evidence=tuple((each.sentence_id, each.score) for each in evidence),
        evidence_words=sum(len(document.sentence_text(i).split()) for i in shown),
        evidence_recall=sum(bool(shown & set(span)) for span in spans) / len(spans)
        if spans
        else None,
        recall_words={} if found is None else {str(n): r for n, r in found.recall_words.items()},
        reciprocal_rank=None if found is None else found.reciprocal_rank,
        draft=draft,
        seconds=round(seconds, 6),
    )


def _draft(
    one: BenchmarkDocument,
    question: BenchmarkQuestion,
    scores: Scores,
    found: _Found,
    finder: Finder,
) -> str | None:
    """The words that the extractive generator takes from the document; none where it abstains."""
    if finder.extractive is None:
        return None
    calibration = UNCALIBRATED if finder.retriever is None else calibration_of(finder.retriever)
    draft = finder.extractive.generate(
        question.question,
        {one.document.id: one.document},
        found.evidence,
        confidence(question.question, [scores], calibration, [one.document]),
        further=found.further,
    )
    return " ".join(citation.quote for citation in draft.citations)
