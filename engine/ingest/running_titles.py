"""Running headers that are titles where they first stand: of an exhibit, a company's statements."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from docqa.engine.ingest.blocks import Block

_NEAR_PAGES = 6
"""A title is no longer the same after so many pages without it."""
_LARGER = 1.12
"""A title's font size over that of what stands below it."""
_COUNTED = 3
"""So many near by whose numbers are as far from those of their pages count the pages."""
_NO_TITLE = re.compile(r"\bpage\s*\d|\b(?:continued|cont['’]d|cont)\b", re.IGNORECASE)
"""In a line that goes on naming what was named on a page before."""
_HAS_WORD = re.compile(r"[^\W\d_]{2}")
_DIGITS = re.compile(r"\d{1,9}")


def find_titles(
    pages: list[list[Block]],
    running: list[tuple[int, Block]],
    furniture: set[int],
    numbers: set[int],
) -> set[int]:
    """Ids of the running headers that name what begins on their page.

    The name of an exhibit, or of the company whose statements follow, stands above each of its
    pages and nowhere else: the first of equal ones is a title.

    Args:
        pages: The blocks of every page.
        running: Running headers from the top of each page down, each with the page's index.
        furniture: Ids of all furniture.
        numbers: Ids of the page numbers.
    """
    on_pages: dict[str, list[int]] = defaultdict(list)
    counts: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for number, line in running:
        on_pages[_words(line)].append(number)
        for shift in _shifts(line, number):
            counts[shift].append(number)
    titles: set[int] = set()
    last = -1  # the page of the last title
    for number, line in running:
        text = _words(line)
        if _NO_TITLE.search(text) or not _HAS_WORD.search(text):
            continue
        if 2 * len(on_pages[text]) > len(pages):
            continue  # the document's own
        if number != last:  # what stands below a title is more of it
            if any(0 < number - n <= _NEAR_PAGES for n in on_pages[text]):
                continue
            around = pages[max(number - _NEAR_PAGES, 0) : number + 1]
            if any(
                _says(block, text)
                for page in around
                for block in page
                if id(block) not in furniture
            ):
                continue
            below = next((b for b in pages[number] if id(b) not in furniture), None)
            if below is not None and not _names(line, below):
                continue
            has_number = any(id(block) in numbers for block in pages[number])
            counts_pages = any(
                _n_within(counts[shift], number) >= _COUNTED for shift in _shifts(line, number)
            )
            if counts_pages and not (has_number and below is not None and _stands_out(line, below)):
                continue
            last = number
        titles.add(id(line))
    return titles


def _words(block: Block) -> str:
    return " ".join(block.text.split()).lower()


def _shifts(block: Block, number: int) -> Iterator[tuple[str, int, int]]:
    """For each number in a line how far it is from that of the page."""
    key = _DIGITS.sub("#", _words(block))
    for i, match in enumerate(_DIGITS.findall(block.text)):
        yield key, i, int(match) - number


def _n_within(numbers: list[int], number: int) -> int:
    """How many of the numbers of pages are near one."""
    return sum(abs(n - number) <= _NEAR_PAGES for n in numbers)


def _says(block: Block, text: str) -> bool:
    """Whether a block is a title that ends with the words of a running header."""
    return len(block.rows) <= 2 and not block.is_row and _words(block).endswith(text)


def _names(line: Block, below: Block) -> bool:
    """Whether a line can be the title of what stands below it, not words above running text."""
    if below.is_row or below.in_table:
        return line.lead.size > 0.9 * below.lead.size
    if below.lead.bold or below.text.isupper():
        return line.lead.bold or line.text.isupper()
    return _stands_out(line, below)


def _stands_out(line: Block, below: Block) -> bool:
    """Whether a line is set as a heading above what stands below it."""
    is_heavier = line.lead.bold and not below.lead.bold
    is_larger = line.lead.size > _LARGER * below.lead.size
    return (is_heavier or is_larger) and not below.text[0].islower()
