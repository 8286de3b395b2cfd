"""The table of an ablation: what is finished of it, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from docqa.engine.errors import TrainingError
from docqa.trainer.ablation_plan import VARIANTS, WHOLE, read_plan, variant_folder


def ablation_table(out: Path) -> str:
    """What is finished so far as a Markdown table, its sizes above it.

    Raises:
        TrainingError: When the folder holds no ablation, or none of its runs is finished.
    """
    plan = read_plan(out)
    found = {name: list(_results(out, name)) for name in VARIANTS}
    if not found[WHOLE]:
        raise TrainingError(
            f"No variant in {out} is finished.", "Go on with docqa train ablate --out DIR."
        )
    tokens = found[WHOLE][0]["tokens"]
    n_seeds = max(map(len, found.values()))
    title = (
        f"{plan['n_steps']:,} steps of {tokens / 1e6:.1f} million tokens each, {n_seeds} "
        f"seed{'s' * (n_seeds > 1)}, {plan['dev_questions']} questions of each of "
        f"{len(plan['dev'])} dev files; macro average."
    )
    head = "| Variant | 500 words | 1,000 words | 10 sentences | MRR | MRR to the whole |"
    rule = "| --- | ---: | ---: | ---: | ---: | ---: |"
    whole = _mean(found[WHOLE])
    rows = [_row(name, _mean(results), whole) for name, results in found.items() if results]
    return "\n".join([title, "", head, rule, *rows])


def is_finished(folder: Path) -> bool:
    """Whether a run was measured, which happens at its end."""
    path = folder / "checkpoint" / "metrics.json"
    return path.is_file() and "dev" in json.loads(path.read_text(encoding="utf-8"))


def _results(out: Path, name: str) -> Iterator[dict[str, Any]]:
    """The metrics of a variant's finished runs, one a seed."""
    for folder in sorted(out.glob(variant_folder(out, name, 0).name[:-1] + "*")):
        if is_finished(folder):
            yield json.loads((folder / "checkpoint" / "metrics.json").read_text(encoding="utf-8"))


def _mean(results: Sequence[dict[str, Any]]) -> list[float]:
    """Recall within 500 and 1,000 words and 10 sentences, and MRR, averaged over the seeds."""
    rows = [
        (
            overall["recall_words"]["500"],
            overall["recall_words"]["1000"],
            overall["recall_sentences"]["10"],
            overall["mrr"],
        )
        for overall in (one["dev"]["overall"] for one in results)
    ]
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _row(name: str, figures: list[float], whole: list[float]) -> str:
    cells = [f"{value:.3f}" for value in figures]
    change = "" if name == WHOLE else f"{figures[-1] - whole[-1]:+.3f}"
    return f"| {name} | {' | '.join(cells)} | {change} |"
