"""Rows become blocks: paragraphs, lines on their own and table rows, each a line of a page.

Whether a block is a heading, or page furniture, depends on the whole document; `pdf_document.py`
decides when all pages are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from docqa.engine.ingest.layout import Piece, Row
from docqa.engine.ingest.note_marks import with_note_marks
from docqa.engine.ingest.ruling import Ruling
from docqa.engine.ingest.sentences import CELL_SEPARATOR, TERMINAL
from docqa.engine.ingest.tables.entries import page_parts
from docqa.engine.ingest.tables.regions import BULLET, Table, split_tables
from docqa.engine.types import Box

LIST_ITEM = re.compile(
    r"(?:\(?\d{1,3}[.)]|\(?[A-Za-z][.)]|\([ivxlc]{1,5}\)|[ivx]{1,4}[.)]|o(?=\s[A-Z]))\s"
)
_LETTERED = re.compile(r"(?:[a-uw-z]|[ivx]{2,4})[.)]\s+[A-Z]\w")
"""A line that begins small for its letter alone; `v. Smith` goes on with a case's name."""
_ABBREVIATION = re.compile(r"[a-z]\.\s?\w\.")
_ENDS = re.compile(r"[.!?:;。！？”\")](?:\(?\d{1,2}\)?)?$")
_ENDS_ITEM = re.compile(r"(?:[.!?:;,]|\band|\bor)$")
_PARTS_ITEMS = re.compile(r";(?: and| or)?$")
_FULL_EM, _FULL_LINES = 3.0, 5
"""So near to its right edge, and so many, lines show that a column's text is wrapped there."""
_WIDE_STEP = 2.6
"""Lines of a paragraph are no further apart than this many font sizes."""


@dataclass(slots=True, eq=False)
class Block:
    """One line of a page's text: a paragraph, a heading or a table row."""

    rows: list[Row]
    is_row: bool = False
    in_table: bool = False
    """Stands in a table, be it a row or a label between rows."""
    header: Block | None = None
    """For a table row: the row that names its columns."""
    is_header: bool = False
    is_stray: bool = False
    """Runs another way than the rest of its page."""
    names_section: bool = False
    """A number and a name that stand alone above a paragraph."""
    in_entry: bool = False
    """Belongs to an entry of a table of text, whose label is a heading for its paragraphs alone."""
    column: int = 0
    """Which region of its page it stands in; regions are columns, and what goes over several."""
    right: float = 0.0
    """Right edge of the column it stands in."""
    has_full_lines: bool = False
    """Whether several lines of that column reach its right edge."""
    text: str = ""
    starts: list[int] = field(default_factory=list)
    """Offset in `text` of each row."""
    raised: list[int] = field(default_factory=list)
    """Where in `text` the marks of notes begin."""
    boxes: list[Box] = field(default_factory=list)
    """Box of each row, on the page as shown."""

    @property
    def lead(self) -> Row:
        return self.rows[0]


def page_blocks(pieces: list[Piece], ruling: Ruling) -> list[Block]:
    """The blocks of a page in reading order."""
    blocks: list[Block] = []
    parts = page_parts(with_note_marks(pieces), list(ruling.bodies().values()))
    for column, region in enumerate(parts):
        rows = region.rows
        n_before = len(blocks)
        right = max(row.x1 for row in rows)
        steps = _usual_steps(rows)
        paragraph: list[Row] = []
        for part in split_tables(rows, ruling):
            if isinstance(part, Row):
                if paragraph and _starts_new(paragraph, part, right, steps):
                    blocks.append(Block(paragraph, right=right))
                    paragraph = []
                paragraph.append(part)
                continue
            if paragraph:
                blocks.append(Block(paragraph, right=right))
                paragraph = []
            blocks.extend(_table_blocks(part, right))
        if paragraph:
            blocks.append(Block(paragraph, right=right))
        n_full = sum(right - row.x1 < _FULL_EM * row.size for row in rows if len(row.cells) == 1)
        for block in blocks[n_before:]:
            block.column = column
            block.has_full_lines = n_full >= _FULL_LINES
            block.in_entry = region.in_entry
    return blocks


def _table_blocks(table: Table, right: float) -> Iterator[Block]:
    blocks = [
        Block([row], is_row=len(row.cells) > 1, in_table=True, right=right) for row in table.rows
    ]
    for block, header in zip(blocks, table.headers, strict=True):
        if header is not None:
            block.header = blocks[header]
            blocks[header].is_header = True
    for block in blocks[: table.n_header]:
        block.is_header = True
    return iter(blocks)


def _usual_steps(rows: list[Row]) -> dict[int, float]:
    """For each row (by `id()`) the distance of two lines of a paragraph around it.

    Looked for near by, for notes are set closer than the text above them.
    """
    steps = [0.0]
    for above, row in pairwise(rows):
        is_like = len(row.cells) == 1 == len(above.cells) and abs(above.size - row.size) < 0.5
        step = row.base - above.base - above.underline
        steps.append(step if is_like and 0 < step < _WIDE_STEP * row.size else 0.0)
    usual = {}
    for i, row in enumerate(rows):
        near = [step for step in steps[max(i - 3, 0) : i + 2] if step]
        near.sort()
        # A third of the way up: lines of paragraphs are closer than everything else.
        usual[id(row)] = max(near[len(near) // 3], row.size) if near else 1.3 * row.size
    return usual


def _starts_new(paragraph: list[Row], row: Row, right: float, steps: dict[int, float]) -> bool:
    """Whether a row opens a new paragraph rather than going on with the one above."""
    last, first = paragraph[-1], paragraph[0]
    size = row.size
    step = row.base - last.base - last.underline
    usual = steps.get(id(row)) or steps.get(id(last)) or 1.3 * size
    text, above = row.cells[0].text, last.bare_end
    if step > 1.22 * usual + 0.5 and not _wraps_into(last, row, right):
        return True
    if step < -0.5 * size:
        return True
    if row.is_note or abs(size - last.size) > 0.12 * size or BULLET.match(text):
        return True
    is_item = LIST_ITEM.match(text) is not None and not _ABBREVIATION.match(text)
    if is_item and _PARTS_ITEMS.search(above):
        return True
    if text[:1].islower() and not _LETTERED.match(text) and not TERMINAL.search(above):
        return False
    if row.bold != last.bold:
        return True
    is_indented = abs(row.x0 - last.x0) > 0.8 * size
    is_heading = LIST_ITEM.match(first.cells[0].text) and all(r.italic for r in paragraph)
    if is_heading and is_indented and not row.italic and text[:1].isupper():
        return True
    if is_item and (_ENDS_ITEM.search(above) or row.x0 < last.x0 - 0.5 * size):
        return True
    # The line above had room for the first word of this one: its break was meant.
    word = text.split(" ", 1)[0]
    room = right - last.x1 - size
    if room > 0.5 * size * (len(word) + 1) and (TERMINAL.search(above) or room > 8 * size):
        return True
    if len(paragraph) == 1:
        return row.x0 > first.x0 + 0.8 * size and bool(TERMINAL.search(above))
    return is_indented and (row.x0 > last.x0 or bool(TERMINAL.search(above)))


def _wraps_into(last: Row, row: Row, right: float) -> bool:
    """Whether a line that is far below another goes on with it: wide lines after close ones."""
    text, above = row.cells[0].text, last.bare_end
    if not text.split(" ", 1)[0].islower() or LIST_ITEM.match(text) or _ENDS.search(above):
        return False
    is_alike = abs(row.size - last.size) < 0.5 and row.bold == last.bold and not row.is_note
    room = right - last.x1 - 0.5 * row.size * (len(text.split(" ", 1)[0]) + 1)
    return is_alike and room < 0 and row.base - last.base < _WIDE_STEP * row.size


def row_text(row: Row) -> str:
    """The cells of a row as one line; an empty cell is nothing between two separators."""
    if len(row.cells) == 1:
        return row.cells[0].text
    return CELL_SEPARATOR.join(cell.text for cell in row.cells).strip()
