"""Needles in a haystack: is a sentence found wherever it stands, however long the document is?

Every kind of needle is hidden at every depth of every length, among distractors of its own form;
see `needle_kinds.py` and `needle_haystack.py`. A document holds needles of a few kinds, each at
another depth, so that they do not stand in each other's way.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from docqa.engine.errors import ConfigError
from docqa.engine.ingest.documents import document_from_text
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion, must_exist
from docqa.trainer.benchmarks.needle_haystack import read_haystack
from docqa.trainer.benchmarks.needle_kinds import KINDS, Needle, Planted, make_needle
from docqa.trainer.benchmarks.two_place import insert, room

LENGTHS = (1_000, 4_000, 16_000, 64_000)
N_DEPTHS = 11
KINDS_A_DOCUMENT = 4
MIN_TOKENS = 1_000
"""Below it needles and distractors are most of the document."""
WHERE_TO_GET = "Name a text, a PDF or JSON Lines to hide the needles in, or nothing."


@dataclass(frozen=True, slots=True)
class NeedleBenchmark:
    """Documents made of a haystack with needles in it."""

    files: tuple[Path, ...] = ()
    """The haystack; none = generated sentences."""
    lengths: tuple[int, ...] = LENGTHS
    """Tokens of the haystack, as the embedded checkpoint counts them."""
    n_depths: int = N_DEPTHS
    """Places from the first sentence to the last, evenly apart; a single one is the middle."""
    kinds: tuple[str, ...] = KINDS
    seed: int = 0
    name: str = "needle"

    def __post_init__(self) -> None:
        if short := [n for n in self.lengths if n < MIN_TOKENS]:
            raise ConfigError(
                f"A length of {short[0]:,} tokens is too short: the needles and their distractors "
                "alone take about half of it.",
                f"Give {MIN_TOKENS:,} or more.",
            )

    @property
    def depths(self) -> tuple[int, ...]:
        """Per cent of the haystack that stands before a needle."""
        if self.n_depths == 1:
            return (50,)
        return tuple(round(100 * i / (self.n_depths - 1)) for i in range(self.n_depths))

    @property
    def n_questions(self) -> int:
        """Of all documents together."""
        return len(self.lengths) * self.n_depths * len(self.kinds)

    def documents(self) -> Iterator[BenchmarkDocument]:
        """See `Benchmark.documents`; the shortest first."""
        haystack = read_haystack(self.files, max(self.lengths), self.seed)
        groups = [
            self.kinds[i : i + KINDS_A_DOCUMENT]
            for i in range(0, len(self.kinds), KINDS_A_DOCUMENT)
        ]
        for length in sorted(self.lengths):
            text = haystack.text(length)
            ends = room(document_from_text(text, title=haystack.name))
            if not ends:
                raise ConfigError(
                    f"The first {length:,} tokens of {haystack.name} hold no sentence of prose to "
                    "hide a needle behind.",
                    "Give a text with sentences that end in a full stop.",
                )
            for turn in range(self.n_depths):
                for group in groups:
                    yield self._document(text, ends, length, turn, group)

    def _document(
        self, text: str, ends: Sequence[int], length: int, turn: int, kinds: Sequence[str]
    ) -> BenchmarkDocument:
        """The haystack with a needle of each kind: the first at depth number `turn`, and so on."""
        chooser = random.Random(f"{self.seed} {length} {turn} {kinds[0]}")
        depths = [self.depths[(turn + i) % self.n_depths] for i in range(len(kinds))]
        needles = [make_needle(kind, chooser, text) for kind in kinds]
        places: list[tuple[int, str]] = []
        for needle, depth in zip(needles, depths, strict=True):
            places += [
                (_place(ends, depth + 50 * i), planted.text)
                for i, planted in enumerate(needle.needles)
            ]
            places += [(chooser.choice(ends), planted.text) for planted in needle.distractors]
        whole, spans = insert(text, sorted(places))
        document = document_from_text(whole, title=f"{length:,} tokens, {turn + 1}")
        questions = tuple(
            _question(needle, depth, length, spans)
            for needle, depth in zip(needles, depths, strict=True)
        )
        return BenchmarkDocument(self.name, self.name, document, questions)


def load(place: Path | None) -> NeedleBenchmark:
    """Needles in a file, or in generated sentences."""
    if place is None:
        return NeedleBenchmark()
    return NeedleBenchmark((must_exist(place, "haystack", WHERE_TO_GET),))


def _place(ends: Sequence[int], depth: int) -> int:
    """The end of the sentence nearest to a depth in per cent; past the end it begins again."""
    wanted = ends[-1] * (depth if depth <= 100 else depth - 100) / 100
    return min(ends, key=lambda end: abs(end - wanted))


def _question(
    needle: Needle, depth: int, length: int, spans: dict[str, tuple[int, int]]
) -> BenchmarkQuestion:
    def span(planted: Planted) -> tuple[int, int]:
        start = spans[planted.text][0] + planted.text.index(planted.sentence)
        return start, start + len(planted.sentence)

    return BenchmarkQuestion(
        id=f"{length}-{depth}-{needle.kind}",
        question=needle.question,
        answers=needle.answers,
        evidence=tuple(span(planted) for planted in needle.needles),
        facts={"length": length, "depth": depth, "kind": needle.kind},
    )
