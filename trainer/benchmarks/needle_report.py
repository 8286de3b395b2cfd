"""The needle benchmark: every needle asked for, counted by cell and by kind."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from docqa.engine.retrievers.retriever import Retriever
from docqa.trainer.benchmarks.needle import NeedleBenchmark
from docqa.trainer.benchmarks.needle_haystack import GENERATED
from docqa.trainer.benchmarks.recall import Finding, OnQuestions, search_document
from docqa.trainer.metrics import mean


def bench_needle(
    benchmark: NeedleBenchmark,
    retrievers: Sequence[Retriever],
    *,
    n_words: int,
    on_progress: OnQuestions | None = None,
) -> dict[str, Any]:
    """Ask several retrievers for the same needles.

    Args:
        benchmark: Haystack, lengths, depths and kinds.
        retrievers: What is measured.
        n_words: The evidence budget; a needle below it is not found.
        on_progress: Called after each document.

    Returns:
        `{"suite", "haystack", "seed", "words", "lengths", "depths", "kinds", "retrievers":
        [{"retriever", "checkpoint", "questions", "found", "mrr", "cells": [{"length", "depth",
        …}], "by_kind": [{"kind", "length", …}], "needles": [{"length", "depth", "kind",
        "ranks", "found", "seconds"}]}]}`. `found` is the share of the needles within the
        budget, `mrr` counts the first needle of a question, `seconds` is the median of a
        question; cells and kinds hold all three.
    """
    findings: dict[str, list[Finding]] = {one.name: [] for one in retrievers}
    n_questions = len(retrievers) * benchmark.n_questions
    for document in benchmark.documents():
        for retriever in retrievers:
            findings[retriever.name] += search_document(document, document.questions, retriever)
        if on_progress is not None:
            on_progress(benchmark.name, sum(map(len, findings.values())), n_questions)
    return {
        "suite": benchmark.name,
        "haystack": ", ".join(one.name for one in benchmark.files) or GENERATED,
        "seed": benchmark.seed,
        "words": n_words,
        "lengths": sorted(benchmark.lengths),
        "depths": list(benchmark.depths),
        "kinds": list(benchmark.kinds),
        "retrievers": [_results(benchmark, one, findings[one.name], n_words) for one in retrievers],
    }


def markdown_kinds(report: Mapping[str, Any]) -> str:
    """What each retriever finds of each kind, by length, and its mean reciprocal rank."""
    names = [results["retriever"] for results in report["retrievers"]]
    head = ["kind", "retriever", *(f"{length:,}" for length in report["lengths"])]
    lines = [head, ["---", "---", *(["---:"] * len(report["lengths"]))]]
    for kind in report["kinds"]:
        for name, results in zip(names, report["retrievers"], strict=True):
            cells = [one for one in results["by_kind"] if one["kind"] == kind]
            lines.append([kind, name, *(f"{one['found']:.2f} ({one['mrr']:.2f})" for one in cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _results(
    benchmark: NeedleBenchmark, retriever: Retriever, findings: Sequence[Finding], n_words: int
) -> dict[str, Any]:
    def cell(**facts: str | int) -> dict[str, Any]:
        chosen = [one for one in findings if facts.items() <= one.question.facts.items()]
        return {**facts, **_counts(chosen, n_words)}

    lengths = sorted(benchmark.lengths)
    return {
        "retriever": retriever.name,
        "checkpoint": retriever.checkpoint,
        **_counts(findings, n_words),
        "cells": [cell(length=n, depth=depth) for n in lengths for depth in benchmark.depths],
        "by_kind": [cell(kind=kind, length=n) for kind in benchmark.kinds for n in lengths],
        "needles": [
            {
                **one.question.facts,
                "ranks": list(one.ranks),
                "found": one.found(n_words),
                "seconds": round(one.seconds, 4),
            }
            for one in findings
        ],
    }


def _counts(findings: Sequence[Finding], n_words: int) -> dict[str, Any]:
    return {
        "questions": len(findings),
        "found": mean([one.found(n_words) for one in findings]),
        "mrr": mean([1 / min(one.ranks) for one in findings]),
        "seconds": round(statistics.median(one.seconds for one in findings), 4),
    }
