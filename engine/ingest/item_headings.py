"""Headings that only their place tells from items: `(1) Capacity` with a paragraph below."""

from __future__ import annotations

import re
from itertools import pairwise

from docqa.engine.ingest.blocks import LIST_ITEM, Block
from docqa.engine.ingest.sentences import looks_like_heading

_NUMBER = re.compile(r"(\()?(?:(\d{1,3})|[ivxlc]{1,5}|[a-z])([.)])\s+(?=[A-Z])")
_LISTS = (":", ";", ",", " and", " or")
"""How the line above the first items of a list ends, and how items end."""
_PROSE_CHARS = 90


def mark_item_headings(pages: list[list[Block]]) -> None:
    """Find the numbered names that stand alone between paragraphs, none of a list.

    Args:
        pages: The scored blocks of every page.
    """
    blocks = [block for page in pages for block in page if not block.lead.is_note]
    styles = [_style(block) for block in blocks]
    for at, ((block, style), (below, next_style)) in enumerate(
        pairwise(zip(blocks, styles, strict=True))
    ):
        if not style or (at and _is_listed(blocks[at - 1], styles[at - 1], style)):
            continue
        block.names_section = _is_prose(below) or next_style not in ("", style)


def _style(block: Block) -> str:
    """How a line is numbered that may name a section; nothing where it is no such line."""
    if block.is_row or block.in_table or block.is_stray or len(block.rows) > 2:
        return ""
    number = _NUMBER.match(block.text)
    if number is None or not looks_like_heading(block.text[number.end() :]):
        return ""
    return f"{number[1] or ''}{'1' if number[2] else 'a'}{number[3]}"


def _is_listed(above: Block, style_above: str, style: str) -> bool:
    """Whether the line above belongs to the same list, or introduces it."""
    return style_above == style or above.is_row or above.in_table or above.text.endswith(_LISTS)


def _is_prose(block: Block) -> bool:
    text = block.text
    return (
        len(text) >= _PROSE_CHARS
        and text[0].isupper()
        and not (block.is_row or block.in_table or LIST_ITEM.match(text))
    )
