"""Which paragraphs of a PDF go over the end of their column or page, notes at its foot left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from docqa.engine.ingest.blocks import Block
from docqa.engine.ingest.furniture import line_key
from docqa.engine.ingest.layout import Row
from docqa.engine.ingest.line_breaks import Hyphens, glue_between
from docqa.engine.ingest.page_breaks import Seam, goes_on

_SAME_SIZE = 0.06
"""Most difference of two font sizes that count as one."""
_SAME_STEP = 0.15
"""The same of two distances between lines: notes are set closer than the text above them."""
_MAX_LINES = 2
"""Most lines of a running line."""
_SMALLER = 0.9
"""Notes and captions that are set smaller are at most this share of the text's size."""
_CLOSE = 0.75
"""Notes whose lines are at most this share as far apart as those of the text are plain to see."""
_NOTES_APART = 1.02, 1.2
"""Notes stand at least so many of the text's line distances below it: such notes, and others."""


@dataclass(frozen=True, slots=True)
class PageBreak:
    """A paragraph's way over the end of its page."""

    below: Block
    """Where it goes on."""
    seam: Seam


def join_columns(
    pages: list[list[Block]],
    furniture: set[int],
    is_prose: Callable[[Block], bool],
    hyphens: Hyphens,
) -> None:
    """Put paragraphs together that go on in the next column; the notes between come after them.

    Args:
        pages: The blocks of every page; those of one paragraph become one.
        furniture: Ids of blocks that are no text of their page.
        is_prose: Whether a block is neither a heading nor part of a table.
        hyphens: Of the document.
    """
    for blocks in pages:
        text = [block for block in blocks if id(block) not in furniture and not block.is_stray]
        for last, below in list(pairwise(text)):
            if below.column == last.column or not is_prose(below):
                continue
            above = _end_of_text(_column(text[: text.index(below)]), below)
            if above is None or not is_prose(above) or not _is_beside(above, below):
                continue
            seam = seam_of(above, below, hyphens)
            if seam is not None:
                append_block(above, below, seam)
                above.column, above.right = below.column, below.right
                above.has_full_lines = below.has_full_lines
                text.remove(below)
                blocks.remove(below)


def _column(blocks: list[Block]) -> list[Block]:
    """Those of a page's blocks that stand in the column of the last one, or over it."""
    left = min((b.rows[-1].x0 for b in blocks if b.column == blocks[-1].column), default=0.0)
    return [block for block in blocks if block.right > left and not block.is_stray]


def _is_beside(above: Block, below: Block) -> bool:
    """Whether a block begins a column to the right of the one another ends."""
    return below.lead.x0 > above.right - 1 and below.lead.base < above.rows[-1].base


def append_block(above: Block, below: Block, seam: Seam) -> None:
    """Add the rows of a block to those of another."""
    above.text = above.text[: seam.n_kept] + seam.glue
    shift = len(above.text)
    above.text += below.text
    above.starts += [shift + start for start in below.starts]
    above.raised += [shift + place for place in below.raised]
    above.rows = [*above.rows, *below.rows]
    above.boxes = [*above.boxes, *below.boxes]


def find_page_breaks(
    pages: list[list[Block]], is_prose: Callable[[Block], bool], hyphens: Hyphens
) -> dict[int, PageBreak]:
    """The paragraphs, by `id()` of the block, that go on at the head of the next page.

    Args:
        pages: The scored blocks of every page.
        is_prose: Whether a block is neither a heading nor part of a table.
        hyphens: Of the document.
    """
    ends = [(blocks[0], blocks[-1]) for blocks in pages if blocks]
    n_heads = Counter(line_key(first.text) for first, _ in ends if len(first.rows) <= _MAX_LINES)
    n_feet = Counter(line_key(last.text) for _, last in ends if len(last.rows) <= _MAX_LINES)
    found = {}
    for blocks, next_blocks in pairwise(pages):
        if not blocks or not next_blocks:
            continue
        below = next_blocks[0]
        above = _end_of_text(_column(blocks), below)
        if above is None:
            continue
        if not (is_prose(above) and is_prose(below)):
            continue
        # What returns on other pages is a running line that was not known as one.
        if n_feet[line_key(above.text)] > 1 or n_heads[line_key(below.text)] > 1:
            continue
        seam = seam_of(above, below, hyphens)
        if seam is not None:
            found[id(above)] = PageBreak(below, seam)
    return found


def seam_of(above: Block, below: Block, hyphens: Hyphens) -> Seam | None:
    """How a paragraph goes on after the end of a column or page; None where it does not.

    Args:
        above: The last one of the column or page.
        below: The first one of the next.
        hyphens: Of the document.
    """
    if not goes_on(above.text, below.text, is_full=_is_full(above, below)):
        return None
    if not _is_set_alike(above, below):
        return None
    if hyphens.stands_for_break(above.text, below.text):
        return Seam(len(above.text) - 1, "")
    return Seam(len(above.text), glue_between(above.text, below.text))


def _is_full(above: Block, below: Block) -> bool:
    """Whether the last of a block's lines has no room for the first word of another block."""
    if len(above.rows) == 1 and not above.has_full_lines:
        return False  # its own end may be all there is of a right edge
    word = below.text.split(" ", 1)[0]
    last = above.rows[-1]
    return above.right - last.x1 < 0.5 * last.size * (len(word) + 2)


def _is_set_alike(above: Block, below: Block) -> bool:
    """Whether two blocks look like one paragraph: letters, distance of lines, no new indent."""
    last, first = above.rows[-1], below.lead
    if abs(last.size - first.size) > _SAME_SIZE * last.size or last.bold != first.bold:
        return False
    if _step(below.rows[:2]) and first.x0 > below.rows[1].x0 + 0.8 * first.size:
        return False
    step, next_step = _step(above.rows[-2:]), _step(below.rows[:2])
    if not step or not next_step:
        return True
    return abs(step - next_step) <= _SAME_STEP * max(step, next_step)


def _end_of_text(blocks: list[Block], below: Block) -> Block | None:
    """The last block of a column above its notes; None where that is not plain to see.

    Args:
        blocks: Of the column.
        below: With which it may go on.
    """
    first = next((i for i, block in enumerate(blocks) if block.lead.is_note), len(blocks))
    n_text = len(blocks)
    while n_text and _is_note(blocks[n_text - 1], below):
        n_text -= 1
    n_text = min(n_text, first)
    if not n_text:
        return None
    above, notes = blocks[n_text - 1], blocks[n_text:]
    return above if _are_apart(above, notes) else None


def _is_note(block: Block, below: Block) -> bool:
    """Whether a block is set smaller or closer than the text that goes on below."""
    if block.in_table:
        return False
    step, text_step = _step(block.rows[-2:]), _step(below.rows[:2])
    is_closer = step < _CLOSE * text_step if step else block.lead.is_note
    return is_closer or _is_smaller(block, below)


def _is_smaller(block: Block, text: Block) -> bool:
    return block.rows[-1].size < _SMALLER * text.rows[-1].size


def _are_apart(above: Block, notes: list[Block]) -> bool:
    """Whether it is plain that notes begin below a block."""
    if all(_is_smaller(note, above) for note in notes):
        return True
    step = _step(above.rows[-2:])
    steps = [_step(note.rows[-2:]) for note in notes]
    if not step or max(steps) >= (1 - _SAME_STEP) * step:
        return False
    rows = [row for note in notes for row in note.rows]
    # Where every note is one line, it is the notes that follow each other closely.
    widest = max(steps) or max((_step([*pair]) for pair in pairwise(rows)), default=step)
    gap = rows[0].base - above.rows[-1].base
    return gap > _NOTES_APART[widest > _CLOSE * step] * step


def _step(rows: list[Row]) -> float:
    """The distance of two lines; 0 where there are not two of one column."""
    return max(rows[-1].base - rows[0].base, 0.0)
