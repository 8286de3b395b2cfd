"""All figures of a run, as one object: what `docqa bench answer --json` prints."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from docqa.trainer.answers.intervals import LEVEL, N_RESAMPLES, macro_estimate
from docqa.trainer.answers.judging import JUDGE
from docqa.trainer.answers.replies import decision
from docqa.trainer.answers.run_file import RunRecord
from docqa.trainer.answers.scoring import MEASURES, Scored, score_run
from docqa.trainer.metrics import WORD_BUDGETS

LENGTHS = (2_000, 8_000, 32_000, 128_000)
"""Words of a document at which another group begins."""
MAX_GROUPS = 30
"""A fact with more values than this sets too few questions apart each."""


def summarise(run: RunRecord) -> dict[str, Any]:
    """The figures of a run.

    Returns:
        `{"run", "settings", "made_with", "is_finished", "questions", "documents",
        "resampled", "overall", "benchmarks", "by_category", "by_length", "by_fact", "calls",
        "unanswered", "unreadable", "seconds"}`. A measure is `{"mean", "low", "high",
        "questions"}`; one that nothing could be measured of is left out. `overall` and
        `by_category` average over benchmarks, each counting the same; `by_length` and `by_fact`
        over questions.
    """
    scored = score_run(run)
    seed = int(run.settings.get("seed", 0))
    documents = {(one.asked.benchmark, one.asked.document) for one in scored}
    answered = any(one.answer is not None for one in scored)
    return {
        "run": run.path.name,
        "settings": run.settings,
        "made_with": run.starts[-1] if run.starts else {},
        "is_finished": run.is_finished,
        "questions": len(scored),
        "documents": len(documents),
        "resampled": {
            "by": "document" if len(documents) < len(scored) else "question",
            "times": N_RESAMPLES,
            "level": LEVEL,
            "seed": seed,
        },
        "overall": measures(scored, seed, _benchmark),
        "benchmarks": _groups(scored, seed, _benchmark, _benchmark),
        "by_category": _groups(
            [one for one in scored if one.asked.category], seed, _category, _benchmark
        ),
        "by_length": _groups(scored, seed, _length),
        "by_fact": _by_fact(scored, seed),
        "calls": run.tallies,
        "unanswered": sum(one.answer is None for one in scored) if answered else 0,
        "unreadable": sum(
            stage == JUDGE and decision(text) is None for (stage, _), text in run.replies.items()
        ),
        "seconds": round(sum(one.asked.seconds for one in scored), 3),
    }


Group = Callable[[Scored], str]


def measures(scored: Iterable[Scored], seed: int, within: Group = lambda _: "") -> dict[str, Any]:
    """Each measure with its interval, and recall by word budget.

    Args:
        scored: The questions.
        seed: Of the intervals.
        within: Means are made within these groups first, each of which then counts the same.
    """
    values: dict[str, defaultdict[str, list[tuple[str, float]]]] = {
        name: defaultdict(list) for name in (*MEASURES, *map(str, WORD_BUDGETS))
    }
    for one in scored:
        for name, value in {**one.measures, **one.asked.recall_words}.items():
            values[name][within(one)].append((one.asked.document, value))
    found = {name: macro_estimate(groups, seed) for name, groups in values.items() if groups}
    recall = {name: found.pop(name).as_dict() for name in map(str, WORD_BUDGETS) if name in found}
    shown: dict[str, Any] = {name: one.as_dict() for name, one in found.items()}
    return {**shown, "recall_words": recall} if recall else shown


def _groups(
    scored: Sequence[Scored], seed: int, group: Group, within: Group = lambda _: ""
) -> list[dict[str, Any]]:
    groups: defaultdict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        groups[group(one)].append(one)
    return [
        {
            "name": name.partition(" ")[2] if group is _length else name,
            "questions": len(groups[name]),
            "documents": len({one.asked.document for one in groups[name]}),
            "seconds_each": round(_mean([one.asked.seconds for one in groups[name]]), 4),
            "words_each": round(_mean([one.asked.document_words for one in groups[name]])),
            **measures(groups[name], seed, within),
        }
        for name in sorted(groups)
    ]


def _by_fact(scored: Sequence[Scored], seed: int) -> dict[str, list[dict[str, Any]]]:
    names = sorted({name for one in scored for name in one.asked.facts})
    tables = {}
    for name in names:
        having = [one for one in scored if name in one.asked.facts]
        values = {one.asked.facts[name] for one in having}
        if 1 < len(values) <= MAX_GROUPS:
            tables[name] = _groups(having, seed, partial(_fact, name))
    return tables


def _benchmark(one: Scored) -> str:
    return one.asked.benchmark


def _category(one: Scored) -> str:
    return one.asked.category


def _fact(name: str, one: Scored) -> str:
    return str(one.asked.facts[name])


def _length(one: Scored) -> str:
    """A number to sort by, and the words of the document in words."""
    i = bisect_right(LENGTHS, one.asked.document_words)
    if i == 0:
        return f"0 under {LENGTHS[0]:,} words"
    if i == len(LENGTHS):
        return f"{i} {LENGTHS[-1]:,} words and more"
    return f"{i} {LENGTHS[i - 1]:,} to {LENGTHS[i]:,} words"


def _mean(values: Sequence[int | float]) -> float:
    return sum(values) / len(values)
