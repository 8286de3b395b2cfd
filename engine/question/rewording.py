"""The lines of financial statements a question names, in the words of the statements at hand.

A report has `Purchases of property and equipment` and nowhere `capex`, and does not say which lines
a quick ratio needs. assets/line_items.toml knows both: behind such a name the question is read with
what the rows of this document are called. trainer/README.md has the figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest

from docqa.engine.statements.figures import labels_called
from docqa.engine.statements.line_items import Sum, label_of, line_items, ratios
from docqa.engine.statements.line_question import asked_line
from docqa.engine.types import Document, SentenceKind

MOST_LABELS = 2
"""Labels of a line that are added, the most frequent ones."""

Way = tuple[tuple[str, ...], Sum | None]
"""The keys of the lines that a name means, and how what it means follows from them."""


@dataclass(frozen=True, slots=True)
class Reworded:
    """A name in a question, and what the rows are called that it means."""

    name: str
    lines: tuple[tuple[str, ...], ...]
    """The labels of each line that it means: of one, or of those a ratio is made of."""
    end: int
    """Where the name ends in the question."""
    sum: Sum | None
    """How it follows from them, where all are there."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of all lines."""
        return tuple(label for line in self.lines for label in line)


def with_line_items(document: Document, question: str) -> str:
    """The question with the labels of the rows it means behind what it calls them.

    `capex` becomes `capex (purchases of property and equipment)` where a row is called so. Nothing
    is added where the document has no such row, has one of that very name, or the question says it.

    Args:
        document: What is asked.
        question: As the user wrote it.
    """
    if not _named(question):
        return question
    rows = (
        (one.page, document.sentence_text(one.id))
        for one in document.sentences
        if one.kind is SentenceKind.ROW
    )
    for one in reversed(reworded(question, rows)):
        question = f"{question[: one.end]} ({', '.join(one.labels)}){question[one.end :]}"
    return question


def reworded(question: str, rows: Iterable[tuple[int, str]]) -> list[Reworded]:
    """The names in a question that some rows of tables are called otherwise, in its order.

    Args:
        question: As it was asked.
        rows: Each with its page.
    """
    asked = question.lower()
    meant = _named(question)
    labels = [(page, label_of(row)) for page, row in rows] if meant else []
    named = []
    for name, end, ways in meant:
        lines, how = _lines_meant(name.lower(), ways, labels)
        if not all(label in asked for line in lines for label in line):
            named.append(Reworded(name, lines, end, how))
    return named


def named_places(question: str) -> list[tuple[int, int]]:
    """Where a question names a line of the statements: first character, and one past the last."""
    return [(end - len(name), end) for name, end, _ in _named(question)]


def named_ratios(question: str) -> tuple[str, ...]:
    """All that the ratios in a question are called, in lower case."""
    names: dict[str, None] = {}
    for name, _, ways in _named(question):
        if any(len(keys) > 1 for keys, _ in ways):
            names[name.lower()] = None
            called = [one.names for one in ratios() if name.lower() in map(str.lower, one.names)]
            called += [line_items()[keys[0]].names for keys, _ in ways if len(keys) == 1]
            names.update(dict.fromkeys(other.lower() for some in called for other in some))
    return tuple(names)


def _named(question: str) -> list[tuple[str, int, tuple[Way, ...]]]:
    """The names in a question, where they end, and what they mean.

    A name that means other things as well is one where the whole question asks for it.
    """
    named = [(one[0], one.end(), _ways()[one[0].lower()]) for one in _names().finditer(question)]
    asked = asked_line(question)
    if asked is not None and asked.is_loose and all(end != asked.end for _, end, _ in named):
        named.append((asked.name, asked.end, tuple(((key,), None) for key in asked.keys)))
    return sorted(named, key=lambda one: one[1])


def _lines_meant(
    name: str, ways: Sequence[Way], labels: Sequence[tuple[int, str]]
) -> tuple[tuple[tuple[str, ...], ...], Sum | None]:
    """The labels of the lines that a name means, and how it follows from them where all are there.

    No lines where one of them has the name in it.

    Args:
        name: In lower case.
        ways: What it means.
        labels: Of all rows, each with its page.
    """
    labelled = [
        ([tuple(labels_called(labels, key)[:MOST_LABELS]) for key in keys], how)
        for keys, how in ways
    ]
    fullest, how = max(labelled, key=lambda way: sum(map(bool, way[0])) / len(way[0]))
    found = tuple(line for line in fullest if line)
    is_called_so = re.compile(rf"\b{re.escape(name)}").search
    if any(is_called_so(label) for line in found for label in line):
        return (), None
    return found, how if len(found) == len(fullest) else None


@cache
def _ways() -> dict[str, tuple[Way, ...]]:
    """The ways of each name that means nothing else, in lower case."""
    ways: dict[str, tuple[Way, ...]] = {
        name.lower(): tuple(zip_longest(one.ways, one.sums))
        for one in ratios()
        for name in one.names
        if name not in one.loose
    }
    for item in line_items().values():
        for name in item.names:
            if name not in item.loose:
                ways[name.lower()] = (((item.key,), None), *ways.get(name.lower(), ()))
    return ways


@cache
def _names() -> re.Pattern[str]:
    """Finds a name in a question; of two that begin at one place the longer."""
    longest_first = sorted(_ways(), key=len, reverse=True)
    either = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<![\w&])(?:{either})(?![\w&])", re.IGNORECASE)
