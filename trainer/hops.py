"""What reading on is worth: recall with one reading, with a second where one leads on, with two.

Questions are those of labelled files, whose evidence mostly stands in one place, and questions
that two places answer together, planted in the documents of the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from docqa.engine.pipeline import find
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.retriever import Retriever
from docqa.trainer.bench import sample_questions
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion
from docqa.trainer.benchmarks.labelled import LabelledBenchmark
from docqa.trainer.benchmarks.two_place import N_ASKED, TwoPlaceBenchmark
from docqa.trainer.remembered_scores import RememberedScores

BUDGETS = (500, 1000)
MODES: dict[str, int | None] = {"1": 1, "auto": None, "2": 2}
"""Most readings, by the name the setting `hops` gives them."""
FAR_CHARS = 2000
"""Two spans of evidence farther apart than this stand in two places."""
TWO_PLACES, ONE_PLACE, SEVERAL = "two places", "one place", "several places"

OnHopProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question within one budget of words, read in one mode."""

    kind: str
    seed: int
    budget: int
    mode: str
    n_hops: int
    recall: float
    """Share of the places that are in the evidence."""
    seconds: float


def bench_hops(
    files: Sequence[Path],
    retriever: Retriever,
    *,
    limit: int = 30,
    seeds: Sequence[int] = (0,),
    on_progress: OnHopProgress | None = None,
) -> dict[str, Any]:
    """Measure reading on.

    Args:
        files: Labelled documents.
        retriever: What reads.
        limit: Questions of a file with each seed: so many of its own, so many planted.
        seeds: Of the samples and of the planted questions.
        on_progress: File name, questions done, questions there can be.

    Returns:
        `{"retriever", "checkpoint", "seeds", "limit", "files": [row], "overall": [row]}`, with a
        row for each kind of question: `{"file", "kind", "questions", "read_again": {mode: share of
        the questions for which there was a further reading}, "budgets": {words: {"recall": {mode:
        mean share of the places found}, "all_places": {mode: share of the questions of which every
        place was found}, "by_seed": {mode: the same for each seed}}}, "seconds": {mode: mean}}`.

    Raises:
        TrainingError: When a file is missing or damaged.
    """
    remembered = RememberedScores(retriever)
    outcomes: dict[str, list[Outcome]] = {}
    for path in files:
        found = outcomes.setdefault(path.name, [])
        for seed in seeds:
            for one, question in sampled(path, limit, seed):
                found += ask_all_ways(one, question, seed, remembered)
                if on_progress is not None:
                    n_done = len(found) // (len(MODES) * len(BUDGETS))
                    on_progress(path.name, n_done, 2 * limit * len(seeds))
    everything = [one for found in outcomes.values() for one in found]
    return {
        "retriever": retriever.name,
        "checkpoint": retriever.checkpoint,
        "seeds": list(seeds),
        "limit": limit,
        "files": [row for name, found in outcomes.items() for row in summarize(name, found)],
        "overall": summarize("overall", everything),
    }


def sampled(
    path: Path, limit: int, seed: int
) -> Iterator[tuple[BenchmarkDocument, BenchmarkQuestion]]:
    """Questions of a labelled file, then as many that are planted in its documents."""
    chosen = sample_questions(path, limit=limit, seed=seed)
    for number, one in enumerate(LabelledBenchmark((path,)).documents()):
        for position in chosen.get(number, ()):
            yield one, one.questions[position]
    for one in TwoPlaceBenchmark(path, seed, -(-limit // N_ASKED)).documents():
        for question in one.questions:
            yield one, question


def ask_all_ways(
    one: BenchmarkDocument, question: BenchmarkQuestion, seed: int, retriever: RememberedScores
) -> list[Outcome]:
    """A question in every mode, within every budget."""
    places = [one.sentences_of(span) for span in question.evidence]
    outcomes = []
    for mode, hops in MODES.items():
        for budget in BUDGETS:
            found = find(question.question, [one.document], retriever, n_words=budget, hops=hops)
            sentences = {evidence.sentence_id for evidence in found.evidence}
            recall = sum(bool(sentences & {*place}) for place in places) / len(places)
            asked = (question.question, *found.reading.further)
            read = (in_words_of(one.document, text) for text in asked)
            seconds = sum(retriever.seconds[one.document.id, text] for text in read)
            outcomes.append(
                Outcome(kind_of(question), seed, budget, mode, len(asked), recall, seconds)
            )
    retriever.forget()
    return outcomes


def kind_of(question: BenchmarkQuestion) -> str:
    """Whether its evidence stands in one place, or how it is spread."""
    if question.facts.get("planted"):
        return TWO_PLACES
    starts = [start for start, _ in question.evidence]
    return SEVERAL if max(starts) - min(starts) > FAR_CHARS else ONE_PLACE


def summarize(file: str, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row for each kind of question there is."""
    rows = []
    for kind in (ONE_PLACE, SEVERAL, TWO_PLACES):
        mine = [one for one in outcomes if one.kind == kind]
        if mine:
            rows.append(
                {
                    "file": file,
                    "kind": kind,
                    "questions": len(of_mode(mine, "1", BUDGETS[0])),
                    "read_again": _by_mode(mine, BUDGETS[0], lambda one: one.n_hops > 1),
                    "budgets": {str(budget): _within(mine, budget) for budget in BUDGETS},
                    "seconds": _by_mode(mine, BUDGETS[0], lambda one: one.seconds),
                }
            )
    return rows


def _within(outcomes: Sequence[Outcome], budget: int) -> dict[str, Any]:
    seeds = sorted({one.seed for one in outcomes})
    by_seed = [
        _by_mode([one for one in outcomes if one.seed == seed], budget, lambda one: one.recall == 1)
        for seed in seeds
    ]
    return {
        "recall": _by_mode(outcomes, budget, lambda one: one.recall),
        "all_places": _by_mode(outcomes, budget, lambda one: one.recall == 1),
        "by_seed": {mode: [values[mode] for values in by_seed] for mode in MODES},
    }


def _by_mode(
    outcomes: Sequence[Outcome], budget: int, value: Callable[[Outcome], float]
) -> dict[str, float]:
    """The mean of a value for each mode."""
    return {mode: round(fmean(map(value, of_mode(outcomes, mode, budget))), 4) for mode in MODES}


def of_mode(outcomes: Sequence[Outcome], mode: str, budget: int) -> list[Outcome]:
    """Those of one mode and budget."""
    return [one for one in outcomes if (one.mode, one.budget) == (mode, budget)]
