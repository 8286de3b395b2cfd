"""Words in the pages of one document, with their exact places: what ctrl+F does.

Upper and lower case, accents, kinds of quotation marks and dashes do not matter, and where the
text has a line or cell end the search may have a space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docqa.engine.types import Page

_GAP = r"(?:\s+(?:\|\s*)*|\s*\|\s*)"
_SAME = {"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"'} | dict.fromkeys("‐‑‒–—−", "-")


@dataclass(frozen=True, slots=True)
class Found:
    """Words found on a page."""

    page: int
    start: int
    """First character, counted in the text of the page."""
    end: int


@dataclass(frozen=True, slots=True)
class Findings:
    """All places, in document order."""

    places: tuple[Found, ...]
    is_phrase: bool
    """Whether the words stand there one after another; else they share a line of the page."""


def find_words(pages: Sequence[Page], words: str) -> Findings:
    """Every place where words stand as they were typed; failing that, lines that hold all of them.

    Args:
        pages: The document's, or those read so far.
        words: As a person types them.
    """
    terms = folded(words).split()
    if not terms:
        return Findings((), is_phrase=True)
    phrase = re.compile(_GAP.join(map(re.escape, terms)))
    places = tuple(
        Found(page.number, found.start(), found.end())
        for page in pages
        for found in phrase.finditer(folded(page.text))
    )
    if places or len(terms) == 1:
        return Findings(places, is_phrase=True)
    return Findings(
        tuple(place for page in pages for place in _lines_with_all(page, terms)), is_phrase=False
    )


def _lines_with_all(page: Page, terms: Sequence[str]) -> Iterator[Found]:
    """The first of the words in each line of a page that holds all of them."""
    text, start = folded(page.text), 0
    for line in text.splitlines(keepends=True):
        if all(term in line for term in terms):
            at = start + line.find(terms[0])
            yield Found(page.number, at, at + len(terms[0]))
        start += len(line)


def folded(text: str) -> str:
    """A text of the same length in which what is the same to a reader is the same."""
    if text.isascii():
        return text.lower()
    return text.translate({ord(char): _folded_char(char) for char in set(text)})


def _folded_char(char: str) -> str:
    if char in _SAME:
        return _SAME[char]
    parts = unicodedata.normalize("NFD", char)
    base = parts[0] if all(map(unicodedata.combining, parts[1:])) else char  # else: Hangul
    return base.lower() if len(base.lower()) == 1 else char
