"""Sentences that go over the end of a page: how they are known, and how they are cut.

A wrong join puts a table's label into somebody's sentence, a missed one leaves two halves; so a
sentence goes on only where the words say so, and in a PDF the layout as well (`pdf_document.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docqa.engine.ingest.blocks import LIST_ITEM
from docqa.engine.ingest.sentences import (
    CELL_SEPARATOR,
    FIRST_WORD,
    looks_like_heading,
    split_sentences,
)
from docqa.engine.ingest.tables.regions import BULLET

MIN_WORDS = 4
"""A paragraph with fewer is a label, a signature or a page number, if no full stop ends it."""
PROSE_CHARS = 60
"""A paragraph at least this long is no label and no item of a list."""

_STOP = re.compile(
    r"""(?:[.!?…:;。！？]["'”’»)\]]*        # the end of a sentence
        |(?<!\d)[.!?]["'”’)\]]*\d{1,3}     # with the mark of a note
        |;\ (?:and|or)                     # the end of a list's item
        |,\ \d{1,3}n?                      # and of an index's
        )$""",
    re.VERBOSE,
)
_PAGE_OF_INDEX = re.compile(r", \d{1,3}(?:n|\b)(?![.,]\d)")
_INDEX_WORDS = 8
"""An index names a page more often than once in so many words."""
_OPENS = "\"'“‘(["
_OPEN_WORD = re.compile(
    r"\b(?:the|an?|of|and|or|to|in|for|by|with|from|at|on|as|that|which|under|between|into|upon|its"
    r"|their|our|this|these|any|each|such|not|be|is|are|was|were|has|have|had|will|shall|may|would"
    r"|if|when|than|but|no|per)$"
)
"""A word that ends no sentence, heading or label."""
_END_CHARS = 40
"""Enough of a paragraph's end to see how it ends."""
_BROKEN_WORD = re.compile(r"[^\W\d_][-\u00ad\u2010]$")


def goes_on(above: str, below: str, *, is_full: bool = False) -> bool:
    """Whether the first paragraph of a page goes on with the last one of the page before.

    Args:
        above: The paragraph that ends a page.
        below: The one that begins the next.
        is_full: The last line of `above` has no room for the first word of `below`.
    """
    end = above[-_END_CHARS:]
    if not end.strip() or not below or below[0].isspace() or _STOP.search(end):
        return False
    if BULLET.match(below) or LIST_ITEM.match(below) or FIRST_WORD.match(below):
        return False
    if above.count(" ") + 1 < MIN_WORDS or looks_like_heading(above) or above.isupper():
        return False
    if below.count(" ") + 1 < MIN_WORDS and not _STOP.search(below):
        return False
    if CELL_SEPARATOR in above or CELL_SEPARATOR in below:
        return False
    if len(_PAGE_OF_INDEX.findall(above)) * _INDEX_WORDS > above.count(" ") + 1:
        return False
    if _OPEN_WORD.search(end) or (_BROKEN_WORD.search(end) and below[0].isalpha()):
        return True
    if len(above) < PROSE_CHARS:
        return False
    return is_full or below.lstrip(_OPENS)[:1].islower()


@dataclass(frozen=True, slots=True)
class Seam:
    """How two paragraphs are put together."""

    n_kept: int
    """Characters of the first: without a hyphen that only breaks a word."""
    glue: str
    """What stands between the two."""


def cut_over_break(
    above: str, start: int, seam: Seam, below: str
) -> Iterator[tuple[int, int, int]]:
    """Cut the sentence that ends a page together with how it goes on.

    Args:
        above: The last paragraph of a page.
        start: Where its last sentence begins.
        seam: How it is put together with the next.
        below: The first paragraph of the next page.

    Yields:
        (start, end, rest end) of the sentences that begin in `above`: half-open offsets in it, and
        where in `below` the last of them ends (0 = it does not go on there).
    """
    n_above = seam.n_kept - start
    n_before = n_above + len(seam.glue)
    for first, last, _ in split_sentences(above[start : seam.n_kept] + seam.glue + below):
        if first >= n_above:
            return
        yield start + first, start + min(last, n_above), max(last - n_before, 0)
