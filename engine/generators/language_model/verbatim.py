"""Whether words stand in a text as they were quoted, and where."""

from __future__ import annotations

import re
import unicodedata

from docqa.engine.superscripts import SUPERSCRIPT

_LIKE = str.maketrans(
    {
        **dict.fromkeys("“”„«»″", '"'),
        **dict.fromkeys("‘’‚′", "'"),
        **dict.fromkeys("‐‑‒–—−", "-"),
        "\u00ad": None,
    }
)
"""Quotation marks, dashes and soft hyphens: what a model retypes in its own way."""
_ELLIPSIS = re.compile(r"\s*(?:\[\s*)?(?:\.\.\.|…)(?:\s*\])?\s*")
_CLOSING = ".,;:!?"
_RAISED = re.compile(SUPERSCRIPT)
_FIGURE_END = frozenset("0123456789.,")
"""Before the mark of a note, which a quotation may leave out."""


def find_verbatim(quote: str, text: str) -> str | None:
    """The words of the text that a quote repeats, in the text's own writing.

    White space, the shape of quotation marks and dashes, and one mark of punctuation at the end do
    not count; every letter and digit does, capitals too. Where the quote leaves something out with
    an ellipsis, its parts must stand in this order; what is between them is returned with them.

    Args:
        quote: Without its quotation marks.
        text: What it is said to come from.

    Returns:
        The span of the text, or None when the quote is not in it.
    """
    plain, places = _plain(text)
    parts = [_plain(part)[0] for part in _ELLIPSIS.split(quote)]
    parts = [part for part in parts if part]
    if not any(character.isalnum() for character in "".join(parts)):
        return None
    for last in dict.fromkeys((parts[-1], parts[-1].rstrip(_CLOSING))):
        span = _find_in_order([*parts[:-1], last], plain) if last else None
        if span is not None:
            return text[places[span[0]] : places[span[1] - 1] + 1]
    return None


def _find_in_order(parts: list[str], text: str) -> tuple[int, int] | None:
    """Start of the first part and end of the last, each at word borders; None if one is missing."""
    start, end = -1, 0
    for part in parts:
        before = r"(?<!\w)(?<!\d[.,])" if part[0].isalnum() else ""  # `577` is not in `1,577`
        after = r"(?!\w)(?![.,]\d)" if part[-1].isalnum() else ""
        found = re.compile(before + re.escape(part) + after).search(text, end)
        if found is None:
            return None
        start, end = (found.start() if start < 0 else start), found.end()
    return start, end


def _plain(text: str) -> tuple[str, list[int]]:
    """Text with its differences of writing removed, and where each of its characters was."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character.isspace():
            if characters and characters[-1] != " ":
                characters.append(" ")
                places.append(place)
            continue
        if _RAISED.match(character) and characters and characters[-1] in _FIGURE_END:
            continue
        for one in unicodedata.normalize("NFKC", character).translate(_LIKE):
            characters.append(one)
            places.append(place)
    while characters and characters[-1] == " ":
        characters.pop()
        places.pop()
    return "".join(characters), places
