"""The pages of a document one under the other: which line of the screen shows what.

Pages are laid out when they are looked at; the heights of the others are estimates until there
was time to measure them. Nothing here knows Textual.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from docqa.app.tui.widgets.page_layout import PageLayout, estimated_height, lay_out
from docqa.engine.types import Page, Sentence

N_ABOVE = 2
"""Lines of a page before its text: the ruler and an empty one."""
N_BELOW = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the stack."""

    index: int
    """Of the page, from 0."""
    line: int
    """Of its layout; negative or beyond its end for the ruler and the space around it."""


class PageStack:
    """Pages laid out for a width."""

    def __init__(self, pages: Sequence[Page], sentences: Sequence[Sentence], width: int) -> None:
        """
        Args:
            pages: The document's, or those read so far, from the first on.
            sentences: All of the document's.
            width: Cells of a line.
        """
        self.pages = pages
        self.width = width
        self.by_page: dict[int, list[Sentence]] = {}
        for sentence in sentences:
            for part in sentence.parts:
                self.by_page.setdefault(part.page, []).append(part)
        self._layouts: list[PageLayout | None] = [None] * len(pages)
        self._heights = [N_ABOVE + estimated_height(page, width) + N_BELOW for page in pages]
        self._starts: list[int] | None = None
        self._next = 0

    @property
    def height(self) -> int:
        """Lines in all."""
        return self._tops()[-1]

    def layout(self, index: int) -> PageLayout:
        """A page laid out."""
        layout = self._layouts[index]
        if layout is None:
            page = self.pages[index]
            layout = lay_out(page, self.by_page.get(page.number, ()), self.width)
            self._layouts[index] = layout
            height = N_ABOVE + len(layout.lines) + N_BELOW
            if height != self._heights[index]:
                self._heights[index] = height
                self._starts = None
        return layout

    def top(self, index: int) -> int:
        """The line a page begins at."""
        return self._tops()[index]

    def line_of(self, index: int, offset: int) -> int:
        """The line of the stack that shows a character of a page."""
        line = self.layout(index).line_of(offset)
        return self.top(index) + N_ABOVE + line

    def at(self, y: int) -> Place | None:
        """What a line of the stack shows; its page is laid out by that."""
        while 0 <= y < self.height:
            index = self._index_at(y)
            is_new = self._layouts[index] is None
            self.layout(index)
            if not is_new or self._index_at(min(y, self.height - 1)) == index:
                break
        if not 0 <= y < self.height:
            return None
        index = self._index_at(y)
        return Place(index, y - self.top(index) - N_ABOVE)

    def measure(self, seconds: float) -> bool:
        """Lay out further pages for so long.

        Returns:
            Whether any are left.
        """
        end = time.perf_counter() + seconds
        while self._next < len(self.pages):
            self.layout(self._next)
            self._next += 1
            if time.perf_counter() > end:
                break
        return self._next < len(self.pages)

    def _index_at(self, y: int) -> int:
        return min(bisect_right(self._tops(), y) - 1, len(self.pages) - 1)

    def _tops(self) -> list[int]:
        if self._starts is None:
            self._starts = list(accumulate(self._heights, initial=0))
        return self._starts
