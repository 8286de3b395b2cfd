"""The names of a table's columns: its header rows, and what stands under which name.

Names stand over several lines, some over one column, some over several, some over all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from docqa.engine.ingest.layout import Piece, Row, is_number, join_pieces
from docqa.engine.ingest.tables.strips import TIGHT_PITCH
from docqa.engine.words import MONTHS

_YEAR = re.compile(r"(?:FY|CY)?\s?(?:19|20)\d\d\s?(?:E|A|\(\w\)|\*|[⁰¹²³⁴-⁹]{1,2})?")
PERIOD = re.compile(
    r"\b(?:ended|ending|months?|weeks?|quarters?|fiscal|years?|as of|as at|december|june|march|"
    r"september|january|may|october|in (?:thousands|millions|billions))\b",
    re.IGNORECASE,
)
_MONTH = "|".join(MONTHS)
_DATE = re.compile(
    rf"(?:(?:as (?:of|at)|at|for|the|fiscal|calendar|years?|quarters?|months?|weeks?|three|six|nine"
    rf"|twelve|ended|ending|and|(?:{_MONTH})(?:\s\d{{1,2}},?)?)\s+)*(?:19|20)\d\d:?",
    re.IGNORECASE,
)
"""A year, or a date or period with its year."""
UNITS = re.compile(r"\(?.*\b(?:thousands|millions|billions|dollars|unaudited)\b", re.IGNORECASE)
_COLUMN_EM = 3.0
"""A figure stands within so many font sizes of the name of its column."""


def _is_header_cell(text: str) -> bool:
    return not is_number(text) or _YEAR.fullmatch(text) is not None


def is_header_row(row: Row) -> bool:
    """Whether a row names columns: years, dates and words, no figures."""
    return all(_is_header_cell(cell.text) for cell in row.cells)


def spans_columns(row: Row, columns: Row) -> bool:
    """Whether a row stands over the columns that the row below names."""
    return (
        is_header_row(row)
        and columns.base - row.base < 3.5 * row.size
        and row.cells[-1].x1 > columns.x0
        and all(len(cell.text) < 60 for cell in row.cells)
        and (row.x0 > columns.x0 - 20 or PERIOD.search(row.cells[0].text) is not None)
    )


def names_new_columns(row: Row) -> bool:
    """Whether a row inside a table starts another one: all its figures are years."""
    values = [cell.text for cell in row.cells[1:]]
    if _YEAR.fullmatch(row.cells[0].text):
        values.append(row.cells[0].text)
    return len(values) > 1 and all(_YEAR.fullmatch(text) for text in values)


def names_group(row: Row, below: Row) -> bool:
    """Whether a label in a table names the rows below it: a date, or a line that stands out."""
    if len(row.cells) > 1:
        return False
    is_left = row.x0 <= below.x0 + 1
    if _DATE.fullmatch(row.cells[0].text):
        return is_left or row.cells[0].text.endswith(":")
    return is_left and row.bold and not below.bold and row.strip is not None


def group_header(group: Row, header: Row, rows: list[Row]) -> Row | None:
    """A label with the names of the columns, for the rows below it; None where they do not fit."""
    n_cells = max((len(row.cells) for row in rows), default=0)
    if len(header.cells) not in (n_cells, n_cells - 1):
        return None
    has_label = len(header.cells) == n_cells
    label = join_pieces(group.cells[0], group.cells[0], "")
    label.text = group.cells[0].text
    if has_label:
        label.text += f" {header.cells[0].text}"
    names = [
        Piece((name.x0, group.y0, name.x1, group.y1), group.base, group.size, name.text)
        for name in header.cells[has_label:]
    ]
    return Row([label, *names])


def count_header_rows(rows: list[Row]) -> int:
    """Number of leading rows that name the columns; 0 when the table begins with figures."""
    n = 0
    for row in rows[:12]:
        if not is_header_row(row) or (n and _is_below_names(rows, n)):
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
    while n and len(header[n - 1].cells) == 1 and not UNITS.match(header[n - 1].cells[0].text):
        first_value = min(row.cells[1].x0 for row in rows if len(row.cells) > 1)
        if header[n - 1].x0 > first_value - 40:
            break
        n -= 1
    return n


def _is_below_names(rows: list[Row], i: int) -> bool:
    """Whether a row of words is the first below bold names: it fills every column, as they do.

    A name's next line, in plain letters or not, stands closer.
    """
    row, names = rows[i], rows[i - 1]
    n_columns = max(len(row.cells) for row in rows)
    return (
        all(above.bold for above in rows[:i])
        and not row.bold
        and len(row.cells) == n_columns == len(names.cells) > 1
        and row.base - names.base > TIGHT_PITCH * row.size
        and not UNITS.match(row.cells[0].text)
        and row.cells[0].text[0] != "("  # says what stands above it, on a form that is filled in
    )


def merge_header(rows: list[Row]) -> Row:
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
        groups = _groups(rows[i].cells, columns) if i < core else []
        if len(groups) > 1 and len(groups[0]) > 1:
            spanners.extend(rows[i].cells)
            continue
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
            if is_centred and is_near and not UNITS.match(cell.text):
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
    groups = _groups(line, columns)
    if groups:
        yield from zip(line, groups if len(line) > 1 else [()], strict=True)
        return
    for cell in line:
        over = [k for k, column in enumerate(columns) if _overlap(cell, column)]
        is_partial = 1 < len(over) < len(columns) - (not _YEAR.fullmatch(columns[0].text))
        yield cell, over if is_partial and not UNITS.match(cell.text) else ()


def _groups(line: list[Piece], columns: list[Piece]) -> list[range]:
    """The columns each cell of a line is centred over, all groups of one size; empty if not so."""
    if any(UNITS.match(cell.text) for cell in line):
        return []
    for n_labels in (0, 1):
        n_values = len(columns) - n_labels
        if not n_values or n_values % len(line):
            continue
        size = n_values // len(line)
        groups = [range(k, k + size) for k in range(n_labels, len(columns), size)]
        if all(
            abs(cell.x0 + cell.x1 - columns[group[0]].x0 - columns[group[-1]].x1) < 2 * cell.size
            for cell, group in zip(line, groups, strict=True)
        ):
            return groups
    return []


def _column_of(cell: Piece, columns: list[Piece], *, n_beside: int) -> int | None:
    """Which column a part of a header names: its index, -1 for one of its own, None for several.

    Args:
        cell: The part.
        columns: The names found so far, left to right.
        n_beside: Number of cells on the line the part stands on.
    """
    if UNITS.match(cell.text):
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
    if UNITS.match(columns[0].text):
        spanners, columns = [*spanners, columns[0]], columns[1:]
    label, *more = sorted(spanners, key=lambda cell: UNITS.match(cell.text) is not None)
    for cell in more:
        label = join_pieces(label, cell, " ")
    return Row([label, *columns])


def fill_gaps(header: Row, rows: list[Row]) -> None:
    """Give rows that leave columns empty a cell for each, so that the others keep their names.

    So do rows of figures alone, as totals have no label. By where the figures stand; nothing is
    done where that contradicts a row with all its cells.
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
        label, values = row.cells[0], row.cells[1:]
        if begins_with_figures(row) and _places([label], names[first:]):
            label, values = nothing_at(label.x0, row), row.cells
            at = [first + k for k in _places(values, names[first:])]
        if at and (not label.text or len(at) < n_values):
            standing = dict(zip(at, values, strict=True))
            gaps = {k: nothing_at(names[k].x1, row) for k in range(first, len(names))}
            row.cells = [label, *(gaps | standing).values()]


def begins_with_figures(row: Row) -> bool:
    """Whether a row may have no label, as totals."""
    return len(row.cells) > 1 and all(is_number(cell.text) for cell in row.cells[:2])


def _places(cells: list[Piece], names: list[Piece]) -> list[int]:
    """The column each cell stands in, by its right edge or its middle; empty if unclear."""

    def distance(cell: Piece, name: Piece) -> float:
        return min(abs(cell.x1 - name.x1), abs(cell.x0 + cell.x1 - name.x0 - name.x1) / 2)

    at = [min(range(len(names)), key=lambda k: distance(cell, names[k])) for cell in cells]
    is_clear = all(a < b for a, b in pairwise(at)) and all(
        distance(cell, names[k]) < _COLUMN_EM * cell.size for cell, k in zip(cells, at, strict=True)
    )
    return at if is_clear else []


def nothing_at(x: float, row: Row) -> Piece:
    """An empty cell of a row."""
    return Piece((x, row.y0, x, row.y1), row.base, row.size, "")
