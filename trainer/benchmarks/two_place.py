"""Questions that only two places of a document answer together, planted in real documents.

`What is the home port of the vessel that serves the Velmora route?`: one sentence says which vessel
that is, another, at least a third of the document away, says its home port. Each document gets
many chains of the same form, so that neither sentence is found by its form alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docqa.engine.ingest.documents import document_from_text
from docqa.engine.types import Document, SentenceKind
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion, must_exist
from docqa.trainer.benchmarks.chains import KINDS, Kind, invent_names
from docqa.trainer.benchmarks.labelled import WHERE_TO_GET
from docqa.trainer.benchmarks.labelled import load as load_labelled

N_CHAINS = 24
"""Chains of a document, all of one kind; those that are not asked for distract."""
N_ASKED = 3
MIN_PLACES = 3 * N_CHAINS
"""A document with fewer sentences of prose has no room for them."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Two sentences that answer a question together."""

    first: str
    second: str
    question: str
    value: str


@dataclass(frozen=True, slots=True)
class TwoPlaceBenchmark:
    """Labelled documents with planted chains in place of their own questions."""

    source: Path
    """A labelled file, or a folder of them."""
    seed: int = 0
    limit: int | None = None
    """Most documents of each file; None = all that are long enough."""
    kinds: tuple[Kind, ...] = KINDS
    name: str = "two-place"

    def documents(self) -> Iterator[BenchmarkDocument]:
        """See `Benchmark.documents`."""
        n_planted: dict[str, int] = {}
        for number, one in enumerate(load_labelled(self.source).documents()):
            n_before = n_planted.get(one.benchmark, 0)
            if n_before == self.limit or len(room(one.document)) < MIN_PLACES:
                continue
            n_planted[one.benchmark] = n_before + 1
            chooser = random.Random(f"{self.seed} {one.benchmark} {number}")
            yield plant(one, chooser.choice(self.kinds), chooser)


def load(place: Path | None) -> TwoPlaceBenchmark:
    """The documents of a labelled file or of a folder of them."""
    return TwoPlaceBenchmark(must_exist(place, "labelled documents", WHERE_TO_GET))


def room(document: Document) -> list[int]:
    """Offsets at which a sentence can be put in: behind each sentence of prose."""
    text = document.text
    ends = (
        document.span(one.id)[1] for one in document.sentences if one.kind is SentenceKind.PROSE
    )
    return [end for end in ends if text[end - 1] == "."]


def plant(one: BenchmarkDocument, kind: Kind, chooser: random.Random) -> BenchmarkDocument:
    """A document with chains of one kind, and questions about some of them."""
    text, ends = one.document.text, room(one.document)
    chains = make_chains(kind, text, chooser)
    pieces = sorted(
        (end, sentence)
        for chain, places in zip(chains, places_apart(ends, chooser), strict=True)
        for end, sentence in zip(places, (chain.first, chain.second), strict=True)
    )
    planted, spans = insert(text, pieces)
    document = document_from_text(planted, title=one.document.title)
    questions = tuple(
        BenchmarkQuestion(
            id=f"{document.id[:12]}-{number}",
            question=chain.question,
            answers=(chain.value,),
            evidence=(spans[chain.first], spans[chain.second]),
            facts={"planted": 2},
        )
        for number, chain in enumerate(chains[:N_ASKED])
    )
    return BenchmarkDocument(one.benchmark, one.category, document, questions)


def make_chains(kind: Kind, text: str, chooser: random.Random) -> list[Chain]:
    """Chains whose names occur neither in the text nor in each other."""
    names = iter(invent_names(chooser, 3 * N_CHAINS, text))
    numbers = iter(chooser.sample(range(101, 1000), N_CHAINS))
    chains = []
    for _ in range(N_CHAINS):
        a, b = next(names), next(names)
        value = str(next(numbers)) if kind.is_number else next(names)
        first, second, question = (
            chooser.choice(phrasings).format(a=a, b=b, value=value)
            for phrasings in (kind.first, kind.second, kind.questions)
        )
        chains.append(Chain(first, second, question, value))
    return chains


def places_apart(ends: list[int], chooser: random.Random) -> Iterator[tuple[int, int]]:
    """Where the two sentences of each chain go: one in the first third, one in the last."""
    third = len(ends) // 3
    for early, late in zip(
        chooser.sample(ends[:third], N_CHAINS), chooser.sample(ends[-third:], N_CHAINS), strict=True
    ):
        yield (early, late) if chooser.random() < 0.5 else (late, early)


def insert(text: str, pieces: list[tuple[int, str]]) -> tuple[str, dict[str, tuple[int, int]]]:
    """A text with sentences put behind others.

    Args:
        text: Where they go.
        pieces: Offsets in ascending order, each with a sentence.

    Returns:
        The new text, and the span of each sentence in it.
    """
    parts: list[str] = []
    spans: dict[str, tuple[int, int]] = {}
    copied = length = 0
    for offset, sentence in pieces:
        parts += [text[copied:offset], " ", sentence]
        length += offset - copied + 1
        spans[sentence] = (length, length + len(sentence))
        length += len(sentence)
        copied = offset
    return "".join([*parts, text[copied:]]), spans
