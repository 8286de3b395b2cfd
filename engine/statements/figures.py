"""The figures of a report's financial statements, by the line and the year.

A label stands in notes and summaries as well, of a part of the company or of what was bought: the
rows of the pages that hold most lines of their statement come first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from docqa.engine.columns import cell_spans, column_names
from docqa.engine.statements.line_items import label_of, line_items
from docqa.engine.statements.scale import scale_of
from docqa.engine.types import Document, Sentence, SentenceKind

FEWEST_LINES, FULL = 3, 0.8
"""Known lines that make a page one of a statement, and as a share of the most the full ones."""
PAGES_OF_A_STATEMENT, PAGES_OF_ALL = 2, 10
"""Most pages that one statement of a report takes, and all of them."""

YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_FIGURE = re.compile(r"[-−–]?\s*\(?\s*[$€£]?\s*\(?\s*[-−–]?([\d,]*\d(?:\.\d+)?)\s*\)?")
_NEGATIVE = re.compile(r"[-−–(]")
_SCALE = re.compile(r"in (?:thousands|millions|billions)")


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A row that is called like a line."""

    sentence: Sentence
    statement: str
    """The kind of statement its line belongs to."""
    n_lines: int
    """Known lines of that kind on its page and the next or the one before."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a row says of one year."""

    row: StatementRow
    value: Decimal
    scale: str
    """What it is counted in (`in millions`); empty where the table does not say."""

    def repeats(self, stated: Figure) -> bool:
        """Whether it says what a statement says; brackets differ, and a scale may be missing."""
        return abs(self.value) == abs(stated.value) and self.scale in ("", stated.scale)


def rows_called(document: Document, key: str) -> list[StatementRow]:
    """The rows of a line, those in the fullest statements of its kind first, each in their order.

    A report's own statements come before those of its parts.
    """
    statement = line_items()[key].statement
    keys_of = cache(lambda label: _lines_called(label, statement))
    lines: dict[int, set[str]] = {}
    called = []
    for sentence in document.sentences:
        if sentence.kind is SentenceKind.ROW:
            keys = keys_of(label_of(document.sentence_text(sentence.id)))
            lines.setdefault(sentence.page, set()).update(keys)
            if key in keys:
                called.append(sentence)
    rows = [StatementRow(one, statement, _n_lines(lines, one.page)) for one in called]
    most = max((row.n_lines for row in rows), default=0)
    return sorted(rows, key=lambda row: row.n_lines < FULL * most)


def labels_called(rows: Sequence[tuple[int, str]], key: str) -> list[str]:
    """What the rows of a line are called, the most frequent label first.

    Those in the fullest statements of its kind; of a line that belongs to no statement, or stands
    in none, all.

    Args:
        rows: Page and label of each row.
        key: The line's.
    """
    item = line_items()[key]
    called = [(page, label) for page, label in rows if item.rows.fullmatch(label)]
    counts = Counter(label for _, label in called)
    if item.statement and len(counts) > 1:
        keys_of = cache(lambda label: _lines_called(label, item.statement))
        lines: dict[int, set[str]] = {}
        for page, label in rows:
            lines.setdefault(page, set()).update(keys_of(label))
        n_lines = {page: _n_lines(lines, page) for page, _ in called}
        most = max(n_lines.values())
        if most >= FEWEST_LINES:
            full = {label for page, label in called if n_lines[page] >= FULL * most}
            return [label for label, _ in counts.most_common() if label in full]
    return [label for label, _ in counts.most_common()]


def _n_lines(lines: Mapping[int, set[str]], page: int) -> int:
    """Lines on a page and the one before or after it, of which more has more."""
    around = (lines.get(page - 1, set()), lines.get(page + 1, set()))
    return max(len(lines[page] | other) for other in around)


def _lines_called(label: str, statement: str) -> frozenset[str]:
    """The keys of the statement's lines that a label fits."""
    return frozenset(
        one.key
        for one in line_items().values()
        if one.statement == statement and one.rows.fullmatch(label)
    )


def latest_year(document: Document, rows: Sequence[StatementRow]) -> str:
    """The year of the first figure of the first row; empty where its columns name none."""
    names = column_names(document, rows[0].sentence)[1:] if rows else []
    years = [year for name in names[:1] for year in YEAR.findall(name)]
    return max(years, default="")


def figures_of(document: Document, rows: Sequence[StatementRow], year: str) -> list[Figure]:
    """The figures of a year in these rows, where one column and no other has it.

    None at all where the first of them stands in no statement.
    """
    figures = []
    for row in rows:
        text = document.sentence_text(row.sentence.id)
        names = column_names(document, row.sentence)
        columns = [i for i, name in enumerate(names) if i and year in YEAR.findall(name)]
        if len(columns) != 1:
            continue
        start, end = cell_spans(text)[columns[0]]
        cell = text[start:end].strip()
        if match := _FIGURE.fullmatch(cell):
            value = Decimal(match[1].replace(",", ""))
            scale = _SCALE.search(scale_of(document, row.sentence, cell, start))
            is_negative = _NEGATIVE.search(cell) is not None
            value = -value if is_negative else value
            figures.append(Figure(row, value, scale[0] if scale else ""))
    return figures if figures and figures[0].row.n_lines >= FEWEST_LINES else []


def stand_together(rows: Sequence[StatementRow]) -> bool:
    """Whether these are rows of one report's statements: a statement has two pages at most."""
    pages = [row.sentence.page for row in rows]
    of_kind: dict[str, list[int]] = {}
    for row in rows:
        of_kind.setdefault(row.statement, []).append(row.sentence.page)
    near = all(max(some) - min(some) < PAGES_OF_A_STATEMENT for some in of_kind.values())
    return near and max(pages) - min(pages) < PAGES_OF_ALL
