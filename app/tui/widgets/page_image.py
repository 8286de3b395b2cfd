"""A picture drawn with half blocks: two pixels a cell, in every terminal with colours."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from docqa.engine.exports.page_image import PageImage


class HalfBlockImage(ScrollView, can_focus=True):
    """A picture to scroll in."""

    DEFAULT_CSS = """
    HalfBlockImage {
        overflow: auto;
        scrollbar-size: 1 1;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._image: PageImage | None = None
        self._strips: dict[int, Strip] = {}

    @property
    def image(self) -> PageImage | None:
        return self._image

    def show(self, image: PageImage | None) -> None:
        """Draw another picture."""
        self._image = image
        self._strips.clear()
        size = Size(0, 0) if image is None else Size(image.width, (image.height + 1) // 2)
        self.virtual_size = size
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Two rows of pixels."""
        left, top = self.scroll_offset
        width = self.scrollable_content_region.width
        if self._image is None or 2 * (top + y) >= self._image.height:
            return Strip.blank(width, self.rich_style)
        if top + y not in self._strips:
            self._strips[top + y] = half_blocks(self._image, top + y)
        return self._strips[top + y].crop_extend(left, left + width, self.rich_style)


def half_blocks(image: PageImage, row: int) -> Strip:
    """A line of cells: the upper pixel is the colour of the block, the lower one that behind it."""
    upper = _pixels(image, 2 * row)
    lower = _pixels(image, min(2 * row + 1, image.height - 1))
    segments = []
    for pair, cells in groupby(zip(upper, lower, strict=True)):
        segments.append(Segment("▀" * sum(1 for _ in cells), _style(*pair)))
    return Strip(segments, image.width)


def _pixels(image: PageImage, row: int) -> list[bytes]:
    start = row * image.width * 3
    line = image.pixels[start : start + image.width * 3]
    return [line[at : at + 3] for at in range(0, len(line), 3)]


@lru_cache(maxsize=16384)
def _style(upper: bytes, lower: bytes) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))
