"""What readers call the lines of financial statements, in the words of the statements at hand.

A report has `Purchases of property and equipment` and nowhere `capex`, and does not say which lines
a quick ratio needs. assets/line_items.toml knows both: behind such a name the question is read with
what the rows of this document are called. trainer/README.md has the figures.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice, zip_longest
from typing import Any

from docqa.engine.columns import cell_spans
from docqa.engine.types import Document, SentenceKind

MOST_LABELS = 2
"""Labels of a line that are added, the most frequent ones."""

_NO_LABEL = re.compile(r"\([^)]*\)|[\d$%*†:]+")


@dataclass(frozen=True, slots=True)
class LineItem:
    """A line of the financial statements."""

    key: str
    rows: re.Pattern[str]
    """Matches the whole label of its row, as `plain_label` gives it."""
    names: tuple[str, ...]
    loose: frozenset[str]
    """Those of the names that mean other things as well."""
    spent: bool
    """Whether it is money that goes out, which some statements put in brackets."""
    statement: str
    """`income`, `balance sheet` or `cash flow`; empty for what stands in notes."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How a figure follows from lines."""

    formula: str
    """With `a`, `b` and `c` for the lines in their order."""
    unit: str
    """`%`, `times`, `days`; empty for an amount."""
    keys: tuple[str, ...]
    """Those lines."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure that follows from several lines."""

    names: tuple[str, ...]
    ways: tuple[tuple[str, ...], ...]
    """Ways to compute it: the keys of the lines each needs."""
    loose: frozenset[str]
    sums: tuple[Sum, ...]
    """One for each way; none where what follows is more than a sum of one year's figures."""


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
    if not _names().search(question):
        return question
    rows = (
        document.sentence_text(one.id) for one in document.sentences if one.kind is SentenceKind.ROW
    )
    for one in reversed(reworded(question, rows)):
        question = f"{question[: one.end]} ({', '.join(one.labels)}){question[one.end :]}"
    return question


def reworded(question: str, rows: Iterable[str]) -> list[Reworded]:
    """The names in a question that some rows of tables are called otherwise, in its order."""
    labels = Counter(map(label_of, rows))
    asked = question.lower()
    named = []
    for match in _names().finditer(question):
        lines, how = _lines_meant(match[0].lower(), labels)
        if not all(label in asked for line in lines for label in line):
            named.append(Reworded(match[0], lines, match.end(), how))
    return named


def label_of(row: str) -> str:
    """What a row of a table is called."""
    return plain_label(row[slice(*cell_spans(row)[0])])


def plain_label(cell: str) -> str:
    """A label without what differs between filings: brackets, footnotes, figures, marks."""
    return " ".join(_NO_LABEL.sub(" ", cell.lower()).split()).strip(" ,.—-")


@cache
def line_items() -> dict[str, LineItem]:
    """The lines by their keys."""
    return {
        one["key"]: LineItem(
            one["key"],
            re.compile("|".join(f"(?:{row})" for row in one["rows"])),
            tuple(one["names"]),
            frozenset(one.get("loose", ())),
            one.get("spent", False),
            one.get("statement", ""),
        )
        for one in _table()["item"]
    }


@cache
def ratios() -> tuple[Ratio, ...]:
    """What follows from the lines."""
    return tuple(
        Ratio(
            tuple(one["names"]),
            tuple(map(tuple, one["items"])),
            frozenset(one.get("loose", ())),
            tuple(
                Sum(formula, one.get("unit", ""), tuple(way))
                for formula, way in zip(one.get("sums", ()), one["items"], strict=False)
            ),
        )
        for one in _table()["ratio"]
    )


def _lines_meant(name: str, labels: Counter[str]) -> tuple[tuple[tuple[str, ...], ...], Sum | None]:
    """The labels of the lines that a name means, and how it follows from them where all are there.

    No lines where one of them has the name in it.
    """
    ways = [
        ([_labels_of(line_items()[key], labels) for key in keys], how)
        for keys, how in _ways()[name]
    ]
    fullest, how = max(ways, key=lambda way: sum(map(bool, way[0])) / len(way[0]))
    found = tuple(line for line in fullest if line)
    is_called_so = re.compile(rf"\b{re.escape(name)}").search
    if any(is_called_so(label) for line in found for label in line):
        return (), None
    return found, how if len(found) == len(fullest) else None


def _labels_of(item: LineItem, labels: Counter[str]) -> tuple[str, ...]:
    fitting = (label for label, _ in labels.most_common() if item.rows.fullmatch(label))
    return tuple(islice(fitting, MOST_LABELS))


@cache
def _ways() -> dict[str, tuple[tuple[tuple[str, ...], Sum | None], ...]]:
    """By name in lower case the keys of the lines it means, and the sum; one for each way."""
    ways: dict[str, tuple[tuple[tuple[str, ...], Sum | None], ...]] = {
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


def _table() -> dict[str, Any]:
    source = files("docqa.assets") / "line_items.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))
