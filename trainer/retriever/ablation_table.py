"""The table of an ablation: what is finished of it, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from docqa.engine.errors import TrainingError
from docqa.trainer.retriever.ablation_plan import VARIANTS, WHOLE, read_plan, variant_folder


def ablation_table(out: Path) -> str:
    """What is finished so far as a Markdown table, its sizes above it.

    Raises:
        TrainingError: When the folder holds no ablation, or none of its runs is finished.
    """
    plan = read_plan(out)
    found = {name: _results(out, name) for name in VARIANTS}
    whole = found[WHOLE]
    if not whole:
        raise TrainingError(
            f"No variant in {out} is finished.", "Go on with docqa train ablate --out DIR."
        )
    tokens = next(iter(whole.values()))["tokens"]
    title = (
        f"{plan['n_steps']:,} steps of {tokens / 1e6:.1f} million tokens each, "
        f"{plan['dev_questions']} questions of each of {len(plan['dev'])} dev files; macro average "
        "of the seeds."
    )
    head = "| Variant | Seeds | 500 words | 1,000 words | 10 sentences | MRR | MRR to the whole |"
    rule = "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    rows = [_row(name, results, whole) for name, results in found.items() if results]
    return "\n".join([title, "", head, rule, *rows])


def is_finished(folder: Path) -> bool:
    """Whether a run was measured, which happens at its end."""
    path = folder / "checkpoint" / "metrics.json"
    return path.is_file() and "dev" in json.loads(path.read_text(encoding="utf-8"))


def _results(out: Path, name: str) -> dict[str, dict[str, Any]]:
    """The metrics of a variant's finished runs, by seed."""
    beginning = variant_folder(out, name, 0).name[:-1]
    return {
        folder.name.removeprefix(beginning): json.loads(
            (folder / "checkpoint" / "metrics.json").read_text(encoding="utf-8")
        )
        for folder in sorted(out.glob(f"{beginning}*"))
        if is_finished(folder)
    }


def _row(
    name: str, results: Mapping[str, dict[str, Any]], whole: Mapping[str, dict[str, Any]]
) -> str:
    """A variant beside the whole recipe, seed by seed where both are finished."""
    figures = [_figures(one) for one in results.values()]
    cells = [f"{fmean(column):.3f}" for column in zip(*figures, strict=True)]
    changes = [
        _figures(one)[-1] - _figures(whole[seed])[-1]
        for seed, one in results.items()
        if seed in whole
    ]
    change = ""
    if name != WHOLE and changes:
        change = f"{fmean(changes):+.3f}"
        if len(changes) > 1:
            change += f" ({min(changes):+.3f} to {max(changes):+.3f})"
    return f"| {name} | {len(results)} | {' | '.join(cells)} | {change} |"


def _figures(metrics: Mapping[str, Any]) -> list[float]:
    """Recall within 500 and 1,000 words and 10 sentences, and MRR."""
    overall = metrics["dev"]["overall"]
    words, sentences = overall["recall_words"], overall["recall_sentences"]
    return [words["500"], words["1000"], sentences["10"], overall["mrr"]]
