"""How each character of a page is drawn: evidence by rank, words searched for, headings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from docqa.engine.find import Found
from docqa.engine.types import Page, Sentence, SentenceKind

N_STRONG, N_MEDIUM = 3, 10
"""Ranks up to which evidence is tinted strongly, and visibly."""


class Ink(IntEnum):
    """What a character is; where two apply, the greater one."""

    PLAIN = 0
    FURNITURE = 1
    """Running headers and footers."""
    HEADING = 2
    WEAK = 3
    MEDIUM = 4
    STRONG = 5
    """Evidence, by rank."""
    MARKED = 6
    """The sentence that was clicked."""
    CURRENT = 7
    """The evidence that is looked at."""
    HIT = 8
    CURRENT_HIT = 9
    SELECTED = 10

    @property
    def style(self) -> str:
        """The name of its component class."""
        return f"page-text--{self.name.lower().replace('_', '-')}"


EVIDENCE = (Ink.WEAK, Ink.MEDIUM, Ink.STRONG, Ink.CURRENT)


@dataclass
class Marks:
    """What is marked in a document."""

    ranks: dict[int, int] = field(default_factory=dict)
    """Rank of evidence, by sentence id."""
    current: int | None = None
    """Sentence id of the evidence that is looked at."""
    clicked: int | None = None
    hits: Sequence[Found] = ()
    """In document order."""
    current_hit: Found | None = None


def paint(page: Page, sentences: Iterable[Sentence], marks: Marks) -> bytes:
    """The ink of every character of a page."""
    inks = bytearray(len(page.text))
    sentences = list(sentences)
    if sentences:
        inks = bytearray([Ink.FURNITURE]) * len(page.text)
    for sentence in sentences:
        _fill(inks, sentence.start, sentence.end, sentence_ink(sentence, marks))
    for hit in marks.hits:
        if hit.page == page.number:
            _fill(inks, hit.start, hit.end, Ink.HIT)
    current = marks.current_hit
    if current is not None and current.page == page.number:
        _fill(inks, current.start, current.end, Ink.CURRENT_HIT)
    return bytes(inks)


def sentence_ink(sentence: Sentence, marks: Marks) -> Ink:
    """The ink of a sentence."""
    if sentence.id == marks.current:
        return Ink.CURRENT
    if sentence.id == marks.clicked:
        return Ink.MARKED
    rank = marks.ranks.get(sentence.id)
    if rank is not None:
        return Ink.STRONG if rank <= N_STRONG else Ink.MEDIUM if rank <= N_MEDIUM else Ink.WEAK
    return Ink.HEADING if sentence.kind is SentenceKind.HEADING else Ink.PLAIN


def _fill(inks: bytearray, start: int, end: int, ink: Ink) -> None:
    inks[start:end] = bytes([ink]) * (min(end, len(inks)) - start)
