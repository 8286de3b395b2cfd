"""A page's text as lines of a terminal: paragraphs wrapped, table rows in columns.

A line is made of slices of the page's text, so that every cell of the screen knows which
character of the page it shows. Nothing here knows Textual.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from docqa.app.terminal import cells
from docqa.engine.exports.control_characters import clean
from docqa.engine.types import Page, PageStatus, Sentence, SentenceKind

_BAR = re.compile(r" ?\| ?")
_LETTER = re.compile(r"[^\W\d_]")
_DASHES = ("-", "–", "—")
_GAP = 2
"""Cells between two columns."""
_MIN_LABEL = 14
"""A first column narrower than this is not readable."""
_WISHED_LABEL = 26
"""Columns beside it get no more room while a wide first column has less."""
_HANG = 2
"""How far the second line of a table's label is set in."""
_MAX_BETWEEN = 2
"""Most lines between two rows of a table: titles of its parts, rows with other cells."""
_MAX_TITLE = 90
"""Most characters of such a title."""

_NOTICES = {
    PageStatus.EMPTY: "(This page is blank.)",
    PageStatus.IMAGE: "(This page is a picture without text: a scan. Run OCR first: ocrmypdf.)",
    PageStatus.SUSPECT: "(The text layer of this page is not readable language. Run OCR first: "
    "ocrmypdf --force-ocr.)",
}


class BlockKind(Enum):
    """What a line of the page's text is."""

    PROSE = auto()
    HEADING = auto()
    ROW = auto()


@dataclass(frozen=True, slots=True)
class Run:
    """A slice of the page's text, and the column of the screen it begins at."""

    start: int
    end: int
    column: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the screen; without runs it is empty, or a notice."""

    runs: tuple[Run, ...] = ()
    notice: str = ""


@dataclass(frozen=True, slots=True)
class _Block:
    """One line of the page's text."""

    start: int
    end: int
    kind: BlockKind


@dataclass(frozen=True, slots=True)
class PageLayout:
    """A page laid out for a width."""

    text: str
    """The page's, without control characters; offsets hold."""
    lines: tuple[Line, ...]

    def line_of(self, offset: int) -> int:
        """The line that shows a character, or the last one before it."""
        found = 0
        for number, line in enumerate(self.lines):
            if line.runs and min(run.start for run in line.runs) <= offset:
                found = number
                if any(run.start <= offset < run.end for run in line.runs):
                    return number
        return found

    def offset_at(self, line: int, column: int) -> int | None:
        """The character of the page under a cell of a line."""
        text, offsets = self.compose(line)
        right = 0
        for char, offset in zip(text, offsets, strict=True):
            right += cells(char)
            if column < right:
                return offset if offset >= 0 else None
        return None

    def compose(self, number: int) -> tuple[str, list[int]]:
        """A line as it is drawn, and for each of its characters the page's, or -1 for padding."""
        line = self.lines[number]
        if not line.runs:
            return line.notice, [-1] * len(line.notice)
        text, offsets, width = "", [], 0
        for run in line.runs:
            n_spaces = max(run.column - width, 0)
            text += " " * n_spaces + self.text[run.start : run.end]
            offsets += [-1] * n_spaces + list(range(run.start, run.end))
            width = max(run.column, width) + cells(self.text[run.start : run.end])
        return text, offsets


def lay_out(page: Page, sentences: Sequence[Sentence], width: int) -> PageLayout:
    """Lay out a page.

    Args:
        page: The page.
        sentences: Those that stand on it; they tell headings and rows.
        width: Cells of a line.
    """
    text = clean(page.text).replace("\t", " ")
    blocks = _blocks(text, sentences)
    if not blocks:
        return PageLayout(text, tuple(_notice(page.status, width)))
    lines: list[Line] = []
    before: tuple[BlockKind, int] | None = None
    for part in _parts(text, blocks):
        kind = part[0].kind
        if kind is BlockKind.ROW:
            drawn = list(_table(text, part, width))
        else:
            drawn = [Line((run,)) for run in wrap(text, part[0].start, part[0].end, width)]
        if before is not None and _needs_space(before, (kind, len(drawn))):
            lines.append(Line())
        lines.extend(drawn)
        before = (kind, len(drawn))
    if page.status is not PageStatus.TEXT:
        lines = [*_notice(page.status, width), Line(), *lines]
    return PageLayout(text, tuple(lines))


def _notice(status: PageStatus, width: int) -> list[Line]:
    """Why a page shows no text."""
    lines = textwrap.wrap(_NOTICES.get(status, ""), width)
    return [Line(notice=line) for line in lines] or [Line()]


def estimated_height(page: Page, width: int) -> int:
    """About how many lines `lay_out` makes of a page; a hundred times quicker."""
    n_blocks = page.text.count("\n") + 1
    return max(1, round(len(page.text) / max(width - 4, 1) + 0.8 * n_blocks))


def _needs_space(before: tuple[BlockKind, int], after: tuple[BlockKind, int]) -> bool:
    """Whether an empty line stands between two parts."""
    (kind, n_lines), (next_kind, n_next) = before, after
    if kind is BlockKind.HEADING:
        return False
    return next_kind is not kind or (kind is BlockKind.PROSE and (n_lines > 1 or n_next > 1))


def _parts(text: str, blocks: Sequence[_Block]) -> Iterator[Sequence[_Block]]:
    """Blocks that are drawn together: a table, or a paragraph or heading alone."""
    at = 0
    while at < len(blocks):
        end = _table_end(text, blocks, at) if blocks[at].kind is BlockKind.ROW else at + 1
        yield blocks[at:end]
        at = end


def _table_end(text: str, blocks: Sequence[_Block], first: int) -> int:
    """One past the last row with as many cells, over titles and odd rows between."""
    n_cells, end = len(_cells(text, blocks[first])), first + 1
    for at in range(first + 1, len(blocks)):
        block = blocks[at]
        is_row = block.kind is BlockKind.ROW
        if is_row and len(_cells(text, block)) == n_cells:
            end = at + 1
        elif at - end >= _MAX_BETWEEN or not (is_row or _is_part_title(block)):
            break
    return end


def _is_part_title(block: _Block) -> bool:
    """Whether a block may name a part of a table."""
    return block.kind is BlockKind.PROSE and block.end - block.start <= _MAX_TITLE


def _blocks(text: str, sentences: Sequence[Sentence]) -> list[_Block]:
    kinds = {sentence.start: sentence.kind for sentence in sentences}
    blocks, start = [], 0
    for line in text.split("\n"):
        end = start + len(line)
        if line.strip():
            blocks.append(_Block(start, end, _kind(line, kinds.get(start))))
        start = end + 1
    return blocks


def _kind(line: str, kind: SentenceKind | None) -> BlockKind:
    if kind is SentenceKind.HEADING:
        return BlockKind.HEADING
    if kind is SentenceKind.ROW or (kind is None and " | " in line):
        return BlockKind.ROW
    return BlockKind.PROSE


def wrap(text: str, start: int, end: int, width: int, hang: int = 0) -> Iterator[Run]:
    """Break a stretch of text into lines.

    Args:
        text: The page's.
        start: First character.
        end: One past the last.
        width: Cells of a line.
        hang: How far lines after the first are set in.
    """
    column = 0
    while start < end:
        while start < end and text[start] == " ":
            start += 1
        if start == end:
            return
        stop = _fitting(text, start, end, max(width - column, 1))
        if stop < end and text[stop] != " ":
            space = text.rfind(" ", start, stop)
            stop = space if space > start else stop
        yield Run(start, stop, column)
        start, column = stop, hang if width > 3 * hang else 0


def _fitting(text: str, start: int, end: int, width: int) -> int:
    """One past the last character that fits; at least one does."""
    stop = min(start + width, end)
    if text[start:stop].isascii():
        return max(stop, start + 1)
    room = width
    for at in range(start, end):
        room -= cells(text[at])
        if room < 0:
            return max(at, start + 1)
    return end


Cell = tuple[int, int]
"""Start and end of a table cell."""


def _table(text: str, blocks: Sequence[_Block], width: int) -> Iterator[Line]:
    """A table in columns, or its rows wrapped where they do not fit."""
    rows = [_cells(text, block) for block in blocks]
    full = [row for row in rows if len(row) == len(rows[0])]
    columns = _columns(text, full, width)
    for block, row in zip(blocks, rows, strict=True):
        if len(row) == len(rows[0]) and columns is not None:
            yield from _row_lines(text, row, columns)
        else:
            yield from (Line((run,)) for run in wrap(text, block.start, block.end, width, _HANG))


def _cells(text: str, block: _Block) -> tuple[Cell, ...]:
    """The cells of a row. One of figures alone lacks its label: it gets an empty one."""
    spans, start = [], block.start
    for bar in _BAR.finditer(text, block.start, block.end):
        spans.append((start, bar.start()))
        start = bar.end()
    spans.append((start, block.end))
    has_label = spans[0][0] == spans[0][1] or _LETTER.search(text, block.start, block.end)
    if len(spans) > 1 and not has_label:
        spans.insert(0, (block.start, block.start))
    return tuple(spans)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a table on the screen."""

    left: int
    width: int
    to_right: bool


def _columns(text: str, rows: Sequence[Sequence[Cell]], width: int) -> list[_Column] | None:
    """Where the columns of a table stand; None where they do not fit."""
    columns = list(zip(*rows, strict=True))
    if len(columns) == 1:
        return None
    widths = [max(cells(text[a:b]) for a, b in column) for column in columns]
    gaps = _GAP * (len(widths) - 1)
    if sum(widths) + gaps > width:  # names of columns may take several lines, figures may not
        widths[1:] = _narrowed(text, columns, widths, width - gaps)
    room = width - sum(widths[1:]) - gaps
    if room < min(widths[0], _MIN_LABEL):
        return None
    widths[0] = min(widths[0], room)
    found, left = [], 0
    for column, wide in zip(columns, widths, strict=True):
        found.append(_Column(left, wide, bool(left) and _is_numeric(text, column)))
        left += wide + _GAP if wide else 0
    return found


def _narrowed(
    text: str, columns: Sequence[Sequence[Cell]], widths: Sequence[int], width: int
) -> list[int]:
    """Columns after the first as narrow as need be, the widest of them last."""
    least = [max(_least(text, cell) for cell in column) for column in columns[1:]]
    spare = max(width - min(widths[0], _WISHED_LABEL) - sum(least), 0)
    for _, at in sorted((wide, at) for at, wide in enumerate(widths[1:])):
        more = min(widths[1 + at] - least[at], spare)
        least[at] += more
        spare -= more
    return least


def _least(text: str, cell: Cell) -> int:
    """How narrow a cell can be."""
    content = text[slice(*cell)]
    words = content.split() if _LETTER.search(content) else [content]
    return max(map(cells, words), default=0)


def _is_numeric(text: str, column: Sequence[Cell]) -> bool:
    """Whether most cells of a column are figures."""
    filled = [text[a:b] for a, b in column if a < b]
    return 2 * sum(_is_figure(cell) for cell in filled) >= len(filled)


def _is_figure(cell: str) -> bool:
    n_digits = sum(map(str.isdigit, cell))
    return cell in _DASHES or n_digits > sum(map(str.isalpha, cell))


def _row_lines(text: str, row: Sequence[Cell], columns: Sequence[_Column]) -> Iterator[Line]:
    """A row; what takes fewer lines than the tallest cell stands at the bottom."""
    parts = [
        list(wrap(text, *cell, max(column.width, 1), _HANG if number == 0 else 0))
        for number, (cell, column) in enumerate(zip(row, columns, strict=True))
    ]
    height = max(map(len, parts))
    for at in range(height):
        runs = []
        for part, column in zip(parts, columns, strict=True):
            nth = at - (height - len(part))
            if nth >= 0:
                run = part[nth]
                n_free = column.width - cells(text[run.start : run.end]) - run.column
                shift = column.left + (max(n_free, 0) if column.to_right else 0)
                runs.append(Run(run.start, run.end, run.column + shift))
        yield Line(tuple(runs))
