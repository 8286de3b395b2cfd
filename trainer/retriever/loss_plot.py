"""The curve of a run: its loss, and how well it does on the dev files, step by step."""

from __future__ import annotations

from pathlib import Path

from docqa.trainer.chart import write_svg, xy_chart
from docqa.trainer.retriever.standing import read_metrics_log

PLOT_FILE = "loss.svg"


def draw_loss(folder: Path) -> Path:
    """Draw `loss.svg` in a run folder from its `metrics.jsonl`; replaces an older one."""
    records = read_metrics_log(folder)
    chart = xy_chart(
        title=f"Training {folder.name}",
        x_title="steps",
        y_title="loss — dev figures on the right",
        dots_size=2,
        x_value_formatter=lambda n: f"{n:,.0f}",
        value_formatter=lambda n: f"{n:.3f}",
        secondary_range=(0, 1),
    )
    chart.add("loss", [(one["step"], one["loss"]) for one in records if "loss" in one])
    measured = [one for one in records if "dev_mrr" in one]
    names = {"dev_recall_words_1000": "dev recall, 1,000 words", "dev_mrr": "dev MRR"}
    for key, name in names.items() if measured else ():
        chart.add(name, [(one["step"], one[key]) for one in measured], secondary=True)
    partial = folder / f"{PLOT_FILE}.part"
    write_svg(chart, partial)
    return partial.replace(folder / PLOT_FILE)
