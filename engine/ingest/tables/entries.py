"""Tables of text: entries one below the other, each a label and what is said about it.

Officers with their careers, the matters of an audit, signatures, glossaries. What stands in their
columns are full lines of words, so that the space between the columns looks like the gutter of a
page in columns; but the blocks on both sides of it begin on one baseline, entry by entry. An entry
becomes one row, or, where much is said, its label and then paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from docqa.engine.ingest.layout import (
    Piece,
    Row,
    baselines,
    is_number,
    join_pieces,
    page_regions,
    row_of,
)
from docqa.engine.ingest.sentences import CELL_SEPARATOR, TERMINAL
from docqa.engine.ingest.tables.regions import BULLET, MARKER, opens_item
from docqa.engine.types import Box

_GAP_EM = 1.5
"""Entries are further apart than this many font sizes."""
_GAP_STEPS = 1.3
"""And than so many times the usual step from line to line."""
_FAR_EM = 4.0
"""Paragraphs of one entry are no further apart."""
_PARAGRAPH_EM, _ROOM_EM = 25.0, 5.0
"""A column as wide holds paragraphs; a line that leaves as much room more than a word ends one."""
_COLUMN_GAP_EM = 0.5
_MAX_COLUMNS = 5
_MAX_LABEL_CHARS = 200
_MAX_ROW_LINES = 6
_MAX_LABEL_LINES = 2
"""Where every column has more, mostly, the page is printed in columns."""
_MAX_ROW_WORDS = 60
"""A last cell with more is paragraphs."""
_MIN_ROWS = 3
_PROSE_LINES, _PROSE_CHARS = 3, 35
"""A column of paragraphs has so many lines, of so many characters on average."""
_LABEL_SHARE = 0.7
"""The columns before paragraphs are narrower than this share of theirs."""
_SMALL_NUMBER = re.compile(r"\d{1,4}")
"""An age or a year, which is no figure of a statement."""
_ITEM = re.compile(r"\((?:\d{1,2}|[a-z]|[ivxl]{1,5})\)")
"""What opens a paragraph beside a label."""
_SECTION = re.compile(r"\d{1,3}(?:\.\d{1,3}){2,}\.?")
"""The number of a section: `2.3.59.1`."""
_PAGE = re.compile(r"\d{1,3}")
_WORD = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class Region:
    """One column of rows from top to bottom."""

    rows: list[Row]
    in_entry: bool = False
    """Whether it is the label of an entry, or the paragraphs under it."""


@dataclass(slots=True)
class _Line:
    pieces: list[Piece]
    row: Row


@dataclass(slots=True)
class _Run:
    """Bands of lines, with white space between them, that share columns."""

    bands: list[list[_Line]] = field(default_factory=list)
    columns: list[tuple[float, float]] = field(default_factory=list)
    """Left and right edge of each, left to right."""


@dataclass(slots=True)
class _Entry:
    """The lines of an entry by column."""

    cells: list[list[Piece]]
    lines: list[Row]
    is_long: bool = False
    """Whether the last column holds paragraphs."""

    @property
    def filled(self) -> list[list[Piece]]:
        return [cell for cell in self.cells if cell]

    @property
    def is_rest(self) -> bool:
        """Whether it goes on with what is said about the label of the entry above."""
        return len(self.filled) == 1 and bool(self.cells[-1])

    @property
    def is_named(self) -> bool:
        """Whether it begins with the names of columns."""
        return all(cell.bold or cell.text.isupper() for cell in self.lines[0].cells)

    @property
    def is_one(self) -> bool:
        """Whether its lines are one row: a cell that does not wrap stands beside one that does."""
        label, *others = self.filled
        if not others:
            return not self.is_rest
        size = label[0].size
        begin = any(
            abs(cell[0].base - label[0].base) < size
            or abs(cell[0].base + cell[-1].base - label[0].base - label[-1].base) < size
            for cell in others
        )
        below = self.lines[-1].cells
        has_page = len(self.lines) > 1 and len(below) == 1 and _PAGE.fullmatch(below[0].text)
        has_short = any(len(cell) == 1 or _goes_on(cell[1]) for cell in self.filled)
        return begin and not has_page and has_short


def _goes_on(cell: Piece) -> bool:
    """Whether a line can be no cell of its own: `(Principal Financial Officer)`, `2017`."""
    return cell.text[0] == "(" or cell.text[0].islower() or is_number(cell.text)


def page_parts(pieces: list[Piece], tables: list[Box]) -> Iterator[Region]:
    """Regions of a page in reading order, as `page_regions` has them, entries taken out first.

    Args:
        pieces: All text of the page.
        tables: Where strips show a table.
    """
    lines = [_Line(group, _with_items(row_of(group))) for group in baselines(list(pieces))]
    several = [line.row.cells for line in lines if len(line.row.cells) > 1]
    if not several or any(cells[0].x0 > cells[-1].x0 for cells in several):
        yield from map(Region, page_regions(pieces, tables))  # no columns, or written leftward
        return
    step = _usual_step(lines)
    taken: list[tuple[_Run, list[_Entry]]] = []
    for run in _runs(lines, step):
        entries = _entries(run, step)
        is_drawn = entries and not any(entry.is_long for entry in entries) and _meets(run, tables)
        if entries is not None and not is_drawn:
            taken.append((run, entries))
    rest = list(pieces)
    for run, entries in taken:
        top = min(piece.base for piece in run.bands[0][0].pieces)
        inside = {id(piece) for band in run.bands for line in band for piece in line.pieces}
        above = [piece for piece in rest if piece.base < top and id(piece) not in inside]
        yield from map(Region, page_regions(above, tables))
        yield from _parts(entries)
        inside.update(map(id, above))
        rest = [piece for piece in rest if id(piece) not in inside]
    yield from map(Region, page_regions(rest, tables))


def _with_items(row: Row) -> Row:
    """A row with the markers of items joined to their text, at its begin or beside a label."""
    cells = row.cells
    if opens_item(cells) and not (len(cells) == 2 and _is_in_margin(*cells)):
        return Row([join_pieces(cells[0], cells[1], " "), *cells[2:]])
    is_beside = len(cells) > 2 and _ITEM.fullmatch(cells[-2].text) and opens_item(cells[-2:])
    return Row([*cells[:-2], join_pieces(cells[-2], cells[-1], " ")]) if is_beside else row


def _is_in_margin(number: Piece, text: Piece) -> bool:
    """Whether the number of a section stands too far from a text to open it."""
    return bool(_SECTION.fullmatch(number.text)) and text.x0 - number.x1 > _FAR_EM * number.size


def _usual_step(lines: list[_Line]) -> float:
    """The distance of most lines, in points: a third of the way up."""
    steps = sorted(b.row.base - a.row.base for a, b in pairwise(lines))
    return steps[len(steps) // 3] if steps else 0.0


def _gap(size: float, step: float) -> float:
    """What parts two entries, in points."""
    return max(_GAP_EM * size, _GAP_STEPS * step)


def _runs(lines: list[_Line], step: float) -> Iterator[_Run]:
    """Bands one below the other whose lines stand in the same columns."""
    run = _Run()
    for band in _bands(lines, step):
        columns = _with_band(run, band)
        if columns is None:
            yield from _trimmed(run)
            run = _Run()
            columns = _with_band(run, band)
        if columns is not None:
            run.columns = columns
            run.bands.append(band)
    yield from _trimmed(run)


def _bands(lines: list[_Line], step: float) -> Iterator[list[_Line]]:
    band = lines[:1]
    for above, line in pairwise(lines):
        if line.row.base - above.row.base > _gap(line.row.size, step):
            yield band
            band = []
        band.append(line)
    yield band


def _with_band(run: _Run, band: list[_Line]) -> list[tuple[float, float]] | None:
    """A run's columns with what stands in a band; None where its lines do not keep to them."""
    columns = list(run.columns)
    bands = [band]
    for line in band:
        for cell in line.row.cells:
            edge = _COLUMN_GAP_EM * cell.size
            over = [c for c in columns if cell.x0 < c[1] + edge and cell.x1 > c[0] - edge]
            if len(over) > 1:
                bands = [*run.bands, band]  # a name may have stood over a part of its column
            for column in over:
                columns.remove(column)
            over.append((cell.x0, cell.x1))
            columns.append((min(c[0] for c in over), max(c[1] for c in over)))
    columns.sort()
    if len(columns) > _MAX_COLUMNS:
        return None
    for line in (line for band in bands for line in band):
        if len({_column_of(cell, columns) for cell in line.row.cells}) < len(line.row.cells):
            return None
    return columns


def _column_of(cell: Piece, columns: list[tuple[float, float]]) -> int:
    return next(k for k, (_, right) in enumerate(columns) if cell.x0 <= right)


def _trimmed(run: _Run) -> Iterator[_Run]:
    """A run from its first to its last band of several columns, and what goes on close below it."""
    n_columns = [
        len({_column_of(cell, run.columns) for line in band for cell in line.row.cells})
        for band in run.bands
    ]
    first = next((i for i, n in enumerate(n_columns) if n > 1), len(n_columns))
    end = max((i + 1 for i, n in enumerate(n_columns) if n > 1), default=0)
    last = len(run.columns) - 1
    while 0 < end < len(run.bands) and all(
        _column_of(line.row.cells[0], run.columns) == last and not is_number(line.row.cells[0].text)
        for line in run.bands[end]
    ):
        above, first_line = run.bands[end - 1][-1].row, run.bands[end][0].row
        if first_line.base - above.base > _FAR_EM * above.size:
            break
        end += 1
    if first < end:
        yield _Run(run.bands[first:end], run.columns)


def _meets(run: _Run, tables: list[Box]) -> bool:
    """Whether strips show what the rows are."""
    top, bottom = run.bands[0][0].row.y0, run.bands[-1][-1].row.y1
    return any(y0 < bottom and y1 > top for _, y0, _, y1 in tables)


def _entries(run: _Run, step: float) -> list[_Entry] | None:
    """The entries of a run; None where it is no table of text."""
    entries: list[_Entry] = []
    for band in run.bands:
        entries.extend(_split(band, run.columns, step))
    n_long = n_wrapped = n_beside = n_rows = 0
    for i, entry in enumerate(entries):
        if any(_is_figure(column[0]) for column in entry.filled):
            return None
        if len(entry.filled) == 1:
            continue
        if not _is_labelled(entry):
            return None
        rests = _rests(entries, i)
        entry.is_long = not entry.is_named and (
            bool(rests) or _n_words(entry.cells[-1]) > _MAX_ROW_WORDS
        )
        if entry.is_long and not _is_above_prose(entry, rests):
            return None
        if not entry.is_long and len(entry.lines) > _MAX_ROW_LINES:
            return None
        n_beside += not entry.is_long and min(map(len, entry.filled)) > _MAX_LABEL_LINES
        n_long += entry.is_long
        n_rows += 1
        n_wrapped += not entry.is_long and len(entry.lines) > 1 and entry.is_one
    if 2 * sum(_is_of_prose(entry, run.columns) for entry in entries) > n_rows:
        return None  # paragraphs side by side
    last = [cell for entry in entries for cell in entry.cells[-1]]
    if 2 * sum(is_number(cell.text) for cell in last) > len(last):
        return None  # a table of contents
    if 2 * n_beside > n_rows:
        return None
    return entries if n_long or (n_wrapped and n_rows >= _MIN_ROWS) else None


def _split(band: list[_Line], columns: list[tuple[float, float]], step: float) -> Iterator[_Entry]:
    """The entries of a band: one begins where a label does after a gap, beside another cell."""
    entry = _Entry([[] for _ in columns], [])
    for line in band:
        at = [(_column_of(cell, columns), cell) for cell in line.row.cells]
        labels = [
            (entry.cells[k][-1], cell)
            for k, cell in at
            if len(at) > 1 and k < len(columns) - 1 and entry.cells[k]
        ]
        is_apart = any(cell.base - above.base > _gap(cell.size, step) for above, cell in labels)
        has_label = bool(labels) and at[0][0] == 0 and bool(entry.cells[0])
        is_next = has_label and (
            labels[0][0].text.endswith(":") or _breaks(entry.cells[-1], at[-1][1], columns[-1])
        )
        if is_apart or is_next:
            yield entry
            entry = _Entry([[] for _ in columns], [])
        for k, cell in at:
            entry.cells[k].append(cell)
        entry.lines.append(line.row)
    yield entry


def _breaks(column: list[Piece], cell: Piece, edges: tuple[float, float]) -> bool:
    """Whether the line above in a column of paragraphs had room for the first word of this one."""
    left, right = edges
    if not column or right - left < _PARAGRAPH_EM * cell.size:
        return False
    word = len(cell.text.split(" ", 1)[0]) + 1
    is_flush = abs(column[-1].x0 - left) < 0.5 * cell.size > abs(cell.x0 - left)
    return is_flush and right - column[-1].x1 > (0.5 * word + _ROOM_EM) * cell.size


def _is_figure(cell: Piece) -> bool:
    is_small = _SMALL_NUMBER.fullmatch(cell.text) or _SECTION.fullmatch(cell.text)
    return is_number(cell.text) and not is_small


def _is_labelled(entry: _Entry) -> bool:
    """Whether an entry begins with a few words, not with the number of an item."""
    label = entry.filled[0]
    n_chars = sum(len(cell.text) for column in entry.cells[:-1] for cell in column)
    return (
        n_chars <= _MAX_LABEL_CHARS
        and _WORD.search(" ".join(cell.text for cell in label)) is not None
        and (not MARKER.fullmatch(label[0].text) or _SECTION.fullmatch(label[0].text) is not None)
    )


def _is_of_prose(entry: _Entry, columns: list[tuple[float, float]]) -> bool:
    """Whether what stands where a label would is a paragraph or item, of a column as wide."""
    label, *others = entry.filled
    widths = [right - left for left, right in columns]
    is_as_wide = widths[0] >= _LABEL_SHARE * widths[-1]
    is_ended = TERMINAL.search(label[-1].text) is not None and len(label) > 1
    are_items = all(BULLET.match(cell[0].text) for cell in entry.filled)
    return bool(others) and is_as_wide and (is_ended or are_items)


def _rests(entries: list[_Entry], i: int) -> list[_Entry]:
    """What follows an entry in the last column alone."""
    return list(takewhile(lambda entry: entry.is_rest, entries[i + 1 :]))


def _n_words(column: list[Piece]) -> int:
    return sum(cell.text.count(" ") + 1 for cell in column)


def _is_above_prose(entry: _Entry, rests: list[_Entry]) -> bool:
    """Whether a label stands beside the first line of the paragraphs in the last column."""
    prose = entry.cells[-1]
    if not prose:
        return False
    label = [cell for column in entry.cells[:-1] for cell in column]
    lines = [cell for one in (entry, *rests) for cell in one.cells[-1]]
    width = max(cell.x1 for cell in lines) - min(cell.x0 for cell in lines)
    label_width = max(cell.x1 for cell in label) - min(cell.x0 for cell in label)
    return (
        abs(prose[0].base - entry.filled[0][0].base) < 0.5 * prose[0].size
        and len(lines) >= max(_PROSE_LINES, len(entry.filled[0]))
        and sum(len(cell.text) for cell in lines) >= _PROSE_CHARS * len(lines)
        and label_width < _LABEL_SHARE * width
    )


def _parts(entries: list[_Entry]) -> Iterator[Region]:
    """Rows of short entries together, labels and paragraphs each on their own."""
    rows: list[Row] = []
    prose: list[Row] = []
    for entry in entries:
        if prose and not entry.is_rest:
            yield Region(prose, in_entry=True)
            prose = []
        if prose or entry.is_long:
            if rows:
                yield Region(rows)
                rows = []
            if entry.is_long:
                yield Region([Row([_label(entry)])], in_entry=True)
            prose.extend(Row([cell]) for cell in entry.cells[-1])
        elif entry.is_one and not (len(entry.filled) > 1 and entry.is_named):
            rows.append(_row(entry))
        else:
            rows.extend(entry.lines)
    if rows or prose:
        yield Region(rows or prose, in_entry=bool(prose))


def _row(entry: _Entry) -> Row:
    """An entry as one row, which stands where its first line does."""
    cells = [_joined(column) for column in entry.filled]
    for cell in cells:
        cell.base = entry.lines[0].base
    return Row(cells)


def _label(entry: _Entry) -> Piece:
    """The columns before paragraphs as one line, in the style it begins with; bold if in part."""
    first, *more = [_joined(column) for column in entry.cells[:-1] if column]
    label = first
    for cell in more:
        label = join_pieces(label, cell, CELL_SEPARATOR)
    lead = entry.filled[0][0]
    label.bold = any(cell.bold for column in entry.cells[:-1] for cell in column)
    label.italic, label.base = lead.italic, lead.base
    return label


def _joined(column: list[Piece]) -> Piece:
    cell = join_pieces(column[0], column[0], "")
    cell.text, cell.raised = column[0].text, column[0].raised
    for below in column[1:]:
        cell = join_pieces(cell, below, " ")
    return cell
