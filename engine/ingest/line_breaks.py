"""Rows of a paragraph become one line: words broken at line ends are joined again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from docqa.engine.ingest.blocks import Block, row_text

_HYPHENS = "-\u00ad\u2010"
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_WORD_END = re.compile(r"([^\W\d_]+(?:-[^\W\d_]+)*)[-\u00ad\u2010]$")
_WORD_START = re.compile(r"[^\W\d_]+")
_OPEN_END = re.compile(r"[^\W_][-–\u2010]$|https?://\S*[/.@]?$|\w@$")
"""A line that ends inside a number, a compound or an address."""


def write_texts(pages: list[list[Block]]) -> Hyphens:
    """Give every block its text, words broken at line ends joined.

    Returns:
        What tells the hyphens of this document's line breaks.
    """
    hyphens = Hyphens(pages)
    for blocks in pages:
        for block in blocks:
            if len(block.rows) == 1:
                block.text, block.starts = row_text(block.rows[0]), [0]
                if not block.is_row:
                    block.raised.extend(block.lead.cells[0].raised)
            else:
                _join_rows(block, hyphens)
    return hyphens


class Hyphens:
    """Tells hyphens of line breaks from those of compounds, by how the document writes words."""

    def __init__(self, pages: list[list[Block]]) -> None:
        self._pages = pages

    def stands_for_break(self, above: str, below: str) -> bool:
        """Whether a line ends with a hyphen that is none of the word's.

        Args:
            above: The line, or its end.
            below: The line that goes on.
        """
        end = _WORD_END.search(above[-80:]) if above[-1] in _HYPHENS else None
        start = _WORD_START.match(below) if end else None
        if not end or not start:
            return False
        return above[-1] == "\u00ad" or self._joins(end[1], start[0])

    def _joins(self, first: str, second: str) -> bool:
        if (first + second).lower() in self._words:
            return True
        if not second[0].islower():
            return False
        if f"{first}-{second}".lower() in self._words or "-" in first:
            return False
        return self._breaks_words

    @cached_property
    def _words(self) -> set[str]:
        return {
            word.lower()
            for blocks in self._pages
            for block in blocks
            for row in block.rows
            for cell in row.cells
            for word in _WORD.findall(cell.text)
        }

    @cached_property
    def _breaks_words(self) -> bool:
        """Whether the document breaks words at all: filings do not, journals do."""
        breaks = [
            pair
            for blocks in self._pages
            for block in blocks
            if len(block.rows) > 1
            for pair in _breaks(block)
        ]
        joined = sum((a + b).lower() in self._words for a, b in breaks)
        kept = sum(f"{a}-{b}".lower() in self._words for a, b in breaks)
        return joined >= kept


def _breaks(block: Block) -> Iterator[tuple[str, str]]:
    """The two parts of every word broken at a line end."""
    for row, below in pairwise(block.rows):
        if row.cells[0].text[-1] in _HYPHENS:
            end = _WORD_END.search(row.cells[0].text)
            start = _WORD_START.match(below.cells[0].text)
            if end and start:
                yield end[1], start[0]


def _join_rows(block: Block, hyphens: Hyphens) -> None:
    """One line from the rows of a paragraph."""
    text = ""
    for row in block.rows:
        line = row.cells[0].text
        if text:
            if text[-1] in _HYPHENS and hyphens.stands_for_break(text, line):
                text = text[:-1]
            else:
                text += glue_between(text, line)
        block.starts.append(len(text))
        block.raised.extend(len(text) + place for place in row.cells[0].raised)
        text += line
    block.text = text


def glue_between(above: str, below: str) -> str:
    """What stands between two lines of a paragraph: a space, or nothing within a word."""
    if _OPEN_END.search(above[-12:]) or (_is_wide(above[-1]) and _is_wide(below[0])):
        return ""
    return " "


def _is_wide(char: str) -> bool:
    """Whether a character belongs to a script written without spaces."""
    return "\u2e80" <= char < "\uac00" or "\uff00" <= char <= "\uffef"
