"""The labelled documents docqa is trained on, as a benchmark; see `docqa.trainer.dataset`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docqa.engine.errors import MissingError
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion, must_exist
from docqa.trainer.dataset import LabelledQuestion, read_documents

WHERE_TO_GET = "Name JSON Lines as trainer/dataset.py describes them, or a folder of them."
DEV_SUFFIXES = (".dev.jsonl", ".dev.jsonl.gz")
LONG_ANSWER_WORDS = 25
"""From here on an answer is asked for as a paragraph."""


@dataclass(frozen=True, slots=True)
class LabelledBenchmark:
    """One file of labelled documents, or all in a folder, each a benchmark of its own."""

    files: tuple[Path, ...]
    name: str = "labelled"

    def documents(self) -> Iterator[BenchmarkDocument]:
        """See `Benchmark.documents`."""
        for file in self.files:
            for one in read_documents(file):
                questions = tuple(_question(question) for question in one.questions)
                yield BenchmarkDocument(
                    file.name.split(".jsonl")[0], one.domain, one.document, questions
                )


def load(place: Path | None) -> LabelledBenchmark:
    """A JSONL file, plain or gzip, or a folder of them, of which `*.dev.jsonl*` count."""
    place = must_exist(place, "labelled documents", WHERE_TO_GET)
    if not place.is_dir():
        return LabelledBenchmark((place,))
    files = sorted(one for one in place.iterdir() if one.name.endswith(DEV_SUFFIXES))
    if not files:
        raise MissingError(f"{place} has no file *{DEV_SUFFIXES[0]}[.gz].", WHERE_TO_GET)
    return LabelledBenchmark(tuple(files))


def _question(one: LabelledQuestion) -> BenchmarkQuestion:
    n_words = max((len(answer.split()) for answer in one.answers), default=0)
    return BenchmarkQuestion(
        id=one.id,
        question=one.question,
        answers=one.answers,
        answer_kind="paragraph" if n_words >= LONG_ANSWER_WORDS else "sentence",
        evidence=one.evidence,
        is_answerable=one.answerable,
    )
