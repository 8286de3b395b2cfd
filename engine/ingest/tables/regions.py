"""Rows of a region become tables: where each begins and ends, and the rows that name its columns.

A table is known by its rows, several cells on one baseline and figures below figures, and by the
strips and lines under them where a page has such (`ruling.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from docqa.engine.ingest.layout import Piece, Row, is_number, join_pieces
from docqa.engine.ingest.ruling import Ruling
from docqa.engine.ingest.tables.columns import Columns, find_columns
from docqa.engine.ingest.tables.groups import name_rows
from docqa.engine.ingest.tables.headers import (
    PERIOD,
    UNITS,
    count_header_rows,
    fill_gaps,
    group_header,
    is_header_row,
    merge_header,
    names_group,
    names_new_columns,
    spans_columns,
)
from docqa.engine.ingest.tables.strips import TIGHT_PITCH, on_other_strip, rows_on_strips
from docqa.engine.ingest.tables.wrapped_rows import join_wrapped

BULLET = re.compile(r"[•●▪◦■□○☐☒❑►▶·*–—]\s")
MARKER = re.compile(
    r"[•●▪◦■□○☐☒❑►▶*·]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)]|\([ivxlcIVXLC]{1,5}\)|[ivxIVX]{1,4}[.)]"
    r"|(?:Item|ITEM|Section|SECTION|Sec\.|Article|ARTICLE|Note|NOTE|Part|PART|§)\s*\d+[A-Z]?\.?"
    r"|\d{1,2}(?:\.\d{1,2})+\.?"
)
_GLUE_NEXT = frozenset(["$", "(", "€", "£", "¥", "$(", "($", "US$", "C$", "A$", "HK$", "NT$"])
_GLUE_BACK = re.compile(r"[)%]{1,3}|\)\s?%|%\s?\)|pts|bps?|x")
_CURRENCY_SPACE = re.compile(r"(?<=[$€£¥])\s+(?=[\d(—–-])")
_NOTE_MARK = re.compile(r"\(?[\da-z*†‡]{1,2}\)?")
_NOTE_LETTER = re.compile(r"\([a-z]\)")
_NOTE_GAP_EM = 1.5
"""A note's letter stands no further from its figure."""
_SPACED_SIGN = re.compile(r"(?<=[\d()]) +(?=[)%])")
_DECIMAL = re.compile(r"\d{1,3}\.\d{1,3}\*?")
_MARKER_GAP_EM = 3.0
"""A marker stands no further from its text where it could be a column of its own."""
_WIDE_PITCH = 2.6
"""Rows further apart than this many font sizes belong to different tables."""

_LINE_EM = 1.5
"""A row that is higher than so many font sizes has several lines."""


@dataclass(slots=True)
class Table:
    """Rows of one table, top to bottom."""

    rows: list[Row]
    n_header: int = 0
    """Leading rows of `rows` that are its header; at most 1, for they are merged."""
    headers: list[int | None] = field(default_factory=list)
    """For each row: index of the row that names its columns."""


def split_tables(rows: list[Row], ruling: Ruling) -> Iterator[Row | Table]:
    """The rows of a region, those of tables gathered."""
    rows = [_tidy(row) if len(row.cells) > 1 else row for row in rows]
    _unite_prose(rows)
    if ruling.strips:
        rows = [
            _tidy(row) if row.strip is not None and len(row.cells) > 1 else row
            for row in rows_on_strips(rows, ruling.strips)
        ]
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
            yield _table(rows[first:end], ruling)
            i = end
        else:
            yield _table(rows[i:end], ruling)
            i = end


def _tidy(row: Row) -> Row:
    """Signs and the marks of notes glued to their numbers, list markers to their text."""
    cells: list[Piece] = []
    for i, cell in enumerate(row.cells):
        if cells and (
            (cells[-1].text in _GLUE_NEXT and cell.text != cells[-1].text)
            or (_GLUE_BACK.fullmatch(cell.text) and cells[-1].text)
        ):
            cells[-1] = join_pieces(cells[-1], cell, "")
        elif cells and (
            (cell.size < 0.85 * cells[-1].size and _NOTE_MARK.fullmatch(cell.text))
            or (len(cells) > 1 and _is_note_of(cells[-1], cell, row.cells[i + 1 : i + 2]))
        ):
            cells[-1] = join_pieces(cells[-1], cell, " ")
        else:
            cells.append(cell)
    if opens_item(cells):
        cells[:2] = [join_pieces(cells[0], cells[1], " ")]
    for cell in cells:
        if "$ " in cell.text or "€ " in cell.text or "£ " in cell.text:
            cell.text = _CURRENCY_SPACE.sub("", cell.text)
        if " )" in cell.text or " %" in cell.text:
            cell.text = _SPACED_SIGN.sub("", cell.text)
    return Row(cells, row.strip)


def _is_note_of(figure: Piece, cell: Piece, beyond: list[Piece]) -> bool:
    """Whether a cell is the letter of a note to the figure on its left.

    A number in brackets may be a figure below zero; and before words the letter is an item's.
    """
    return (
        _NOTE_LETTER.fullmatch(cell.text) is not None
        and is_number(figure.text)
        and cell.x0 - figure.x1 < _NOTE_GAP_EM * figure.size
        and all(is_number(next_.text) or next_.text in _GLUE_NEXT for next_ in beyond)
    )


def opens_item(cells: list[Piece]) -> bool:
    """Whether the first cell is the marker of the text in the second, and no column of its own."""
    if len(cells) < 2 or not MARKER.fullmatch(cells[0].text) or is_number(cells[1].text):
        return False
    is_column = len(cells) > 3 or (len(cells) > 2 and _DECIMAL.fullmatch(cells[0].text))
    return not is_column or cells[1].x0 - cells[0].x1 < _MARKER_GAP_EM * cells[0].size


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
    full = rows[begin]
    body = full.strip
    left, right = full.x0, full.x1
    while i < len(rows):
        row = rows[i]
        if row.strip is not None:
            if body is not None and row.strip.body != body.body:
                top = _header_begin(rows, i)
                if top < i:
                    return _last_full(rows, begin, top)
            body = row.strip
        if len(row.cells) > 1:
            if _step(rows[i - 1], row) > 2 * _WIDE_PITCH * row.size and row.strip is None:
                break
            end, n_single, full = i + 1, 0, row
            left, right = min(left, row.x0), max(right, row.x1)
        elif not (_same_body(rows[i - 1], row) or _hangs(full, rows[i - 1], row)):
            n_single += 1
            if row.base - rows[i - 1].base > _WIDE_PITCH * row.size and row.strip is None:
                break
            too_wide = (
                len(row.cells[0].text) > 60
                and row.x0 < left + 0.2 * (right - left)
                and row.x1 > left + 0.85 * (right - left)
            )
            if n_single > 3 or too_wide or len(row.cells[0].text) > 100:
                break
        i += 1
    # The last label may wrap below its figures.
    full = rows[end - 1]
    while end < len(rows) and (
        _continues(rows[end - 1], rows[end], left) or _hangs(full, rows[end - 1], rows[end])
    ):
        end += 1
    return end


def _step(above: Row, row: Row) -> float:
    """The distance of two rows in points, less the further lines of the upper one."""
    return row.base - above.base - max(0.0, above.y1 - above.y0 - _LINE_EM * above.size)


def _header_begin(rows: list[Row], i: int) -> int:
    """Index of the first row of the names above strips that begin with row `i`."""
    while i > 0 and rows[i - 1].strip is None and is_header_row(rows[i - 1]):
        i -= 1
    return i


def _last_full(rows: list[Row], begin: int, end: int) -> int:
    """Index after the last row of several cells."""
    while end > begin + 1 and len(rows[end - 1].cells) == 1:
        end -= 1
    return end


def _hangs(full: Row, above: Row, row: Row) -> bool:
    """Whether a line is one more of a text cell in the row of several cells above it."""
    if len(row.cells) > 1 or row.base - above.base > TIGHT_PITCH * row.size:
        return False
    if row.strip is not full.strip:
        return False
    for cell, right in pairwise(full.cells[1:]):
        if abs(cell.x0 - row.x0) < 2:
            return row.x1 < right.x0 and not is_number(cell.text)
    return False


def _same_body(above: Row, row: Row) -> bool:
    """Whether two rows stand on strips of one table."""
    return above.strip is not None and row.strip is not None and above.strip.body == row.strip.body


def _continues(row: Row, below: Row, left: float) -> bool:
    return not on_other_strip(row, below) and (
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
    edges = min(row.x0 for row in rows), max(row.x1 for row in rows)
    left, right = min(row.x0 for row in rows[top:end]), max(row.x1 for row in rows[top:end])
    while first > begin and top - first < 4:
        row = rows[first - 1]
        text = row.cells[0].text
        if table.strip is not None and _same_body(row, table):
            first -= 1
            continue
        if first > 1 and _ends_paragraph(rows[first - 2], row, *edges):
            break
        if has_units and not PERIOD.search(text):
            break  # above the units stands the title
        is_units = UNITS.match(text) is not None
        if rows[first].base - row.base > (3.5 if is_units else 2) * row.size:
            break
        over_values = row.x0 > left + 0.25 * (right - left)
        in_label = row.x1 < table.cells[1].x0 and row.x0 >= left - 2
        wraps = in_label and not is_header_row(table)
        if len(text) > 70 or not (
            (over_values and (row.x1 > table.cells[0].x0 or _is_next_line(row, rows[first])))
            or (len(text) < 60 and (is_units or (PERIOD.search(text) and not row.bold)))
            or wraps
        ):
            break
        is_title = row.bold and not table.bold and not over_values and not is_units
        if text.endswith(".") or is_title or (text.endswith(":") and not over_values):
            break
        first -= 1
        has_units = has_units or is_units
    return first


def _is_next_line(above: Row, row: Row) -> bool:
    """Whether two lines are set as closely as those of one name."""
    return abs(above.size - row.size) < 0.3 and row.base - above.base < TIGHT_PITCH * row.size


def _ends_paragraph(above: Row, row: Row, left: float, right: float) -> bool:
    """Whether a line goes on with the line of prose above it, which had no room for its words."""
    word = row.cells[0].text.split(" ", 1)[0]
    return (
        len(above.cells) == 1
        and abs(above.size - row.size) < 0.3
        and above.bold == row.bold
        and row.base - above.base < 1.65 * row.size
        and above.x0 < left + 6 * row.size
        and row.x0 < above.x0 + 2
        and above.x1 + (len(word) + 1) * 0.6 * row.size > right
    )


def _table(rows: list[Row], ruling: Ruling) -> Table:
    rows = join_wrapped(rows)
    columns = find_columns(rows, ruling.lines)
    names = columns and columns.named(rows[: columns.n_header])
    n_header = columns.n_header if columns and names else _n_names(rows)
    out: list[Row] = []
    headers: list[int | None] = []
    groups: dict[int, int] = {}  # rows that name those below them, each with its header
    header: int | None = None
    i = 0
    if n_header:
        out.append(names or merge_header(rows[:n_header]))
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
                groups.pop(len(out), None)
            header = len(out)
            out.append(merge_header([*above, *rows[i : i + n]]))
            headers.append(None)
            i += n
            continue
        if header is not None and i + 1 < len(rows) and names_group(row, rows[i + 1]):
            groups[len(out)] = groups.get(header, header)
            header = len(out)
        out.append(row)
        headers.append(header if len(row.cells) > 1 else None)
        i += 1
    _fill(out, headers, groups, columns if names else None)
    name_rows(out, headers)
    for k, of in groups.items():
        under = [i for i, its in enumerate(headers) if its == k]
        named = group_header(out[k], out[of], [out[i] for i in under])
        if named is None:
            for i in under:
                headers[i] = of
        else:
            out[k] = named
    return Table(out, int(n_header > 0), headers)


def _n_names(rows: list[Row]) -> int:
    """Number of leading rows that name columns no lines show."""
    strip = next((i for i, row in enumerate(rows) if row.strip is not None), 0)
    if all(row.bold for row in rows[:strip]) and any(len(row.cells) > 1 for row in rows[:strip]):
        return strip
    return count_header_rows(rows)


def _fill(
    rows: list[Row], headers: list[int | None], groups: dict[int, int], columns: Columns | None
) -> None:
    """Give rows that leave columns empty a cell for each."""
    of = [None if k is None else groups.get(k, k) for k in headers]
    for k in {k for k in of if k is not None}:
        under = [row for row, its in zip(rows, of, strict=True) if its == k]
        if columns is None or k:
            fill_gaps(rows[k], under)
        else:
            for row in under:
                columns.fill(row)
