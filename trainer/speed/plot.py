"""The plot of the speed benchmark: time and memory against the length of the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docqa.trainer.chart import write_svg, xy_chart

MEGABYTE = 1_000_000


def draw_plot(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write an SVG: seconds on the left axis, memory of the process on the right one.

    Args:
        runs: Those of the benchmark's report.
        path: Where to.
    """
    chart = xy_chart(
        title="Time and peak memory against the length of the document",
        x_title="tokens",
        y_title="seconds — memory in MB on the right",
        show_legend=True,
        x_value_formatter=lambda n: f"{n:,.0f}",
        value_formatter=lambda n: f"{n:,.1f}",
        range=(0, _top(runs, "seconds", 1)),
        secondary_range=(0, _top(runs, "peak_memory_bytes", MEGABYTE)),
    )
    for run in runs:
        points = run["lengths"]
        name = f"{run['shape']} {run['dtype']}"
        chart.add(f"{name}: seconds", [(one["tokens"], one["seconds"]) for one in points])
        memory = [
            (one["tokens"], one["peak_memory_bytes"] / MEGABYTE)
            for one in points
            if one["peak_memory_bytes"] is not None
        ]
        chart.add(f"{name}: MB", memory, secondary=True, stroke_style={"dasharray": "6, 4"})
    write_svg(chart, path)


def _top(runs: Sequence[Mapping[str, Any]], name: str, unit: int) -> float:
    values = [one[name] or 0 for run in runs for one in run["lengths"]]
    return 1.1 * max(values, default=1) / unit or 1.0
