"""Rows of a region become tables: wrapped labels joined, the header row found.

Filings print their statements without ruling lines, so a table is known by its rows alone:
several cells on one baseline, figures below figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from docqa.engine.layout import Piece, Row, is_number, join_pieces
from docqa.engine.table_headers import (
    PERIOD,
    UNITS,
    count_header_rows,
    fill_gaps,
    is_header_row,
    merge_header,
    names_new_columns,
    spans_columns,
)

_MARKER = re.compile(
    r"[•●▪◦■□○☐☒❑►▶*·]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)]|\([ivxlcIVXLC]{1,5}\)|[ivxIVX]{1,4}[.)]"
    r"|(?:Item|ITEM|Section|SECTION|Sec\.|Article|ARTICLE|Note|NOTE|Part|PART|§)\s*\d+[A-Z]?\.?"
    r"|\d{1,2}(?:\.\d{1,2})+\.?"
)
_GLUE_NEXT = frozenset(["$", "(", "€", "£", "¥", "$(", "($", "US$", "C$", "A$", "HK$", "NT$"])
_GLUE_BACK = re.compile(r"[)%]{1,3}|\)\s?%|%\s?\)|pts|bps|x")
_CURRENCY_SPACE = re.compile(r"(?<=[$€£¥])\s+(?=[\d(—–-])")
_NOTE_MARK = re.compile(r"\(?[\da-z*†‡]{1,2}\)?")
_SPACED_SIGN = re.compile(r"(?<=[\d()]) +(?=[)%])")
_COUNT = re.compile(r"\(\d[\d.,]* \w")
"""A label's second line that counts: `(5.4 million shares issued)`."""
_WIDE_PITCH = 2.6
"""Rows further apart than this many font sizes belong to different tables."""


@dataclass(slots=True)
class Table:
    """Rows of one table, top to bottom."""

    rows: list[Row]
    n_header: int = 0
    """Leading rows of `rows` that are its header; at most 1, for they are merged."""
    headers: list[int | None] = field(default_factory=list)
    """For each row: index of the row that names its columns."""


def split_tables(rows: list[Row]) -> Iterator[Row | Table]:
    """The rows of a region, those of tables gathered."""
    rows = [_tidy(row) if len(row.cells) > 1 else row for row in rows]
    _unite_prose(rows)
    i = 0
    while i < len(rows):
        end = _table_end(rows, i) if len(rows[i].cells) > 1 else i
        if end == i:
            # A label or spanner right above a table belongs to it.
            begin = i
            while i < len(rows) and len(rows[i].cells) == 1:
                i += 1
            if i == len(rows):
                yield from rows[begin:]
                return
            end = _table_end(rows, i)
            first = _table_begin(rows, begin, i, end)
            yield from rows[begin:first]
            yield _table(rows[first:end])
            i = end
        else:
            yield _table(rows[i:end])
            i = end


def _tidy(row: Row) -> Row:
    """Signs glued to their numbers, list markers to their text."""
    cells: list[Piece] = []
    for cell in row.cells:
        if cells and (
            cells[-1].text in _GLUE_NEXT or (_GLUE_BACK.fullmatch(cell.text) and cells[-1].text)
        ):
            cells[-1] = join_pieces(cells[-1], cell, "")
        elif cells and cell.size < 0.85 * cells[-1].size and _NOTE_MARK.fullmatch(cell.text):
            cells[-1] = join_pieces(cells[-1], cell, " ")
        else:
            cells.append(cell)
    if len(cells) > 1 and _MARKER.fullmatch(cells[0].text) and not is_number(cells[1].text):
        cells[:2] = [join_pieces(cells[0], cells[1], " ")]
    for cell in cells:
        if "$ " in cell.text or "€ " in cell.text or "£ " in cell.text:
            cell.text = _CURRENCY_SPACE.sub("", cell.text)
        if " )" in cell.text or " %" in cell.text:
            cell.text = _SPACED_SIGN.sub("", cell.text)
    return Row(cells)


def _unite_prose(rows: list[Row]) -> None:
    """Rows of justified prose with wide word gaps become one cell again."""
    for i, row in enumerate(rows):
        if len(row.cells) < 2 or any(is_number(cell.text) for cell in row.cells[1:]):
            continue
        gaps = [b.x0 - a.x1 for a, b in pairwise(row.cells)]
        if max(gaps) > 2.5 * row.size:
            continue
        near = [r for r in rows[max(i - 1, 0) : i + 2] if r is not row]
        if any(len(r.cells) > 1 and _aligned(row, r) for r in near):
            continue
        if any(len(r.cells) == 1 and len(r.cells[0].text) > 40 for r in near):
            united = row.cells[0]
            for cell in row.cells[1:]:
                united = join_pieces(united, cell, " ")
            rows[i] = Row([united])


def _aligned(a: Row, b: Row) -> bool:
    """Whether a cell after the first begins or ends where one of the other row does."""
    return any(
        abs(p.x0 - q.x0) < 2 or abs(p.x1 - q.x1) < 2 for p in a.cells[1:] for q in b.cells[1:]
    )


def _table_end(rows: list[Row], begin: int) -> int:
    """Index after the last row of the table that begins with a row of several cells."""
    end = i = begin + 1
    n_single = 0
    left = rows[begin].x0
    right = rows[begin].x1
    while i < len(rows):
        row = rows[i]
        pitch = row.base - rows[i - 1].base
        if pitch > (2 * _WIDE_PITCH if len(row.cells) > 1 else _WIDE_PITCH) * row.size:
            break
        if len(row.cells) > 1:
            end, n_single = i + 1, 0
            left, right = min(left, row.x0), max(right, row.x1)
        else:
            n_single += 1
            too_wide = (
                len(row.cells[0].text) > 60
                and row.x0 < left + 0.2 * (right - left)
                and row.x1 > left + 0.85 * (right - left)
            )
            if n_single > 3 or too_wide or len(row.cells[0].text) > 100:
                break
        i += 1
    # The last label may wrap below its figures.
    while end < len(rows) and _continues(rows[end - 1], rows[end], left):
        end += 1
    return end


def _continues(row: Row, below: Row, left: float) -> bool:
    return (
        len(below.cells) == 1
        and below.cells[0].text[:1].islower()
        and len(below.cells[0].text) < 60
        and below.base - row.base < 1.4 * row.size
        and below.x1 < row.cells[-1].x0
        and below.x0 >= left - 2
    )


def _table_begin(rows: list[Row], begin: int, top: int, end: int) -> int:
    """Index of the first of the single rows above a table that belongs to it.

    Args:
        rows: The rows of the region.
        begin: First of the single rows.
        top: First row of several cells, where the table was found.
        end: After its last row.
    """
    first = top
    has_units = False
    table = rows[top]
    left, right = min(row.x0 for row in rows[top:end]), max(row.x1 for row in rows[top:end])
    while first > begin and top - first < 4:
        row = rows[first - 1]
        text = row.cells[0].text
        if has_units and not PERIOD.search(text):
            break  # above the units stands the title
        is_units = UNITS.match(text) is not None
        if rows[first].base - row.base > (3.5 if is_units else 2) * row.size:
            break
        over_values = row.x0 > left + 0.25 * (right - left)
        in_label = row.x1 < table.cells[1].x0 and row.x0 >= left - 2
        wraps = in_label and not is_header_row(table)
        if len(text) > 70 or not (
            (over_values and row.x1 > table.cells[0].x0)
            or (len(text) < 60 and (is_units or (PERIOD.search(text) and not row.bold)))
            or wraps
        ):
            break
        is_title = row.bold and not table.bold and not over_values and not is_units
        if text.endswith(".") or is_title:
            break
        first -= 1
        has_units = has_units or is_units
    return first


def _table(rows: list[Row]) -> Table:
    rows = _join_wrapped(rows)
    n_header = count_header_rows(rows)
    out: list[Row] = []
    headers: list[int | None] = []
    header: int | None = None
    i = 0
    if n_header:
        out.append(merge_header(rows[:n_header]))
        headers.append(None)
        header, i = 0, n_header
    while i < len(rows):
        row = rows[i]
        if i and names_new_columns(row):
            n = 1
            while i + n < len(rows) and n < 3 and UNITS.match(rows[i + n].cells[0].text):
                n += 1
            above: list[Row] = []
            while len(out) > 1 and spans_columns(out[-1], row):
                above.insert(0, out.pop())
                headers.pop()
            header = len(out)
            out.append(merge_header([*above, *rows[i : i + n]]))
            headers.append(None)
            i += n
            continue
        out.append(row)
        headers.append(header if len(row.cells) > 1 else None)
        i += 1
    for k in {k for k in headers if k is not None}:
        fill_gaps(out[k], [row for row, its in zip(out, headers, strict=True) if its == k])
    return Table(out, int(n_header > 0), headers)


def _join_wrapped(rows: list[Row]) -> list[Row]:
    """Labels and text cells that wrap over several lines joined with their row."""
    values = [cell.x0 for row in rows if len(row.cells) > 1 for cell in row.cells[1:]]
    label_right = max((row.cells[0].x1 for row in rows if len(row.cells) > 1), default=0.0)
    first_value = min(values, default=0.0)
    out: list[Row] = []
    for i, row in enumerate(rows):
        last = out[-1] if out else None
        if last is None or row.base - last.base > 1.65 * max(row.size, last.size):
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
            not is_number(above.text)
            and (abs(cell.x0 - above.x0) < 2 or abs(cell.x1 - above.x1) < 2)
            for above in last.cells[1:]
        )
        for cell in row.cells
    )


def _with_rest(last: Row, row: Row) -> Row:
    cells = list(last.cells)
    for cell in row.cells:
        k = min(
            range(1, len(cells)), key=lambda k: abs(cells[k].x0 + cells[k].x1 - cell.x0 - cell.x1)
        )
        cells[k] = join_pieces(cells[k], cell, " ")
    return Row(cells)


def _based(row: Row, like: Row) -> Row:
    row.base = like.base
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
