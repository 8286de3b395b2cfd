"""Page numbers that stand anywhere: those of the pages a text had before it was printed anew.

A contract that was filed as typed text has the numbers of its own pages, and the notes above them,
in the middle of a PDF's pages; an exhibit has them below text of any length.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from docqa.engine.ingest.blocks import Block
from docqa.engine.ingest.furniture import line_key, printed_number
from docqa.engine.ingest.line_breaks import Hyphens
from docqa.engine.ingest.page_breaks import Seam
from docqa.engine.ingest.pdf_page_breaks import append_block, seam_of

_HAS_WORD = re.compile(r"[^\W\d_]{2}")
_LEAST_RUN = 3
"""So many numbers that count up one by one are page numbers."""
_PAGE_CHARS = (400, 10_000)
"""Least and most characters between two of them: items of a list stand closer, chapters do not."""
_NOTE_LINES = 4
"""Most lines of a note that returns beside the numbers."""
_MOST_NOTES = 3
"""Most notes on one side of a number."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A line with nothing but a number."""

    index: int
    """Of its block, among those of the document."""
    value: int
    place: int
    """Characters of the document before it."""


def find_old_page_numbers(pages: list[list[Block]], furniture: set[int]) -> set[int]:
    """Ids (`id()`) of the blocks that count pages, and of the notes that return beside them.

    Args:
        pages: The blocks of every page.
        furniture: Ids of those that are furniture already.
    """
    blocks = [block for page in pages for block in page if id(block) not in furniture]
    found: set[int] = set()
    for run in _runs(_numbers(blocks)):
        found.update(id(blocks[number.index]) for number in run)
        n_times = Counter(
            line_key(note.text) for number in run for note in _notes(blocks, number.index)
        )
        for number in run:
            for step in (-1, 1):
                for note in _notes(blocks, number.index, (step,)):
                    if n_times[line_key(note.text)] < _LEAST_RUN:
                        break
                    found.add(id(note))
    return found


def _numbers(blocks: list[Block]) -> Iterator[_Number]:
    place = 0
    for index, block in enumerate(blocks):
        value = None if block.is_row or block.is_stray else printed_number(block.text)
        if value is not None:
            yield _Number(index, value, place)
        place += len(block.text)


def _runs(numbers: Iterator[_Number]) -> Iterator[list[_Number]]:
    """Numbers that count up one by one, about a page apart."""
    by_last: dict[int, list[_Number]] = {}
    runs: list[list[_Number]] = []
    least, most = _PAGE_CHARS
    for number in numbers:
        run = by_last.get(number.value - 1)
        if run is not None and least <= number.place - run[-1].place <= most:
            del by_last[number.value - 1]
        else:
            run = []
            runs.append(run)
        run.append(number)
        by_last[number.value] = run
    return (run for run in runs if len(run) >= _LEAST_RUN)


def _notes(blocks: list[Block], index: int, steps: tuple[int, ...] = (-1, 1)) -> Iterator[Block]:
    """Short blocks on both sides of a number, or on one, nearest first."""
    for step in steps:
        for i in range(1, _MOST_NOTES + 1):
            at = index + step * i
            note = blocks[at] if 0 <= at < len(blocks) else None
            if note is None or len(note.rows) > _NOTE_LINES or not _HAS_WORD.search(note.text):
                break
            yield note


def join_over_numbers(
    pages: list[list[Block]],
    numbers: set[int],
    is_prose: Callable[[Block], bool],
    hyphens: Hyphens,
) -> None:
    """Put paragraphs together that an old page's end parts; what stood between comes after them.

    Args:
        pages: The blocks of every page; those of one paragraph become one.
        numbers: Ids of the blocks that `find_old_page_numbers` found.
        is_prose: Whether a block is neither a heading nor part of a table.
        hyphens: Of the document.
    """
    for blocks in pages:
        if not any(id(block) in numbers for block in blocks):
            continue
        joined: list[Block] = []
        between: list[Block] = []
        for block in blocks:
            if id(block) in numbers:
                between.append(block)
                continue
            above = joined[-1] if joined and between else None
            seam = above and _seam(above, block, is_prose, hyphens)
            if above and seam:
                append_block(above, block, seam)
                continue
            joined += between
            between = []
            joined.append(block)
        blocks[:] = joined + between


def _seam(
    above: Block, below: Block, is_prose: Callable[[Block], bool], hyphens: Hyphens
) -> Seam | None:
    if not (is_prose(above) and is_prose(below)):
        return None
    return seam_of(above, below, hyphens)
