"""Rows of a table that are drawn as strips: all lines on a strip are one row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise

from docqa.engine.ingest.layout import Piece, Row, is_number, join_pieces
from docqa.engine.ingest.ruling import Strip

_MAX_CHARS = 250
"""Lines of one column with more are a paragraph."""
_INDENT_EM = 4.0
_LOOSE_LINES = 3
"""More lines than this belong together only where they are close."""
TIGHT_PITCH = 1.3
"""Lines of one cell are no further apart than this many font sizes."""


def rows_on_strips(rows: list[Row], strips: tuple[Strip, ...]) -> Iterator[Row]:
    """The rows of a region, those on one strip made one.

    Args:
        rows: Top to bottom.
        strips: Of the page, top to bottom.
    """
    i = 0
    for row in rows:
        middle = row.base - 0.3 * row.size
        while i < len(strips) and strips[i].box[3] < middle:
            i += 1
        for strip in strips[i : i + 4]:  # tables side by side
            x0, y0, x1, y1 = strip.box
            if y0 <= middle <= y1 and x0 - 3 <= row.x0 and row.x1 <= x1 + 3:
                row.strip = strip
                break
    for strip, group in groupby(rows, key=lambda row: row.strip):
        lines = list(group)
        one = _as_one(lines) if strip is not None and len(lines) > 1 else None
        if one is None:
            yield from lines
        else:
            one.strip = strip
            yield one


def on_other_strip(a: Row, b: Row) -> bool:
    """Whether strips part two rows."""
    if a.strip is None or b.strip is None or a.strip is b.strip:
        return False
    return a.strip.colour != b.strip.colour


def _as_one(lines: list[Row]) -> Row | None:
    """Lines as the cells of one row; None where they are rows of their own."""
    columns: list[list[Piece]] = []
    right = 0.0
    for cell in sorted((cell for line in lines for cell in line.cells), key=lambda cell: cell.x0):
        if columns and cell.x0 < right - 1:
            columns[-1].append(cell)
            right = max(right, cell.x1)
        else:
            columns.append([cell])
            right = cell.x1
    if len(columns) > 1 and _is_outdented(*columns[:2]):
        columns[:2] = [columns[0] + columns[1]]
    for column in columns:
        column.sort(key=lambda cell: cell.base)
        if not _is_one(column):
            return None
    if len(columns) == 1 and not _is_label(lines):
        return None
    if len(columns) > 1 and all(len(line.cells) == 1 for line in lines):
        return None
    return Row([_joined(column) for column in columns])


def _is_outdented(column: list[Piece], beside: list[Piece]) -> bool:
    """Whether what stands to the left is the second line of a label with an indent."""
    below, first = min(column, key=_base), min(beside, key=_base)
    return below.base > first.base + 1 and first.x0 - below.x0 < _INDENT_EM * first.size


def _is_one(column: list[Piece]) -> bool:
    """Whether cells one below the other are lines of one cell."""
    steps = [below.base - above.base for above, below in pairwise(column)]
    if len(column) == 1:
        return True
    if min(steps) < 1 or any(is_number(cell.text) for cell in column):
        return False
    if all(len(cell.text) == 1 for cell in column) and not column[0].text.isalnum():
        return False  # bullets
    if len(column) > _LOOSE_LINES and max(steps) > TIGHT_PITCH * column[0].size:
        return False
    return sum(len(cell.text) for cell in column) < _MAX_CHARS


def _base(cell: Piece) -> float:
    return cell.base


def _is_label(lines: list[Row]) -> bool:
    """Whether lines without other cells are one label rather than a paragraph, or two labels."""
    return all(
        above.bold == line.bold and line.base - above.base < TIGHT_PITCH * line.size
        for above, line in pairwise(lines)
    )


def _joined(column: list[Piece]) -> Piece:
    cell = column[0]
    for below in column[1:]:
        cell = join_pieces(cell, below, " ")
    return cell
