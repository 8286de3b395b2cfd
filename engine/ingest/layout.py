"""The geometry of a page: pieces of text become rows in reading order.

A piece is what MuPDF calls a line: a run of words on one baseline without a wide gap. Pieces are
laid out upright (`pdf.py` turns sideways pages first). Columns of prose are told from columns of
a table by what stands in them: full lines of words, one below the other, on both sides of a
gutter. Written by hand because MuPDF's `find_tables` takes 0.2 s a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from operator import attrgetter

from docqa.engine.ingest.ruling import Strip
from docqa.engine.types import Box

PROSE_CHARS = 18
"""A piece at least this long counts as prose when columns are looked for."""
COLUMN_ROWS = 4
"""Rows a column needs on both sides of its gutter."""
CELL_GAP_EM = 0.9
"""A gap this wide between words ends a cell."""
NUMBER_GAP_EM = 0.6
"""The same beside a number: narrow tables set their figures close."""

_CURRENCIES = frozenset("$€£¥")
_NUMBER = re.compile(
    r"[(\s$€£¥+−–—-]*\d[\d,.\s/]*[)%\s]*(?:\([a-z\d]{1,2}\))?(?:x|bps?|pts?\.?)?[⁰¹²³⁴-⁹]{0,3}|[$€£\s]*[—–−-]{1,3}[\s%)]*"
)
_LETTER = re.compile(r"[^\W\d_]")
_NOTE = re.compile(r"\d{1,3}(?= )")
_MARK_SIZE = 0.8
"""A note's mark on its own is smaller than this share of the letters beside it."""
_MARK_RISE = 0.8
"""Most it is raised, in sizes of those letters."""
_MARK_GAP_EM = 4
"""Most that is left between a mark and its note."""


class Piece:
    """A run of text on one baseline."""

    __slots__ = (
        "base",
        "bold",
        "italic",
        "raised",
        "size",
        "text",
        "underline",
        "x0",
        "x1",
        "y0",
        "y1",
    )

    def __init__(
        self,
        box: Box,
        base: float,
        size: float,
        text: str,
        *,
        bold: bool = False,
        italic: bool = False,
    ) -> None:
        self.x0, self.y0, self.x1, self.y1 = box
        self.base = base
        self.size = size
        self.text = text
        self.bold = bold
        self.italic = italic
        self.raised: tuple[int, ...] = ()
        """Where in the text raised numbers begin: the marks of notes."""
        self.underline = 0.0
        """Height of the line of dashes that was typed under it; 0 = none."""


class Row:
    """Pieces on one baseline, left to right: one cell of prose, or the cells of a table row."""

    __slots__ = (
        "base",
        "bold",
        "cells",
        "italic",
        "size",
        "strip",
        "underline",
        "x0",
        "x1",
        "y0",
        "y1",
    )

    def __init__(self, cells: list[Piece], strip: Strip | None = None) -> None:
        self.cells = cells
        self.strip = strip
        first = cells[0]
        self.x0, self.y0, self.x1, self.y1 = first.x0, first.y0, first.x1, first.y1
        self.base, self.size = first.base, first.size
        self.bold, self.italic = first.bold, first.italic
        self.underline = first.underline
        if len(cells) > 1:
            self._cover(cells)

    def _cover(self, cells: list[Piece]) -> None:
        longest = max(cells, key=_text_length)
        self.base, self.size = longest.base, longest.size
        self.bold = all(cell.bold for cell in cells)
        self.italic = all(cell.italic for cell in cells)
        self.underline = max(cell.underline for cell in cells)
        self.x0 = min(cell.x0 for cell in cells)
        self.x1 = max(cell.x1 for cell in cells)
        self.y0 = min(cell.y0 for cell in cells)
        self.y1 = max(cell.y1 for cell in cells)

    @property
    def box(self) -> Box:
        return min(self.x0, self.cells[0].x0), self.y0, self.x1, self.y1

    @property
    def is_note(self) -> bool:
        """Whether a note begins here, with its raised number."""
        first = self.cells[0]
        return first.raised[:1] == (0,) and _NOTE.match(first.text) is not None

    @property
    def bare_end(self) -> str:
        """The text of its first cell without the mark of a note at its end."""
        first = self.cells[0]
        mark = first.raised[-1] if first.raised else 0
        return first.text[:mark] if mark and first.text[mark:].isdigit() else first.text


def _text_length(piece: Piece) -> int:
    return len(piece.text)


def is_number(text: str) -> bool:
    """Whether a cell holds a figure, or the dash that stands for none."""
    return _NUMBER.fullmatch(text) is not None


def page_regions(pieces: list[Piece], tables: list[Box]) -> Iterator[list[Row]]:
    """Regions of a page in reading order, each one column of rows from top to bottom.

    Args:
        pieces: All text of the page.
        tables: Where strips show a table, which no gutter parts.
    """
    for region in _regions(pieces, tables, depth=0):
        yield [row_of(line) for line in baselines(region)]


def _regions(pieces: list[Piece], tables: list[Box], depth: int) -> Iterator[list[Piece]]:
    if not pieces:
        return
    if depth < 4:
        for gutter in _gutters(pieces):
            zones = _zones(pieces, tables, gutter)
            if zones is None:
                continue
            for zone in zones:
                yield from _regions(zone, tables, depth + 1)
            return
    yield pieces


def _gutters(pieces: list[Piece]) -> list[float]:
    """Where the second column may begin: left edges that several long pieces share."""
    if len(pieces) < 2 * COLUMN_ROWS:
        return []
    left, right = min(p.x0 for p in pieces), max(p.x1 for p in pieces)
    low, high = left + 0.2 * (right - left), right - 0.12 * (right - left)
    starts = sorted(p.x0 for p in pieces if low < p.x0 < high and _is_long(p.text))
    if len(starts) < COLUMN_ROWS:
        return []
    clusters: list[tuple[int, float]] = []
    begin = 0
    for i in range(1, len(starts) + 1):
        if i == len(starts) or starts[i] - starts[i - 1] > 2.0:
            if i - begin >= COLUMN_ROWS:
                clusters.append((i - begin, starts[begin]))
            begin = i
    clusters.sort(reverse=True)
    return [x for _, x in clusters[:3]]


def _is_long(text: str) -> bool:
    """Whether a piece is long enough to be a line of prose; a Chinese character is a word."""
    n_chars = len(text)
    return n_chars >= PROSE_CHARS or (2 * n_chars >= PROSE_CHARS and text[n_chars // 2] > "\u2e80")


def _zones(pieces: list[Piece], tables: list[Box], gutter: float) -> list[list[Piece]] | None:
    """Cut at a gutter: zones in reading order, or None where it is no gutter.

    Pieces that cross it (titles, wide tables) part the page into bands; in a band the left column
    is read before the right one.
    """
    crossing = [(p.y0, p.y1) for p in pieces if p.x0 < gutter - 1 and p.x1 > gutter + 1]
    crossing += [(y0, y1) for x0, y0, x1, y1 in tables if x0 < gutter - 1 and x1 > gutter + 1]
    crossing.sort()
    bands: list[tuple[bool, list[Piece]]] = []
    i = 0
    for piece in sorted(pieces, key=lambda p: p.y0 + p.y1):
        middle = (piece.y0 + piece.y1) / 2
        while i < len(crossing) and crossing[i][1] < middle:
            i += 1
        crosses = i < len(crossing) and crossing[i][0] <= middle
        if not bands or bands[-1][0] != crosses:
            bands.append((crosses, []))
        bands[-1][1].append(piece)
    sides = [None if crosses else _columns(band, gutter) for crosses, band in bands]
    if not any(side is not None and _is_prose(*side, COLUMN_ROWS) for side in sides):
        return None
    zones: list[list[Piece]] = []
    wide: list[Piece] = []
    for (_, band), side in zip(bands, sides, strict=True):
        if side is None or not _is_prose(*side, 1):
            wide.extend(band)
            continue
        if wide:
            zones.append(wide)
            wide = []
        zones.extend(side)
    if wide:
        zones.append(wide)
    return zones


def _columns(band: list[Piece], gutter: float) -> tuple[list[Piece], list[Piece]] | None:
    left = [p for p in band if p.x0 < gutter - 1]
    right = [p for p in band if p.x0 >= gutter - 1]
    return (left, right) if left and right else None


def _is_prose(left: list[Piece], right: list[Piece], n_rows: int) -> bool:
    """Whether both sides hold columns of text rather than the cells of a table."""
    return all(_is_text_column(side, n_rows) for side in (left, right))


def _is_text_column(side: list[Piece], n_rows: int) -> bool:
    tops = sorted({round(p.base / 3) for p in side})
    if len(tops) < n_rows:
        return False
    n_chars = sum(len(p.text) for p in side)
    n_long = sum(len(p.text) for p in side if _is_long(p.text))
    if n_long < 0.6 * n_chars:
        return False
    if len({p.text for p in side}) < 0.5 * len(side):
        return False  # the same words again and again are cells
    # Lines of a paragraph follow each other; the cells of a table leave gaps.
    height = max(p.base for p in side) - min(p.base for p in side)
    return len(tops) * 1.5 * side[0].size >= 0.5 * height


def baselines(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Pieces grouped by the baseline they stand on, top to bottom."""
    pieces.sort(key=attrgetter("base"))
    group: list[Piece] = []
    base = size = 0.0
    for piece in pieces:
        is_beside = group and (
            piece.base - base < 0.45 * (size if size > piece.size else piece.size)
            or (len(group) == 1 and _marks_note(group[0], piece))
        )
        if is_beside:
            group.append(piece)
            if piece.size > size:
                base, size = piece.base, piece.size
            continue
        if group:
            yield group
        group = [piece]
        base, size = piece.base, piece.size
    if group:
        yield group


def row_of(group: list[Piece]) -> Row:
    """Pieces on one baseline, close ones joined into cells."""
    if len(group) == 1:
        return Row(group)
    group.sort(key=attrgetter("x0"))
    if _marks_note(group[0], group[1]):
        return _note_row(group)
    is_leftward = _is_right_to_left(group)
    if is_leftward:
        group.reverse()
    cells = [group[0]]
    for piece in group[1:]:
        last = cells[-1]
        gap = max(piece.x0 - last.x1, last.x0 - piece.x1)
        em = last.size if last.size > piece.size else piece.size
        if gap > 0.25 * em and not piece.text.strip(". "):
            continue  # dots that lead to a number
        if (
            gap > CELL_GAP_EM * em
            or (gap > NUMBER_GAP_EM * em and (is_number(last.text) or is_number(piece.text)))
            or piece.text in _CURRENCIES
        ):
            cells.append(piece)
        else:
            cells[-1] = join_pieces(last, piece, "" if gap < 0.12 * em and not is_leftward else " ")
    return Row(cells)


def _marks_note(mark: Piece, text: Piece) -> bool:
    """Whether a piece is the raised number before the first line of a note."""
    return (
        mark.size < _MARK_SIZE * text.size
        and mark.text.isdecimal()
        and len(mark.text) <= 3
        and 0 < text.base - mark.base < _MARK_RISE * text.size
        and 0 < text.x0 - mark.x1 < _MARK_GAP_EM * text.size
        and not is_number(text.text)
    )


def _note_row(group: list[Piece]) -> Row:
    """The first line of a note, its number put before it; the row begins where the words do."""
    mark, *rest = group
    row = row_of(rest)
    note = join_pieces(mark, row.cells[0], " ")
    note.raised = (0, *note.raised)
    row.cells[0] = note
    row.y0 = min(row.y0, mark.y0)
    return row


def _is_right_to_left(group: Iterable[Piece]) -> bool:
    text = "".join(piece.text for piece in group)
    n_rtl = sum("\u0590" <= char <= "\u08ff" for char in text)
    return n_rtl > 0 and 2 * n_rtl > len(_LETTER.findall(text))


def join_pieces(a: Piece, b: Piece, separator: str) -> Piece:
    """One piece that holds the words of both and covers both."""
    longer = a if len(a.text) >= len(b.text) else b
    joined = Piece(
        (min(a.x0, b.x0), min(a.y0, b.y0), max(a.x1, b.x1), max(a.y1, b.y1)),
        longer.base,
        longer.size,
        a.text + separator + b.text,
        bold=a.bold and b.bold,
        italic=a.italic and b.italic,
    )
    joined.underline = max(a.underline, b.underline)
    if a.raised or b.raised:
        shift = len(a.text) + len(separator)
        joined.raised = (*a.raised, *(shift + place for place in b.raised))
    return joined
