"""Raised marks of notes go to the words or the figure they stand beside.

Filings that were printed from web pages have each mark as a line of text of its own, so high that
by its baseline it would be a row of its own above the one it belongs to.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from operator import attrgetter

from docqa.engine.ingest.layout import Piece

_MARK = re.compile(r"\([\da-z]{1,2}\)|[*†‡]{1,3}|\d{1,2}|[a-z]{1,2}")
_WORD_END = re.compile(r"[\w.,;:!?)\]%\"'”’»]$")
"""What a number without brackets can be the mark of; not a brace or a sign of mathematics."""
_ORDINALS = frozenset(["st", "nd", "rd", "th"])
_SIZE = 0.8
"""A mark is smaller than this share of the letters beside it."""
_RISES = (0.1, 0.95)
"""How far it is raised, in sizes of those letters. The line above is further away."""
_GAPS = (-0.1, 0.75)
"""How far right of them it begins, in the same sizes."""
_BARE_RISE, _BARE_GAP = 0.8, 0.15
"""Most for a number or letter without brackets, which may be a figure of its own."""


def with_note_marks(pieces: list[Piece]) -> list[Piece]:
    """The pieces of a page without those that are raised marks, which their neighbours take."""
    largest = max((piece.size for piece in pieces), default=0.0)
    marks = [
        piece
        for piece in pieces
        if piece.size < _SIZE * largest and len(piece.text) <= 4 and _MARK.fullmatch(piece.text)
    ]
    if not marks:
        return pieces
    by_end = sorted(pieces, key=attrgetter("x1"))
    ends = [piece.x1 for piece in by_end]
    owners: dict[int, Piece] = {}
    low, high = (gap * largest for gap in _GAPS)
    for mark in sorted(marks, key=attrgetter("x0")):
        begin, end = bisect_left(ends, mark.x0 - high), bisect_right(ends, mark.x0 - low)
        # "(1)" may stand beside "(2)": then both belong to what the first belongs to.
        near = [
            (abs(mark.x0 - piece.x1), owner)
            for piece in by_end[begin:end]
            for owner in (owners.get(id(piece), piece),)
            if _is_marked(owner, piece.x1, mark)
        ]
        if near:
            owner = owners[id(mark)] = min(near, key=lambda one: one[0])[1]
            _take(owner, mark)
    return [piece for piece in pieces if id(piece) not in owners] if owners else pieces


def _is_marked(text: Piece, end: float, mark: Piece) -> bool:
    """Whether a mark belongs to a piece of text whose last word or mark ends at `end`."""
    size = text.size
    if size <= 0:
        return False
    gap, rise = (mark.x0 - end) / size, (text.base - mark.base) / size
    if mark.size >= _SIZE * size or not (
        _GAPS[0] <= gap <= _GAPS[1] and _RISES[0] <= rise <= _RISES[1]
    ):
        return False
    if not mark.text.isalnum():
        return True
    if mark.text.isalpha() and mark.text not in _ORDINALS and not text.text[-1].isalpha():
        return False  # "812 a" would be no figure
    is_near = gap <= _BARE_GAP and rise <= _BARE_RISE
    return is_near and _WORD_END.search(text.text) is not None


def _take(text: Piece, mark: Piece) -> None:
    """Put a mark at the end of its text, which keeps its baseline, size and style."""
    has_space = text.text[-1] not in ".,;:" if mark.text[0] == "(" else _is_digits(text, mark)
    if has_space:
        text.text += " "
    if mark.text.isdecimal():
        text.raised = (*text.raised, len(text.text))
    text.text += mark.text
    text.x1 = max(text.x1, mark.x1)


def _is_digits(text: Piece, mark: Piece) -> bool:
    """Whether a mark would read as more digits of a figure."""
    return text.text[-1].isdigit() and mark.text.isdecimal()
