"""Running headers, footers and page numbers: what repeats at the same place over pages."""

from __future__ import annotations

import re
from collections import defaultdict

from docqa.engine.blocks import Block

_EDGE = 0.14
"""Share of the page's height at its top and bottom where furniture stands."""
_MAX_LINES = 4
_PLACE_POINTS = 12.0
"""Furniture moves by less than this from page to page."""
_NEAR_PAGES = 4
"""A running header of a chapter returns within this many pages."""

_DIGITS = re.compile(r"\d+")
_ROMAN = re.compile(r"[ivxlc]+", re.IGNORECASE)
_PAGE_NUMBER = re.compile(r"\W*(?:page\s*)?#(?:\s*(?:of|/)\s*#)?\W*|[A-Z]{1,2}-#", re.IGNORECASE)


def find_furniture(pages: list[list[Block]], heights: list[float]) -> set[int]:
    """Ids (`id()`) of the blocks that are page furniture.

    Args:
        pages: The blocks of every page; positions in layout coordinates.
        heights: Height of every page in the same coordinates.
    """
    places: dict[str, list[tuple[int, float, Block]]] = defaultdict(list)
    for number, (blocks, height) in enumerate(zip(pages, heights, strict=True)):
        for block, place in _edge_blocks(blocks, height):
            places[_key(block.text)].append((number, place, block))
    found: set[int] = set()
    for key, items in places.items():
        is_number = _PAGE_NUMBER.fullmatch(key) is not None
        enough = 2 if is_number or len(pages) < 4 else 3
        for number, place, block in items:
            near = {
                n
                for n, other, _ in items
                if abs(other - place) < _PLACE_POINTS and abs(n - number) <= 2 * _NEAR_PAGES
            }
            if len(near) >= enough and (not block.is_row or _may_be_furniture(block, near)):
                found.add(id(block))
    return found


def _may_be_furniture(block: Block, near: set[int]) -> bool:
    """A row of cells at the edge is furniture unless it heads a table."""
    return not block.is_header and block.header is None and len(near) >= 3


def _edge_blocks(blocks: list[Block], height: float) -> list[tuple[Block, float]]:
    """Short blocks at the top and at the bottom, with their distance from that edge."""
    top = [b for b in blocks if b.lead.y1 < _EDGE * height]
    bottom = [b for b in blocks if b.rows[-1].y0 > (1 - _EDGE) * height]
    top.sort(key=lambda b: b.lead.y0)
    bottom.sort(key=lambda b: -b.lead.y0)
    near_top = [(b, b.lead.y0) for b in top[:_MAX_LINES] if len(b.rows) <= 2]
    near_bottom = [(b, -(height - b.rows[-1].y1)) for b in bottom[:_MAX_LINES] if len(b.rows) <= 2]
    return near_top + near_bottom


def _key(text: str) -> str:
    """The text with its numbers made alike, so that page 7 is page 8."""
    if _ROMAN.fullmatch(text):
        return "#"
    return _DIGITS.sub("#", " ".join(text.split())).lower()[:120]
