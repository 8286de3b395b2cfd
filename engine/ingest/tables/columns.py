"""Columns that lines show: a line under each name, and under what spans several of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docqa.engine.ingest.layout import Piece, Row, is_number, join_pieces
from docqa.engine.ingest.tables.headers import (
    PERIOD,
    UNITS,
    begins_with_figures,
    is_header_row,
    nothing_at,
)
from docqa.engine.types import Box

_HAS_YEAR = re.compile(r"\b(?:19|20)\d\d(?:\b|[⁰¹²³⁴-⁹])")
_EDGE = 3.0
"""Points by which a figure may stand out of its column."""
_MAX_LEVELS = 5
"""Heights at which lines stand among names; forms have them everywhere."""
_NARROWER = 0.9
"""A line under a part of a name above is shorter than this share of the line above."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table with figures."""

    slots: tuple[Box, ...]
    """The line under each name, left to right; without that under the labels."""
    lines: tuple[Box, ...]
    """All lines among the names."""
    n_header: int
    """Leading rows that name the columns."""

    def named(self, rows: list[Row]) -> Row | None:
        """The header as one row; None where a column would have no name."""
        names: list[list[Piece]] = [[] for _ in self.slots]
        over_all: list[Piece] = []
        label: list[Piece] = []
        for row in rows:
            for cell in row.cells:
                at = self._named_by(cell, row, names)
                for k in at:
                    names[k].append(cell)
                if not at:
                    (over_all if cell.x1 > self.slots[0][0] else label).append(cell)
        if not all(names):
            return None
        cells = [_stacked(part, place) for part, place in zip(names, self.slots, strict=True)]
        over_all.sort(key=lambda cell: UNITS.match(cell.text) is not None)
        if over_all or label:
            cells.insert(0, _stacked([*over_all, *label]))
        return Row(cells)

    def _named_by(self, cell: Piece, row: Row, names: list[list[Piece]]) -> list[int]:
        """The columns that a part of the header names; none where it names the table."""
        everything = list(range(len(self.slots)))
        under = self._line_under(cell, row)
        if under is None:
            over = [k for k in everything if _overlap(cell, self.slots[k])]
            if len(row.cells) == 1 and len(everything) > 1:
                return []
        else:
            over = [k for k in everything if _holds(under, _middle(self.slots[k]))]
            beside = [one for one in row.cells if _holds(under, (one.x0 + one.x1) / 2)]
            if len(beside) > 1:
                over = [k for k in over if _nearest(self.slots[k], beside) is cell]
        if len(over) == 1 and PERIOD.search(cell.text) and not _HAS_YEAR.search(cell.text):
            alike = [k for k in everything if names[k][-1:] == names[over[0]][-1:]]
            middle = (self.slots[alike[0]][0] + self.slots[alike[-1]][2]) / 2
            if abs(cell.x0 + cell.x1 - 2 * middle) < 4 * cell.size:
                over = alike
        return [] if over == everything and len(everything) > 1 else over

    def _line_under(self, cell: Piece, row: Row) -> Box | None:
        """The line that says what a part of the header stands over."""
        middle = (cell.x0 + cell.x1) / 2
        for line in self.lines:
            if (
                line[1] > cell.base - 0.3 * cell.size
                and line[0] <= middle <= line[2]
                and line[0] - cell.size < cell.x0
                and line[2] + cell.size > cell.x1
            ):
                return self._with_bare(line, cell, row)
        return None

    def _with_bare(self, line: Box, cell: Piece, row: Row) -> Box:
        """A line with those beside it that nothing stands on, where that centres the name."""
        beside = [
            other
            for other in self.lines
            if abs(other[1] - line[1]) < 1
            and not any(other[0] <= (c.x0 + c.x1) / 2 <= other[2] for c in row.cells)
        ]
        for other in beside:
            x0, x1 = min(line[0], other[0]), max(line[2], other[2])
            is_next = min(abs(other[0] - line[2]), abs(line[0] - other[2])) < 2 * cell.size
            if is_next and abs(cell.x0 + cell.x1 - x0 - x1) < cell.size:
                return x0, line[1], x1, line[3]
        return line

    def fill(self, row: Row) -> None:
        """Give a row a label and a cell for each column, empty ones where it has none."""
        if len(row.cells) < 2:
            return
        label, *values = row.cells
        k = self.column_of(label)
        if k is not None:
            if label.x0 < self.slots[k][0] - _EDGE and not begins_with_figures(row):
                return
            label, values = nothing_at(label.x0, row), row.cells
        cells: list[Piece | None] = [None] * len(self.slots)
        last = -1
        for cell in values:
            k = self.column_of(cell)
            if k is None or k < last or (k == last and (is_number(cell.text) or not label.text)):
                return
            above = cells[k]
            cells[k] = cell if above is None else join_pieces(above, cell, " ")
            last = k
        row.cells = [
            label,
            *(
                cell or nothing_at(slot[2], row)
                for cell, slot in zip(cells, self.slots, strict=True)
            ),
        ]

    def column_of(self, cell: Piece) -> int | None:
        """The column a cell stands in."""
        middle = (cell.x0 + cell.x1) / 2
        for k, slot in enumerate(self.slots):
            if slot[0] - _EDGE <= middle <= slot[2] + _EDGE:
                return k
        return None


def find_columns(rows: list[Row], lines: tuple[Box, ...]) -> Columns | None:
    """The columns of a table, if lines show them.

    Args:
        rows: Of the table, its header among them.
        lines: Of the page, top to bottom.
    """
    left, right = min(row.x0 for row in rows), max(row.x1 for row in rows)
    figures = next((i for i, row in enumerate(rows) if _has_figures(row)), None)
    if figures is None:
        return None
    strip = next((i for i, row in enumerate(rows) if row.strip is not None), 0)
    bottom = rows[max(figures, strip)]
    zone = _distinct(
        line
        for line in lines
        if rows[0].y0 < line[1] < bottom.base - 0.4 * bottom.size
        and line[0] < right
        and line[2] > left
        and not _underlines(line, rows)
    )
    slots = sorted(line for line in zone if not any(_is_part(other, line) for other in zone))
    if not slots or len({round(line[1]) for line in zone}) > _MAX_LEVELS:
        return None
    foot = max(slot[1] for slot in slots)
    n_header = sum(row.base < foot + 1 for row in rows)
    while n_header < len(rows) and _is_units(rows[n_header]):
        n_header += 1
    body = [row for row in rows[n_header:] if len(row.cells) > 1]
    n_under = sum(_holds(slots[0], (row.x0 + row.cells[0].x1) / 2) for row in body)
    is_leftmost = all(row.x0 > slots[0][0] - _EDGE for row in body)
    if 2 * n_under > len(body) or is_leftmost:
        del slots[0]
    if not slots or not n_header or not all(is_header_row(row) for row in rows[strip:n_header]):
        return None
    columns = Columns(tuple(slots), zone, n_header)
    return columns if _fit(columns, body) else None


def _is_units(row: Row) -> bool:
    return len(row.cells) == 1 and UNITS.match(row.cells[0].text) is not None


def _has_figures(row: Row) -> bool:
    return len(row.cells) > 1 and not is_header_row(row)


def _underlines(line: Box, rows: list[Row]) -> bool:
    """Whether a line belongs to the words on it: a link, or a title."""
    return any(
        abs(cell.x0 - line[0]) < _EDGE / 2
        and abs(cell.x1 - line[2]) < _EDGE / 2
        and abs(line[1] - cell.base) < 0.35 * cell.size
        for row in rows
        for cell in row.cells
    )


def _distinct(lines: Iterator[Box]) -> tuple[Box, ...]:
    """Lines without those that repeat one above, as over and under a row of labels."""
    out: list[Box] = []
    for line in lines:
        if not any(abs(line[0] - a[0]) < _EDGE and abs(line[2] - a[2]) < _EDGE for a in out):
            out.append(line)
    return tuple(out)


def _is_part(line: Box, above: Box) -> bool:
    """Whether a line stands below a part of another."""
    return (
        line[1] > above[1]
        and line[0] > above[0] - _EDGE
        and line[2] < above[2] + _EDGE
        and line[2] - line[0] < _NARROWER * (above[2] - above[0])
    )


def _fit(columns: Columns, body: list[Row]) -> bool:
    """Whether figures stand in the columns, no two of a row in one."""
    n_right = n_wrong = 0
    for row in body:
        at = [columns.column_of(cell) for cell in row.cells[1:] if is_number(cell.text)]
        known = [k for k in at if k is not None]
        is_right = len(known) == len(at) == len(set(known))
        n_right += bool(at) and is_right
        n_wrong += not is_right
    return n_right > 10 * n_wrong


def _nearest(slot: Box, cells: list[Piece]) -> Piece:
    return min(cells, key=lambda cell: abs(cell.x0 + cell.x1 - slot[0] - slot[2]))


def _stacked(cells: list[Piece], place: Box | None = None) -> Piece:
    """Parts of a name as one, in its place."""
    out = cells[0]
    for cell in cells[1:]:
        out = join_pieces(out, cell, " ")
    if place is None:
        return out
    box = (place[0], out.y0, place[2], out.y1)
    return Piece(box, out.base, out.size, out.text, bold=out.bold, italic=out.italic)


def _overlap(cell: Piece, slot: Box) -> bool:
    return cell.x0 < slot[2] and cell.x1 > slot[0]


def _holds(line: Box, x: float) -> bool:
    return line[0] - _EDGE <= x <= line[2] + _EDGE


def _middle(line: Box) -> float:
    return (line[0] + line[2]) / 2
