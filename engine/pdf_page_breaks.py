"""Which paragraphs of a PDF go over the end of their page, notes at its foot left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from docqa.engine.blocks import Block
from docqa.engine.furniture import line_key
from docqa.engine.line_breaks import Hyphens, glue_between
from docqa.engine.page_breaks import Seam, goes_on

_SAME_SIZE = 0.06
"""Most difference of two font sizes that count as one."""
_SAME_STEP = 0.15
"""The same of two distances between lines: notes are set closer than the text above them."""
_MAX_LINES = 2
"""Most lines of a running line."""
_NOTES_APART = 1.2
"""Notes stand at least so many of the text's line distances below it."""


@dataclass(frozen=True, slots=True)
class PageBreak:
    """A paragraph's way over the end of its page."""

    below: Block
    """Where it goes on."""
    seam: Seam


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
        above = _end_of_text(blocks)
        if above is None or not next_blocks:
            continue
        below = next_blocks[0]
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
    """How a paragraph goes on after the end of a page; None where it does not.

    Args:
        above: The last one of the page.
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
    if len(below.rows) > 1 and first.x0 > below.rows[1].x0 + 0.8 * first.size:
        return False
    if len(above.rows) == 1 or len(below.rows) == 1:
        return True
    step = _last_step(above)
    next_step = below.rows[1].base - first.base
    return abs(step - next_step) <= _SAME_STEP * max(step, next_step)


def _end_of_text(blocks: list[Block]) -> Block | None:
    """The last block of a page above its notes; None where that is not plain to see."""
    first = next((i for i, block in enumerate(blocks) if block.lead.is_note), None)
    if first is None:
        return blocks[-1] if blocks else None
    above = blocks[first - 1]
    if first == 0 or len(above.rows) == 1:
        return None
    step = _last_step(above)
    notes = [block for block in blocks[first:] if len(block.rows) > 1]
    is_apart = blocks[first].lead.base - above.rows[-1].base > _NOTES_APART * step
    are_closer = all(_last_step(note) < (1 - _SAME_STEP) * step for note in notes)
    return above if is_apart and are_closer else None


def _last_step(block: Block) -> float:
    return block.rows[-1].base - block.rows[-2].base
