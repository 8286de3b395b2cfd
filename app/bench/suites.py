"""`docqa bench needle`, `suite` and `efficiency` for a person, and what they load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from docqa.app.output import print_table

if TYPE_CHECKING:
    from docqa.app.config import Settings
    from docqa.engine.retrievers.retriever import Retriever

WAYS = ("evidence", "full")


def load_named(name: str, settings: Settings) -> Retriever:
    """A retriever by name, which cuts each document into tokens once for all its questions."""
    from docqa.app.session import chosen_checkpoint
    from docqa.engine.retrievers.retriever import load_retriever
    from docqa.trainer.speed.subjects import KeptTokens

    return load_retriever(
        name,
        checkpoint=chosen_checkpoint(settings),
        device=settings.device,
        cache=KeptTokens(),
    )


def print_needles(report: Mapping[str, Any]) -> None:
    """For each retriever the share found by depth and length, then by kind and length."""
    lengths = [f"{length:,}" for length in report["lengths"]]
    click.echo(
        f"Haystack: {report['haystack']}. Per cent of needles within {report['words']:,} words "
        "of evidence; in brackets the mean reciprocal rank."
    )
    for results in report["retrievers"]:
        click.echo(f"\n{results['retriever']}: {_cell(results)}")
        print_table(["depth", *lengths], list(rows(results["cells"], "depth", " %")))
        click.echo("")
        print_table(["kind", *lengths], list(rows(results["by_kind"], "kind")))
        click.echo("")
        print_table(
            ["", *lengths],
            [["seconds a question", *(f"{one:.2f}" for one in _seconds(report, results))]],
        )


def rows(cells: list[Mapping[str, Any]], fact: str, unit: str = "") -> Iterator[list[str]]:
    """A row a value of a fact, a column a length."""
    for value in dict.fromkeys(cell[fact] for cell in cells):
        yield [f"{value}{unit}", *(_cell(cell) for cell in cells if cell[fact] == value)]


def print_suite(report: Mapping[str, Any]) -> None:
    """Recall of the benchmarks, then what it depends on."""
    overall = report["overall"]
    results = {one["benchmark"]: one for one in report["benchmarks"]}
    if len(results) > 1:
        results["overall"] = overall
    _print_recall("benchmark", results, overall)
    for fact, groups in report["by"].items():
        click.echo("")
        _print_recall(fact, groups, overall)


def print_costs(report: Mapping[str, Any]) -> None:
    """A row a length: from evidence, then from everything."""
    click.echo(
        f"{report['generator']} {report['model'] or ''} with {report['words']:,} words of evidence "
        f"by {report['retriever']}, and with the whole document (strategy full)."
    )
    print_table(
        ["tokens", "seconds", "full", "prompt tokens", "full", "right", "full"],
        [
            [
                f"{one['tokens']:,}",
                *(f"{one[way]['seconds']:.2f}" for way in WAYS),
                *(_tokens(one[way]["prompt_tokens"]) for way in WAYS),
                *(_percent(one[way]["right"]) for way in WAYS),
            ]
            for one in report["lengths"]
        ],
    )


def _tokens(n: int | None) -> str:
    return "unknown" if n is None else f"{n:,}"


def _print_recall(
    name: str, groups: Mapping[str, Mapping[str, Any]], overall: Mapping[str, Any]
) -> None:
    measures = [
        (measure, budget, title)
        for measure, title in (
            ("recall_words", "recall@{} words"),
            ("recall_sentences", "@{} sentences"),
            ("recall_pages", "pages@{} words"),
            ("right_choices", "right option@{} words"),
        )
        for budget in overall.get(measure, ())
    ]
    header = [name, "questions", *(title.format(budget) for _, budget, title in measures)]
    has_rank = "mrr" in overall
    print_table(
        [*header, *(["MRR"] if has_rank else []), "seconds"],
        [
            [
                value,
                group["questions"],
                *(_percent(group.get(measure, {}).get(budget)) for measure, budget, _ in measures),
                *([f"{group['mrr']:.3f}" if "mrr" in group else ""] if has_rank else []),
                f"{group['seconds']:.1f}",
            ]
            for value, group in groups.items()
        ],
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _cell(counts: Mapping[str, Any]) -> str:
    return f"{100 * counts['found']:.0f} ({counts['mrr']:.2f})"


def _seconds(report: Mapping[str, Any], results: Mapping[str, Any]) -> Iterator[float]:
    for length in report["lengths"]:
        cells = [cell["seconds"] for cell in results["cells"] if cell["length"] == length]
        yield sum(cells) / len(cells)
