"""What a benchmark is: documents with questions whose answers, or whose evidence, are known.

A suite is one file of this package with a function `load(place: Path | None) -> Benchmark`, named
in `SUITES`. It streams: a file of several GB is never in memory as a whole, and `documents()` may
be called again and gives the same documents in the same order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from docqa.engine.errors import ConfigError, MissingError
from docqa.engine.types import Document

AnswerKind: TypeAlias = Literal["sentence", "paragraph", "choice"]
Fact: TypeAlias = str | int | float

SUITES = {
    "labelled": "labelled",
    "published": "published",
    "needle": "needle",
    "lost-in-the-middle": "lost_in_the_middle",
    "two-place": "two_place",
    "financebench": "financebench",
    "long-pdfs": "long_pdfs",
    "long-texts": "long_texts",
    "quality": "quality",
}
"""Modules of this package by the name a user gives."""


@dataclass(frozen=True, slots=True)
class BenchmarkQuestion:
    """A question with what is known about its answer."""

    id: str
    """Unique within its benchmark."""
    question: str
    answers: tuple[str, ...]
    """Any of them is right; for a choice, the text of the right option. Empty where only the
    evidence is known, or where nothing in the document answers."""
    answer_kind: AnswerKind = "sentence"
    """How long an answer is asked for, or that one of `choices` is."""
    choices: tuple[str, ...] = ()
    evidence: tuple[tuple[int, int], ...] = ()
    """Half-open code-point spans in the document's page-joined `text`; empty = unknown."""
    elsewhere: tuple[tuple[tuple[int, int], ...], ...] = ()
    """By evidence span, the others that state the same: any of them is as good. Empty = none."""
    is_answerable: bool = True
    """False where the right answer is that the document does not say."""
    facts: Mapping[str, Fact] = field(default_factory=lambda: MappingProxyType({}))
    """What results are grouped by: depth, length, difficulty, …"""


@dataclass(frozen=True)
class BenchmarkDocument:
    """A document, cut into the sentences that are scored, with its questions."""

    benchmark: str
    """A file may hold many benchmarks; results are averaged within each."""
    category: str
    """What kind of documents: finance, government, creative, …; empty = unknown."""
    document: Document
    questions: tuple[BenchmarkQuestion, ...]

    def places_of(self, question: BenchmarkQuestion) -> list[list[int]]:
        """By evidence span, ids of the sentences that overlap it or what states the same."""
        others = question.elsewhere or ((),) * len(question.evidence)
        return [
            [i for place in (span, *elsewhere) for i in self.sentences_of(place)]
            for span, elsewhere in zip(question.evidence, others, strict=True)
        ]

    def sentences_of(self, span: tuple[int, int]) -> list[int]:
        """Ids of the sentences that overlap a span of the document's text.

        Of a sentence that goes over the end of a page both parts count, and not what stands
        between them.
        """
        found = []
        first = bisect_right(self._parts, span[0], key=lambda part: part[0]) - 1
        for k in range(max(first, 0), len(self._parts)):
            start, end, i = self._parts[k]
            if start >= span[1]:
                break
            if end > span[0]:
                found.append(i)
        return list(dict.fromkeys(found))

    @cached_property
    def _parts(self) -> list[tuple[int, int, int]]:
        """Start and end in the document's text of every sentence's parts, and its id."""
        starts = self.document.page_starts
        return sorted(
            (starts[part.page - 1] + part.start, starts[part.page - 1] + part.end, one.id)
            for one in self.document.sentences
            for part in one.parts
        )


@runtime_checkable
class Benchmark(Protocol):
    """Where benchmark documents come from."""

    name: str
    """As the user named the suite."""

    def documents(self) -> Iterator[BenchmarkDocument]:
        """Stream the documents; the same ones in the same order at every call.

        Raises:
            TrainingError: When a file is missing or damaged; names the place in it.
        """
        ...


def load_benchmark(name: str, place: Path | None = None) -> Benchmark:
    """The benchmark of that name, read from a file or a folder; some make their documents.

    Raises:
        ConfigError: When there is no such suite.
        MissingError: When nothing is at that place; says where to get it.
    """
    if name not in SUITES:
        raise ConfigError(f"No benchmark {name!r}.", f"Choose one of: {', '.join(SUITES)}.")
    module = import_module(f"docqa.trainer.benchmarks.{SUITES[name]}")
    benchmark: Benchmark = module.load(place)
    return benchmark


def must_exist(place: Path | None, what: str, where_to_get_it: str) -> Path:
    """A file or folder that a suite needs.

    Raises:
        MissingError: When none is named, or it is not there.
    """
    if place is None:
        raise MissingError(f"No {what} named.", where_to_get_it)
    if not place.exists():
        raise MissingError(f"No {what} at {place}.", where_to_get_it)
    return place
