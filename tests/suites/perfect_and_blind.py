"""The two retrievers that every suite has to tell apart: one knows the evidence, one guesses."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from docqa.engine.retrievers.retriever import IsCancelled, OnProgress, Scores
from docqa.engine.types import Document
from docqa.trainer.benchmarks.base import Benchmark, BenchmarkDocument, BenchmarkQuestion

Gold = Callable[[BenchmarkDocument, BenchmarkQuestion], list[int]]


def evidence_sentences(one: BenchmarkDocument, question: BenchmarkQuestion) -> list[int]:
    """The sentences of the evidence."""
    return [i for span in question.evidence for i in one.sentences_of(span)]


class Oracle:
    """Knows which sentences to find, and finds them first."""

    name = "oracle"
    checkpoint: str | None = None
    device = "cpu"

    def __init__(self, benchmark: Benchmark, gold: Gold = evidence_sentences) -> None:
        self._gold = {
            (one.document.id, question.question): gold(one, question)
            for one in benchmark.documents()
            for question in one.questions
        }

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        scores = np.zeros(len(document.sentences), np.float32)
        scores[self._gold[document.id, question]] = 1
        return scores


class Blind:
    """Scores by chance, the same chance for the same question."""

    name = "random"
    checkpoint: str | None = None
    device = "cpu"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        seed = zlib.crc32(f"{self.seed} {document.id} {question}".encode())
        chances = np.random.default_rng(seed).random(len(document.sentences))
        return chances.astype(np.float32)
