"""The tables of a report: rows of text, whatever they are written as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MEASURES = {
    "accuracy": "Accuracy",
    "f1": "F1",
    "exact_match": "Exact match",
    "subspan_match": "Subspan match",
    "evidence_recall": "Evidence recall",
    "reciprocal_rank": "MRR",
    "refused": "Refused",
    "refused_rightly": "Refused rightly",
}
"""Names of the measures, in the order they are shown."""

Summary = Mapping[str, Any]
"""What `docqa.trainer.answers.summary.summarise` returns."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns under names; the first names the row."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def all_tables(summaries: Sequence[Summary]) -> list[Table]:
    """Every table of a report over runs; those without rows are left out."""
    tables = [
        settings_table(summaries),
        overall_table(summaries),
        *(measure_table(summaries, name, "benchmarks", "by benchmark") for name in MEASURES),
        *(measure_table(summaries, name, "by_category", "by category") for name in MEASURES),
        *(measure_table(summaries, name, "by_length", "by length") for name in MEASURES),
        *fact_tables(summaries),
        recall_table(summaries),
        calls_table(summaries),
        versions_table(summaries),
    ]
    return [table for table in tables if table.rows]


def settings_table(summaries: Sequence[Summary]) -> Table:
    """What the runs were asked for, a column a run."""
    names = dict.fromkeys(name for one in summaries for name in one["settings"])
    rows = [
        (name.replace("_", " "), *(_plain(one["settings"].get(name)) for one in summaries))
        for name in names
    ]
    rows += [
        ("questions", *(f"{one['questions']:,}" for one in summaries)),
        ("documents", *(f"{one['documents']:,}" for one in summaries)),
        ("finished", *("yes" if one["is_finished"] else "NO" for one in summaries)),
        ("without an answer", *(f"{one['unanswered']:,}" for one in summaries)),
        ("verdicts that cannot be read", *(f"{one['unreadable']:,}" for one in summaries)),
    ]
    return Table("Runs", ("", *map(run_name, summaries)), tuple(rows))


def overall_table(summaries: Sequence[Summary]) -> Table:
    """All measures of all runs, averaged over benchmarks."""
    shown = [name for name in MEASURES if any(name in one["overall"] for one in summaries)]
    rows = tuple(
        (run_name(one), *(estimate(one["overall"].get(name)) for name in shown))
        for one in summaries
    )
    resampled = summaries[0]["resampled"]
    note = (
        "Per cent; the mean over benchmarks, each counting the same. In brackets the "
        f"{resampled['level']:.0%} interval of {resampled['times']:,} bootstrap samples, by "
        + " or ".join(sorted({one["resampled"]["by"] for one in summaries}))
        + "."
    )
    return Table("Overall", ("run", *(MEASURES[name] for name in shown)), rows, note)


def measure_table(summaries: Sequence[Summary], measure: str, groups: str, by: str) -> Table:
    """One measure of all runs, a row a group."""
    found = [{row["name"]: row for row in one[groups] if measure in row} for one in summaries]
    names = dict.fromkeys(name for one in found for name in one)
    rows = tuple(
        (name, *(estimate(one.get(name, {}).get(measure)) for one in found)) for name in names
    )
    return Table(f"{MEASURES[measure]} {by}", ("", *map(run_name, summaries)), rows)


def fact_tables(summaries: Sequence[Summary]) -> list[Table]:
    """Accuracy, or what was measured instead, by the facts that set questions apart."""
    facts = dict.fromkeys(name for one in summaries for name in one["by_fact"])
    return [
        measure_table(
            [{**one, "by": one["by_fact"].get(fact, [])} for one in summaries],
            measure,
            "by",
            f"by {fact}",
        )
        for fact in facts
        for measure in ("accuracy", "f1", "evidence_recall")
    ]


def recall_table(summaries: Sequence[Summary]) -> Table:
    """Recall of the evidence by word budget."""
    having = [one for one in summaries if "recall_words" in one["overall"]]
    budgets = list(having[0]["overall"]["recall_words"]) if having else []
    rows = tuple(
        (run_name(one), *(estimate(one["overall"]["recall_words"][n]) for n in budgets))
        for one in having
    )
    header = ("run", *(f"{int(n):,} words" for n in budgets))
    return Table("Evidence recall by budget", header, rows)


def calls_table(summaries: Sequence[Summary]) -> Table:
    """What retrieval and the language models took."""
    rows = []
    for one in summaries:
        retriever = _plain(one["settings"].get("retriever"))
        n_questions, seconds = f"{one['questions']:,}", f"{one['seconds']:,.1f}"
        rows.append((run_name(one), "retrieval", retriever, n_questions, "", "", "", seconds))
        for stage, spent in one["calls"].items():
            figures = (spent[name] for name in ("done", "failed", "prompt_tokens", "answer_tokens"))
            seconds = f"{spent['seconds']:,.1f}"
            shown = (f"{n:,}" for n in figures)
            rows.append((run_name(one), stage, spent["model"], *shown, seconds))
    header = ("run", "stage", "model", "done", "failed", "tokens read", "tokens written", "seconds")
    return Table("What it took", header, tuple(rows))


def versions_table(summaries: Sequence[Summary]) -> Table:
    """What the last start of each run was made with."""
    names = dict.fromkeys(name for one in summaries for name in one["made_with"])
    rows = tuple(
        (name.replace("_", " "), *(_plain(one["made_with"].get(name)) for one in summaries))
        for name in names
    )
    return Table("Made with", ("", *map(run_name, summaries)), rows)


def run_name(summary: Summary) -> str:
    """The run's file, which tells runs apart."""
    return str(summary["run"])


def estimate(value: Mapping[str, float] | None) -> str:
    """`61.2 (58.0–64.4)`: per cent with the interval; a dash where nothing was measured."""
    if value is None:
        return "–"
    return f"{100 * value['mean']:.1f} ({100 * value['low']:.1f}–{100 * value['high']:.1f})"


def _plain(value: object) -> str:
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
