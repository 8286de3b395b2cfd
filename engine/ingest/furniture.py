"""Running headers, footers and page numbers: what repeats at the same place over pages."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict

from docqa.engine.ingest.blocks import Block
from docqa.engine.ingest.running_titles import find_titles

_EDGE = 0.14
"""Share of the page's height at its top and bottom where furniture stands."""
_MAX_LINES = 4
_PLACE_POINTS = 12.0
"""Furniture moves by less than this from page to page."""
_NEAR_PAGES = 6
"""A running header of a chapter returns within this many pages."""
_CLOSE_PAGES = 5
"""So few pages hold three of a running header; the title of a statement returns later."""
_MANY = 5
"""So many near by are a running header's, however they lie."""

_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"\W*(?:page\s*)?(?:[A-Z]{1,2}-)?(?:(?P<arabic>\d{1,4})|(?P<roman>(?-i:[ivxlc]{1,7}|[IVXLC]{1,7})))"
    r"(?:\s*(?:of|/)\s*\d{1,4})?\W*",
    re.IGNORECASE,
)
_HAS_WORD = re.compile(r"[^\W\d_]{2}")
_ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


def find_furniture(pages: list[list[Block]], heights: list[float]) -> set[int]:
    """Ids (`id()`) of the blocks that are page furniture.

    Args:
        pages: The blocks of every page; positions in layout coordinates.
        heights: Height of every page in the same coordinates.
    """
    numbers = _page_numbers(pages)
    found = numbers | _stamps(pages)
    edges = [
        _edge_blocks(blocks, height, found) for blocks, height in zip(pages, heights, strict=True)
    ]
    places: dict[str, dict[int, float]] = defaultdict(dict)
    n_heads: Counter[str] = Counter()
    for number, sides in enumerate(edges):
        for side in sides:
            within = _within_edge(pages[number], side)
            for block, place in side:
                key = line_key(block.text)
                places[key][number] = place
                is_of_table = block.is_header or block.header is not None
                n_heads[key] += is_of_table and id(block) not in within
    n_inside = _n_inside(pages, heights)
    enough = 2 if len(pages) < 4 else 3
    running: list[tuple[int, Block]] = []
    for number, sides in enumerate(edges):
        for side in sides:
            for block, place in side:
                key = line_key(block.text)
                # Furniture stands outside everything else. A header repeated on the pages of a
                # long table is none; a running header that chances to stand over a table is.
                # One that also stands in the midst of its pages is set there again and again.
                heads_tables = 2 * n_heads[key] > len(places[key])
                is_text = 2 * n_inside[key] > len(places[key]) or block.lead.is_note
                is_top = side is sides[0]
                if heads_tables or is_text or _n_near(places[key], number, place, is_top) < enough:
                    break
                found.add(id(block))
                if is_top:
                    running.append((number, block))
    found -= find_titles(pages, running, found, numbers)
    for blocks in pages:
        for block in blocks:
            if block.header is not None and id(block.header) in found:
                block.header = None
    return found


def _within_edge(blocks: list[Block], side: list[tuple[Block, float]]) -> set[int]:
    """Ids of header and rows of what looks like a table and ends where the edge does.

    Two lines of a footer, each in cells, have that look.
    """
    edge = {id(block) for block, _ in side}
    reaches_in = {id(block.header) for block in blocks if id(block) not in edge}
    rows = [
        block
        for block, _ in side
        if block.header is not None and id(block.header) in edge - reaches_in
    ]
    return {id(block) for block in rows} | {id(block.header) for block in rows}


def _n_inside(pages: list[list[Block]], heights: list[float]) -> Counter[str]:
    """For each short line with a word, on how many pages it stands away from the edges."""
    return Counter(
        key
        for blocks, height in zip(pages, heights, strict=True)
        for key in {
            line_key(block.text)
            for block in blocks
            if len(block.rows) <= 2
            and block.lead.y1 >= _EDGE * height
            and block.rows[-1].y0 <= (1 - _EDGE) * height
            and _HAS_WORD.search(block.text)
        }
    )


def _n_near(places: dict[int, float], number: int, place: float, is_top: bool) -> int:
    """Number of pages around one on which a line stands at the same place.

    At the top few that lie far apart count as one: a title returns above another statement.
    """
    near = [
        n
        for n in range(number - _NEAR_PAGES, number + _NEAR_PAGES + 1)
        if abs(places.get(n, math.inf) - place) < _PLACE_POINTS
    ]
    if not is_top or len(near) >= _MANY or len(near) < 3:
        return len(near)
    runs = zip(near, near[2:], strict=False)
    is_close = any(a <= number <= b and b - a < _CLOSE_PAGES for a, b in runs)
    return len(near) if is_close else 1


def _stamps(pages: list[list[Block]]) -> set[int]:
    """Sideways lines in the margin that return on other pages."""
    strays = [block for blocks in pages for block in blocks if block.is_stray]
    n_times = Counter(line_key(block.text) for block in strays)
    return {id(block) for block in strays if n_times[line_key(block.text)] > 1}


def _page_numbers(pages: list[list[Block]]) -> set[int]:
    """Blocks that count the pages, wherever the text above them ends."""
    candidates: list[tuple[int, int, Block]] = []
    n_pages: Counter[int] = Counter()
    for number, blocks in enumerate(pages):
        if not blocks:
            continue
        ends = {id(b): b for b in (min(blocks, key=_top), max(blocks, key=_top))}
        for block in ends.values():
            printed = printed_number(block.text)
            if printed is not None:
                candidates.append((number, printed - number, block))
                n_pages[printed - number] += 1
    return {id(block) for _, shift, block in candidates if n_pages[shift] >= 3}


def _top(block: Block) -> float:
    return block.lead.y0


def printed_number(text: str) -> int | None:
    """The number a line states if it states nothing but the page's number."""
    if len(text) > 20:
        return None
    match = _PAGE_NUMBER.fullmatch(text)
    if match is None:
        return None
    if match["arabic"]:
        return int(match["arabic"])
    roman = [_ROMAN_DIGITS[char] for char in match["roman"].lower()]
    return sum(
        -value if value < following else value
        for value, following in zip(roman, [*roman[1:], 0], strict=True)
    )


def _edge_blocks(
    blocks: list[Block], height: float, numbers: set[int]
) -> tuple[list[tuple[Block, float]], list[tuple[Block, float]]]:
    """Short blocks at the top and at the bottom, outermost first, with their places."""
    rest = [b for b in blocks if id(b) not in numbers]
    top = sorted((b for b in rest if b.lead.y1 < _EDGE * height), key=_top)
    bottom = sorted((b for b in rest if b.rows[-1].y0 > (1 - _EDGE) * height), key=_top)
    return (
        [(b, b.lead.y0) for b in top[:_MAX_LINES] if len(b.rows) <= 2],
        [(b, height - b.rows[-1].y1) for b in bottom[: -_MAX_LINES - 1 : -1] if len(b.rows) <= 2],
    )


def line_key(text: str) -> str:
    """The text with its numbers made alike, so that page 7 is page 8."""
    return _DIGITS.sub("#", " ".join(text.split())).lower()[:120]
