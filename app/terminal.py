"""Text for a terminal: nothing that steers it, and no wider than it is."""

from __future__ import annotations

import unicodedata

from docqa.engine.exports.control_characters import clean


def one_line(text: str) -> str:
    """The same on one line, runs of space made one."""
    return " ".join(clean(text).split())


def fit(text: str, width: int) -> str:
    """Cut a line to so many terminal cells, with an ellipsis where something is left out."""
    if cells(text) <= width:
        return text
    kept, n_cells = [], 0
    for character in text:
        n_cells += _cell(character)
        if n_cells > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def cells(text: str) -> int:
    """How many cells of a terminal a line takes."""
    return sum(map(_cell, text))


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
