"""Labels and text cells that go over several lines, joined into the rows they belong to."""

from __future__ import annotations

import re

from docqa.engine.ingest.layout import Piece, Row, is_number, join_pieces
from docqa.engine.ingest.tables.strips import on_other_strip

_COUNT = re.compile(r"\(\d[\d.,]* \w")
"""A label's second line that counts: `(5.4 million shares issued)`."""


def join_wrapped(rows: list[Row]) -> list[Row]:
    """Labels and text cells that wrap over several lines joined with their row."""
    values = [cell.x0 for row in rows if len(row.cells) > 1 for cell in row.cells[1:]]
    label_right = max((row.cells[0].x1 for row in rows if len(row.cells) > 1), default=0.0)
    first_value = min(values, default=0.0)
    out: list[Row] = []
    for i, row in enumerate(rows):
        last = out[-1] if out else None
        is_far = last is None or row.base - last.base > 1.65 * max(row.size, last.size)
        goes_on = row.cells[0].text[:1].islower() and last is not None and len(last.cells) == 1
        if last is None or is_far or (on_other_strip(last, row) and not goes_on):
            out.append(row)
        elif _fills_cells(last, row, first_value):
            out[-1] = _based(_with_rest(last, row), row)
        elif len(last.cells) == 1 and _wraps_into(last, row, label_right, first_value):
            label = join_pieces(last.cells[0], row.cells[0], " ")
            out[-1] = _based(Row([label, *row.cells[1:]]), row)
        elif len(last.cells) > 1 and _is_rest(rows, i, last, first_value):
            label = join_pieces(last.cells[0], row.cells[0], " ")
            out[-1] = _based(Row([label, *last.cells[1:]]), row)
        else:
            out.append(row)
    return out


def _fills_cells(last: Row, row: Row, first_value: float) -> bool:
    """Whether a row holds nothing but second lines of text cells of the row above."""
    if len(last.cells) == 1 or row.x0 < first_value - 2 or len(row.cells) >= len(last.cells):
        return False
    return all(
        not is_number(cell.text)
        and any(
            not is_number(above.text) and _edge_distance(above, cell) < 2
            for above in last.cells[1:]
        )
        for cell in row.cells
    )


def _with_rest(last: Row, row: Row) -> Row:
    cells = list(last.cells)
    for cell in row.cells:
        texts = [k for k in range(1, len(cells)) if not is_number(cells[k].text)]
        k = min(texts, key=lambda k: _edge_distance(cells[k], cell))
        cells[k] = join_pieces(cells[k], cell, " ")
    return Row(cells)


def _edge_distance(above: Piece, cell: Piece) -> float:
    return min(abs(above.x0 - cell.x0), abs(above.x1 - cell.x1))


def _based(row: Row, like: Row) -> Row:
    row.base, row.strip = like.base, like.strip
    return row


def _wraps_into(label: Row, row: Row, label_right: float, first_value: float) -> bool:
    """Whether a row without figures is the first line of the label below it."""
    text, rest = label.cells[0].text, row.cells[0].text
    if label.x0 > first_value or row.x0 > first_value or text.endswith(":"):
        return False
    if is_number(rest) or label.bold != row.cells[0].bold:
        return False
    if (
        rest[:1].islower()
        or _COUNT.match(rest)
        or text.endswith((",", "-", "—", "–", " and", " of", " in", " for"))
    ):
        return label.x1 < first_value + 20
    if row.x0 < label.x0 - 2 or len(row.cells) == 1:
        return False
    # The first word below would not have fitted at the end of the line.
    word = len(rest.split(" ", 1)[0]) * 0.5 * row.size
    return label.x1 + word > max(label_right, label.x1) and len(text) > 30


def _is_rest(rows: list[Row], i: int, last: Row, first_value: float) -> bool:
    """Whether a row without figures is the last line of the label above it."""
    row = rows[i]
    text = row.cells[0].text
    if len(row.cells) > 1 or row.x1 > first_value or not text[:1].islower():
        return False
    if row.x0 < last.x0 - 2 or is_number(last.cells[0].text):
        return False
    # Closer to the row above than to the one below, or nothing below to belong to.
    return last.cells[0].x1 + len(text.split(" ", 1)[0]) * 0.5 * row.size > 0.75 * first_value
