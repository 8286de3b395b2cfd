"""The plots of a report, as SVG that stands for itself: no script, no font from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docqa.trainer.chart import svg, xy_chart
from docqa.trainer.report.tables import MEASURES, Summary, run_name


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture under a title."""

    title: str
    svg: str


def all_plots(summaries: Sequence[Summary]) -> list[Plot]:
    """Accuracy and time by length of the document, and recall by budget; those with points."""
    plots = [
        by_length(summaries, name)
        for name in ("accuracy", "f1", "evidence_recall")
        if _has(summaries, name)
    ]
    if any("recall_words" in one["overall"] for one in summaries):
        plots.append(recall_by_budget(summaries))
    if any(one["seconds"] for one in summaries):
        plots.append(time_by_length(summaries))
    return plots


def by_length(summaries: Sequence[Summary], measure: str) -> Plot:
    """A measure against the mean length of the documents of each group."""
    title = f"{MEASURES[measure]} by length of the document"
    chart = xy_chart(title=title, x_title="words", y_title="per cent", range=(0, 100))
    for one in summaries:
        points = [
            (row["words_each"], round(100 * row[measure]["mean"], 2))
            for row in one["by_length"]
            if measure in row
        ]
        chart.add(run_name(one), points)
    return Plot(title, svg(chart))


def recall_by_budget(summaries: Sequence[Summary]) -> Plot:
    """Recall of the evidence against the words that may be shown."""
    title = "Evidence recall by budget"
    chart = xy_chart(title=title, x_title="words of evidence", y_title="per cent", range=(0, 100))
    for one in summaries:
        recall = one["overall"].get("recall_words", {})
        points = [(int(n), round(100 * value["mean"], 2)) for n, value in recall.items()]
        chart.add(run_name(one), points)
    return Plot(title, svg(chart))


def time_by_length(summaries: Sequence[Summary]) -> Plot:
    """Seconds that finding the evidence takes."""
    title = "Seconds of retrieval by length of the document"
    chart = xy_chart(title=title, x_title="words", y_title="seconds a question")
    for one in summaries:
        points = [(row["words_each"], row["seconds_each"]) for row in one["by_length"]]
        chart.add(run_name(one), points)
    return Plot(title, svg(chart))


def _has(summaries: Sequence[Summary], measure: str) -> bool:
    return any(measure in row for one in summaries for row in one["by_length"])
