"""Rows of a region become tables: wrapped labels joined, the header row found.

Filings print their statements without ruling lines, so a table is known by its rows alone:
several cells on one baseline, figures below figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from docqa.engine.layout import Piece, Row, is_number, join_pieces

_MARKER = re.compile(
    r"[•●▪◦■□○☐☒❑►▶*·]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)]|\([ivxlcIVXLC]{1,5}\)|[ivxIVX]{1,4}[.)]"
    r"|(?:Item|ITEM|Section|SECTION|Sec\.|Article|ARTICLE|Note|NOTE|Part|PART|§)\s*\d+[A-Z]?\.?"
    r"|\d{1,2}(?:\.\d{1,2})+\.?"
)
_GLUE_NEXT = frozenset(["$", "(", "€", "£", "¥", "$(", "($", "US$", "C$", "A$", "HK$", "NT$"])
_GLUE_BACK = re.compile(r"[)%]{1,3}|\)\s?%|%\s?\)|pts|bps|x")
_CURRENCY_SPACE = re.compile(r"(?<=[$€£¥])\s+(?=[\d(—–-])")
_NOTE_MARK = re.compile(r"\(?[\da-z*†‡]{1,2}\)?")
_YEAR = re.compile(r"(?:FY|CY)?\s?(?:19|20)\d\d\s?(?:E|A|\(\w\)|\*)?")
_SPACED_SIGN = re.compile(r"(?<=[\d()]) +(?=[)%])")
_COUNT = re.compile(r"\(\d[\d.,]* \w")
"""A label's second line that counts: `(5.4 million shares issued)`."""
_PERIOD = re.compile(
    r"\b(?:ended|ending|months?|weeks?|quarters?|fiscal|years?|as of|as at|december|june|march|"
    r"september|january|may|october|in (?:thousands|millions|billions))\b",
    re.IGNORECASE,
)
_UNITS = re.compile(r"\(?.*\b(?:thousands|millions|billions|dollars|unaudited)\b", re.IGNORECASE)
_WIDE_PITCH = 2.6
"""Rows further apart than this many font sizes belong to different tables."""


_COLUMN_EM = 3.0
"""A figure stands within so many font sizes of the name of its column."""


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
        if has_units and not _PERIOD.search(text):
            break  # above the units stands the title
        is_units = _UNITS.match(text) is not None
        if rows[first].base - row.base > (3.5 if is_units else 2) * row.size:
            break
        over_values = row.x0 > left + 0.25 * (right - left)
        in_label = row.x1 < table.cells[1].x0 and row.x0 >= left - 2
        wraps = in_label and not _is_header_row(table)
        if len(text) > 70 or not (
            (over_values and row.x1 > table.cells[0].x0)
            or (len(text) < 60 and (is_units or (_PERIOD.search(text) and not row.bold)))
            or wraps
        ):
            break
        is_title = row.bold and not table.bold and not over_values and not is_units
        if text.endswith(".") or is_title:
            break
        first -= 1
        has_units = has_units or is_units
    return first


def _is_header_cell(text: str) -> bool:
    return not is_number(text) or _YEAR.fullmatch(text) is not None


def _is_header_row(row: Row) -> bool:
    """Whether a row names columns: years, dates and words, no figures."""
    return all(_is_header_cell(cell.text) for cell in row.cells)


def _table(rows: list[Row]) -> Table:
    rows = _join_wrapped(rows)
    n_header = _n_header(rows)
    out: list[Row] = []
    headers: list[int | None] = []
    header: int | None = None
    i = 0
    if n_header:
        out.append(_merge_header(rows[:n_header]))
        headers.append(None)
        header, i = 0, n_header
    while i < len(rows):
        row = rows[i]
        if i and _names_new_columns(row):
            n = 1
            while i + n < len(rows) and n < 3 and _UNITS.match(rows[i + n].cells[0].text):
                n += 1
            above: list[Row] = []
            while len(out) > 1 and _spans_columns(out[-1], row):
                above.insert(0, out.pop())
                headers.pop()
            header = len(out)
            out.append(_merge_header([*above, *rows[i : i + n]]))
            headers.append(None)
            i += n
            continue
        out.append(row)
        headers.append(header if len(row.cells) > 1 else None)
        i += 1
    for k in {k for k in headers if k is not None}:
        _fill_gaps(out[k], [row for row, its in zip(out, headers, strict=True) if its == k])
    return Table(out, int(n_header > 0), headers)


def _fill_gaps(header: Row, rows: list[Row]) -> None:
    """Give rows that leave columns empty a cell for each, so that the others keep their names.

    By where the figures stand; nothing is done where that contradicts a row with all its cells.
    """
    names = header.cells
    places = [_places(row.cells[1:], names) for row in rows]
    first = min((at[0] for at in places if at), default=0)
    n_values = len(names) - first
    full = [at for row, at in zip(rows, places, strict=True) if len(row.cells) == n_values + 1]
    if not full or any(at != list(range(first, len(names))) for at in full):
        return
    if first > 1:
        label = names[0]
        for name in names[1:first]:
            label = join_pieces(label, name, " ")
        header.cells = [label, *names[first:]]
    for row, at in zip(rows, places, strict=True):
        has_label = not is_number(row.cells[0].text) or not _places(row.cells[:1], names[first:])
        if at and len(at) < n_values and has_label:
            standing = dict(zip(at, row.cells[1:], strict=True))
            gaps = {k: _nothing_at(names[k], row) for k in range(first, len(names))}
            row.cells = [row.cells[0], *(gaps | standing).values()]


def _places(cells: list[Piece], names: list[Piece]) -> list[int]:
    """The column each cell stands in, by its right edge or its middle; empty if unclear."""

    def distance(cell: Piece, name: Piece) -> float:
        return min(abs(cell.x1 - name.x1), abs(cell.x0 + cell.x1 - name.x0 - name.x1) / 2)

    at = [min(range(len(names)), key=lambda k: distance(cell, names[k])) for cell in cells]
    is_clear = all(a < b for a, b in pairwise(at)) and all(
        distance(cell, names[k]) < _COLUMN_EM * cell.size for cell, k in zip(cells, at, strict=True)
    )
    return at if is_clear else []


def _nothing_at(name: Piece, row: Row) -> Piece:
    return Piece((name.x1, row.y0, name.x1, row.y1), row.base, row.size, "")


def _spans_columns(row: Row, columns: Row) -> bool:
    """Whether a row stands over the columns that the row below names."""
    return (
        _is_header_row(row)
        and columns.base - row.base < 3.5 * row.size
        and row.cells[-1].x1 > columns.x0
        and all(len(cell.text) < 60 for cell in row.cells)
        and (row.x0 > columns.x0 - 20 or _PERIOD.search(row.cells[0].text) is not None)
    )


def _names_new_columns(row: Row) -> bool:
    """Whether a row inside a table starts another one: all its figures are years."""
    values = [cell.text for cell in row.cells[1:]]
    if _YEAR.fullmatch(row.cells[0].text):
        values.append(row.cells[0].text)
    return len(values) > 1 and all(_YEAR.fullmatch(text) for text in values)


def _n_header(rows: list[Row]) -> int:
    """Number of leading rows that name the columns; 0 when the table begins with figures."""
    n = 0
    for row in rows[:12]:
        if not _is_header_row(row):
            break
        n += 1
    else:
        # Words all the way: a table of text has its first row of several cells on top.
        for i, row in enumerate(rows[:4]):
            if len(row.cells) > 1:
                return i + 1 if len(rows) > i + 1 and row.bold and not rows[i + 1].bold else 0
    header = rows[:n]
    if not any(len(row.cells) > 1 for row in header):
        return 0
    # Section labels below the names ("Current assets:") are no header.
    while n and len(header[n - 1].cells) == 1 and not _UNITS.match(header[n - 1].cells[0].text):
        first_value = min(row.cells[1].x0 for row in rows if len(row.cells) > 1)
        if header[n - 1].x0 > first_value - 40:
            break
        n -= 1
    return n


def _merge_header(rows: list[Row]) -> Row:
    """Header lines as one row: names that wrap joined, what spans columns put before their names.

    What spans some of the columns (`Percent of Revenue`) stands before the name of each, what spans
    all of them (`Year ended December 31,`) with the units in the cell over the labels.
    """
    if len(rows) == 1:
        return rows[0]
    core = max(range(len(rows)), key=lambda i: len(rows[i].cells))
    columns = list(rows[core].cells)
    spanners: list[Piece] = []
    for i in [*range(core - 1, -1, -1), *range(core + 1, len(rows))]:
        for cell in _divide_columns(columns, rows[i].cells) if i > core else rows[i].cells:
            k = _column_of(cell, columns, n_beside=len(rows[i].cells))
            if k is None:
                spanners.append(cell)
            elif k < 0:
                columns.append(cell)
            else:
                upper, lower = (cell, columns[k]) if i < core else (columns[k], cell)
                columns[k] = join_pieces(upper, lower, " ")
    columns.sort(key=lambda cell: cell.x0)
    return _header_row(_over_some(_stacked(spanners), columns), columns)


def _divide_columns(columns: list[Piece], below: list[Piece]) -> list[Piece]:
    """Put names in the place of the one name above that spans them; the others are returned."""
    for k in reversed(range(len(columns))):
        spanned = [cell for cell in below if _overlap(cell, columns[k])]
        if len(spanned) > 1:
            columns[k : k + 1] = [_named(columns[k], cell) for cell in spanned]
            below = [cell for cell in below if cell not in spanned]
    return below


def _named(spanner: Piece, column: Piece) -> Piece:
    """A column's name with what stands above several, in the place of the column."""
    box = (column.x0, spanner.y0, column.x1, column.y1)
    return Piece(
        box,
        column.base,
        column.size,
        f"{spanner.text} {column.text}",
        bold=column.bold,
        italic=column.italic,
    )


def _overlap(a: Piece, b: Piece) -> bool:
    return a.x0 < b.x1 + 1 and a.x1 > b.x0 - 1


def _stacked(spanners: list[Piece]) -> list[Piece]:
    """Spanners top to bottom, those that wrap over two lines joined."""
    out: list[Piece] = []
    for cell in sorted(spanners, key=lambda cell: (cell.base, cell.x0)):
        for k, above in enumerate(out):
            is_centred = abs(above.x0 + above.x1 - cell.x0 - cell.x1) < 6
            is_near = 0 < cell.base - above.base < 1.65 * cell.size
            if is_centred and is_near and not _UNITS.match(cell.text):
                out[k] = join_pieces(above, cell, " ")
                break
        else:
            out.append(cell)
    return out


def _over_some(spanners: list[Piece], columns: list[Piece]) -> list[Piece]:
    """Put spanners of some columns before their names; the others are returned."""
    rest: list[Piece] = []
    lines = groupby(spanners, key=lambda cell: round(cell.base))
    for line in reversed([list(cells) for _, cells in lines]):  # the lowest is next to the names
        for cell, over in _spans(line, columns):
            if over:
                for k in over:
                    columns[k] = _named(cell, columns[k])
            else:
                rest.append(cell)
    return sorted(rest, key=lambda cell: (cell.base, cell.x0))


def _spans(line: list[Piece], columns: list[Piece]) -> Iterator[tuple[Piece, Sequence[int]]]:
    """The columns that each spanner of a line stands over; none where it is all of them."""
    has_units = any(_UNITS.match(cell.text) for cell in line)
    for n_labels in (0, 1):
        n_values = len(columns) - n_labels
        if has_units or not n_values or n_values % len(line):
            continue
        size = n_values // len(line)
        groups = [range(k, k + size) for k in range(n_labels, len(columns), size)]
        if all(
            abs(cell.x0 + cell.x1 - columns[group[0]].x0 - columns[group[-1]].x1) < 2 * cell.size
            for cell, group in zip(line, groups, strict=True)
        ):
            yield from zip(line, groups if len(line) > 1 else [()], strict=True)
            return
    for cell in line:
        over = [k for k, column in enumerate(columns) if _overlap(cell, column)]
        is_partial = 1 < len(over) < len(columns) - (not _YEAR.fullmatch(columns[0].text))
        yield cell, over if is_partial and not _UNITS.match(cell.text) else ()


def _column_of(cell: Piece, columns: list[Piece], *, n_beside: int) -> int | None:
    """Which column a part of a header names: its index, -1 for one of its own, None for several.

    Args:
        cell: The part.
        columns: The names found so far, left to right.
        n_beside: Number of cells on the line the part stands on.
    """
    if _UNITS.match(cell.text):
        return None
    over = [k for k, column in enumerate(columns) if _overlap(cell, column)]
    if len(over) > 1:
        return None
    if not over:
        return None if n_beside < len(columns) and cell.x0 > columns[0].x0 else -1
    # "Year ended December 31," over the middle one of three years.
    if 2 * n_beside <= len(columns) and _YEAR.fullmatch(columns[over[0]].text):
        return None
    return over[0]


def _header_row(spanners: list[Piece], columns: list[Piece]) -> Row:
    """One row of the columns; what spans them all shares one cell, the units last."""
    if not spanners:
        return Row(columns)
    if _UNITS.match(columns[0].text):
        spanners, columns = [*spanners, columns[0]], columns[1:]
    label, *more = sorted(spanners, key=lambda cell: _UNITS.match(cell.text) is not None)
    for cell in more:
        label = join_pieces(label, cell, " ")
    return Row([label, *columns])


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
