"""A ratio of a report, worked out from the rows it follows from, with the sum shown.

`Current ratio: 1.97 = 9,111 / 4,622 (2021, p. 70)`. The rows are those of the financial statements:
a label stands in notes and summaries as well, of a part of the company or of what was bought.
Nothing is worked out where a figure's year, sign or scale is not plain, or where the evidence does
not hold the row: then the rows stand alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from docqa.engine.columns import cell_spans, fitted_names
from docqa.engine.generators.abstention import place
from docqa.engine.generators.scale import scale_of
from docqa.engine.line_items import Reworded, Sum, label_of, line_items, reworded
from docqa.engine.types import Document, Evidence, Sentence, SentenceKind

FEWEST_LINES, FULL = 3, 0.8
"""Known lines that make a page one of a statement, and as a share of the most the full ones."""
PAGES_OF_A_STATEMENT, PAGES_OF_ALL = 2, 10
"""Most pages that one statement of a report takes, and all of them."""

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_FIGURE = re.compile(r"[-−–]?\s*\(?\s*[$€£]?\s*\(?\s*[-−–]?([\d,]*\d(?:\.\d+)?)\s*\)?")
_NEGATIVE = re.compile(r"[-−–(]")
_SCALE = re.compile(r"in (?:thousands|millions|billions)")


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio that a question asks for."""

    asked: Reworded
    rows: tuple[tuple[Evidence, ...], ...]
    """For each of its lines the rows that are called so, best first; at least one."""


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """A ratio with its figures."""

    text: str
    rows: tuple[Evidence, ...]
    """The rows that they stand in."""


@dataclass(frozen=True, slots=True)
class _Row:
    sentence: Sentence
    statement: str
    """The kind of statement its line belongs to."""
    n_lines: int
    """Known lines of that kind on its page and the next or the one before."""


@dataclass(frozen=True, slots=True)
class _Figure:
    row: _Row
    value: Decimal
    scale: str

    def repeats(self, stated: _Figure) -> bool:
        """Whether it says what a statement says; brackets differ, and a scale may be missing."""
        return abs(self.value) == abs(stated.value) and self.scale in ("", stated.scale)


def ratio_asked_for(
    question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> Ratio | None:
    """The first ratio in the question of which the evidence holds two lines or more."""
    by_label: dict[str, list[Evidence]] = {}
    texts = []
    for one in evidence:
        document = documents[one.document_id]
        if document.sentences[one.sentence_id].kind is SentenceKind.ROW:
            texts.append(document.sentence_text(one.sentence_id))
            by_label.setdefault(label_of(texts[-1]), []).append(one)
    for asked in reworded(question, texts):
        if len(asked.lines) > 1:
            best_first = [
                sorted(
                    (row for label in line for row in by_label[label]), key=lambda row: -row.score
                )
                for line in asked.lines
            ]
            return Ratio(asked, tuple(map(tuple, best_first)))
    return None


def work_out(
    ratio: Ratio, question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> WorkedOut | None:
    """The ratio for the year in the question, or the latest; None where something is not plain."""
    how = ratio.asked.sum
    years = sorted(set(_YEAR.findall(question)))
    if how is None or len(years) > 1:
        return None
    document = documents[ratio.rows[0][0].document_id]
    found = {one.sentence_id: one for one in evidence if one.document_id == document.id}
    rows_of = [_rows_called(document, key) for key in how.keys]
    year = years[0] if years else _latest_year(document, rows_of[0])
    figures = [_figures(document, rows, year) for rows in rows_of]
    stated = [one[0] for one in figures if one]
    if len(stated) < len(figures) or not _stand_together([one.row for one in stated]):
        return None
    shown = [
        [one for one in some if one.row.sentence.id in found and one.repeats(some[0])]
        for some in figures
    ]
    if not all(shown):
        return None
    scales = {one.scale for one in stated}
    values = [
        abs(one.value) if line_items()[key].spent else one.value
        for one, key in zip(stated, how.keys, strict=True)
    ]
    result = _result(how, values)
    if len(scales) > 1 or result is None:
        return None
    rows = tuple(found[some[0].row.sentence.id] for some in shown)
    pages = "; ".join(dict.fromkeys(place(documents, row) for row in rows))
    said = ", ".join(filter(None, (year, *(() if how.unit else scales), pages)))
    name = ratio.asked.name[0].upper() + ratio.asked.name[1:]
    return WorkedOut(f"{name}: {result} = {_shown(how.formula, values)} ({said})", rows)


def _rows_called(document: Document, key: str) -> list[_Row]:
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
    rows = [_Row(one, statement, _n_lines(lines, one.page)) for one in called]
    most = max((row.n_lines for row in rows), default=0)
    return sorted(rows, key=lambda row: row.n_lines < FULL * most)


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


def _latest_year(document: Document, rows: Sequence[_Row]) -> str:
    """The year of the first figure of the first row; empty where its columns name none."""
    names = _names(document, rows[0].sentence)[1:] if rows else []
    years = [year for name in names[:1] for year in _YEAR.findall(name)]
    return max(years, default="")


def _names(document: Document, row: Sentence) -> list[str]:
    """What the columns of a row are called, its own label first; nothing where they do not fit."""
    if row.header is None:
        return []
    n_cells = len(cell_spans(document.sentence_text(row.id)))
    return fitted_names(document.sentence_text(row.header), n_cells) or []


def _figures(document: Document, rows: Sequence[_Row], year: str) -> list[_Figure]:
    """The figures of a year in these rows, where one column and no other has it.

    None at all where the first of them stands in no statement.
    """
    figures = []
    for row in rows:
        text = document.sentence_text(row.sentence.id)
        names = _names(document, row.sentence)
        columns = [i for i, name in enumerate(names) if i and year in _YEAR.findall(name)]
        if len(columns) != 1:
            continue
        cell = text[slice(*cell_spans(text)[columns[0]])].strip()
        if match := _FIGURE.fullmatch(cell):
            value = Decimal(match[1].replace(",", ""))
            scale = _SCALE.search(scale_of(document, row.sentence, cell))
            is_negative = _NEGATIVE.search(cell) is not None
            figures.append(
                _Figure(row, -value if is_negative else value, scale[0] if scale else "")
            )
    return figures if figures and figures[0].row.n_lines >= FEWEST_LINES else []


def _stand_together(rows: Sequence[_Row]) -> bool:
    """Whether these are rows of one report's statements: a statement has two pages at most."""
    pages = [row.sentence.page for row in rows]
    of_kind: dict[str, list[int]] = {}
    for row in rows:
        of_kind.setdefault(row.statement, []).append(row.sentence.page)
    near = all(max(some) - min(some) < PAGES_OF_A_STATEMENT for some in of_kind.values())
    return near and max(pages) - min(pages) < PAGES_OF_ALL


def _result(how: Sum, values: Sequence[Decimal]) -> str | None:
    """What comes out, as it is said; None where it would be divided by nothing or less."""
    expression = ast.parse(how.formula, mode="eval").body
    try:
        value = _computed(expression, dict(zip("abc", values, strict=False)))
    except ZeroDivisionError:
        return None
    if how.unit == "%":
        return f"{100 * value:.1f}%"
    if how.unit == "days":
        return f"{value:.0f} days"
    return f"{value:.2f}" if how.unit else f"{value:,}"


def _computed(node: ast.expr, values: Mapping[str, Decimal]) -> Decimal:
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant):
        return Decimal(str(node.value))
    if not isinstance(node, ast.BinOp):
        raise ValueError(f"no sum of figures: {ast.unparse(node)}")
    left, right = _computed(node.left, values), _computed(node.right, values)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    if right <= 0:
        raise ZeroDivisionError
    return left / right


def _shown(formula: str, values: Sequence[Decimal]) -> str:
    """The formula with its figures."""
    figures = dict(zip("abc", (f"{value:,}" for value in values), strict=False))
    with_figures = re.sub(r"\b[abc]\b", lambda letter: figures[letter[0]], formula)
    return with_figures.replace(" - ", " − ").replace(" * ", " × ")
