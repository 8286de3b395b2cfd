"""Where on a PDF page the letters of a sentence stand: one quadrilateral a line.

The text of a page went through layout (lines joined, hyphens taken out, cells in rows), so
letters and digits alone are compared, in the order MuPDF gives them.
"""

# mypy: disallow-untyped-calls=False, warn-return-any=False
# (MuPDF's Python layer has no types.)

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pymupdf

from docqa.engine.types import Box

_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
_MARGIN = 1.5
"""Points a letter's centre may lie outside the sentence's box."""
_ENOUGH = 0.6
"""Share of a sentence's letters that must be found word by word."""
_ABOVE, _BELOW = 0.95, 0.3
"""Most height of a highlight over and under the baseline, in font sizes."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """A letter on the page as it is stored, rotation not applied."""

    key: str
    """Its letters and digits, folded; empty for a mark or sign."""
    line: int
    direction: tuple[float, float]
    box: Box

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


class PageGlyphs:
    """The letters of one page, to find sentences among."""

    def __init__(self, page: pymupdf.Page) -> None:
        self._to_stored = page.derotation_matrix
        raw = page.get_textpage(flags=_FLAGS).extractRAWDICT()
        lines = (line for block in raw["blocks"] for line in block.get("lines", ()))
        self._glyphs = [glyph for n, line in enumerate(lines) for glyph in _glyphs(n, line)]

    def find(self, text: str, box: Box | None) -> list[pymupdf.Quad]:
        """The quads of a sentence, one a line, on the page as it is stored.

        Args:
            text: The sentence.
            box: Where it stands on the page as shown; None = anywhere.

        Returns:
            Its quads. When its letters are not to be found: all letters in the box, or the box
            when it has none (form fields), or nothing without a box.
        """
        area = None if box is None else pymupdf.Rect(box) * self._to_stored
        inside = [
            index
            for index, glyph in enumerate(self._glyphs)
            if area is None or _is_inside(glyph, area)
        ]
        found = self._match(folded(text), text.split(), inside, is_bounded=area is not None)
        if found:
            return self._quads(self._with_marks(found, text, set(inside)))
        if area is None:
            return []
        return self._quads(inside) or [area.quad]

    def _match(
        self, key: str, words: Sequence[str], inside: list[int], *, is_bounded: bool
    ) -> list[int]:
        """Indices of the glyphs that write a key: as a run, as everything there is, by words."""
        if not key or not inside:
            return []
        by_place = sorted(inside, key=lambda index: _reading_place(self._glyphs[index]))
        for order in (inside, by_place):
            run = self._run(key, order)
            if run:
                return run
        if not is_bounded:
            return []
        if Counter(key) == Counter("".join(self._glyphs[index].key for index in inside)):
            return inside
        return self._by_words(key, words, by_place)

    def _run(self, key: str, order: list[int], start: int = 0) -> list[int]:
        """The glyphs of the first run that writes a key, from some character on."""
        owners = [index for index in order for _ in self._glyphs[index].key]
        joined = "".join(self._glyphs[index].key for index in order)
        at = joined.find(key, start)
        return [] if at < 0 else list(dict.fromkeys(owners[at : at + len(key)]))

    def _by_words(self, key: str, words: Sequence[str], order: list[int]) -> list[int]:
        owners = [index for index in order for _ in self._glyphs[index].key]
        joined = "".join(self._glyphs[index].key for index in order)
        taken: set[int] = set()
        n_found = 0
        for word in sorted(map(folded, words), key=len, reverse=True):
            at = joined.find(word) if word else -1
            while at >= 0 and not taken.isdisjoint(owners[at : at + len(word)]):
                at = joined.find(word, at + 1)
            if at >= 0:
                taken.update(owners[at : at + len(word)])
                n_found += len(word)
        return sorted(taken) if n_found >= _ENOUGH * len(key) else []

    def _with_marks(self, found: list[int], text: str, inside: set[int]) -> list[int]:
        """With the marks before the first letter and after the last, as the sentence has them."""
        n_before = len(text) - len(text.lstrip(_marks(text)))
        n_after = len(text) - len(text.rstrip(_marks(text)))
        around = [*range(found[0] - n_before, found[0])]
        around += range(found[-1] + 1, found[-1] + 1 + n_after)
        lines = {self._glyphs[found[0]].line, self._glyphs[found[-1]].line}
        return found + [
            index
            for index in around
            if index in inside and not self._glyphs[index].key and self._glyphs[index].line in lines
        ]

    def _quads(self, indices: Iterable[int]) -> list[pymupdf.Quad]:
        """Runs of neighbouring glyphs of a line become one quad each."""
        runs: list[list[int]] = []
        for index in sorted(indices):
            if runs and self._are_neighbours(runs[-1][-1], index):
                runs[-1].append(index)
            else:
                runs.append([index])
        return [_quad([self._glyphs[index] for index in run]) for run in runs]

    def _are_neighbours(self, first: int, second: int) -> bool:
        """Whether two glyphs stand on one line with nothing but marks between them."""
        same_line = self._glyphs[first].line == self._glyphs[second].line
        return same_line and not any(glyph.key for glyph in self._glyphs[first + 1 : second])


def folded(text: str) -> str:
    """Letters and digits of a text, without case and compatibility forms."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in plain if char.isalnum())


def _marks(text: str) -> str:
    """The characters of a text that are neither letters, digits nor space."""
    return "".join({char for char in text if not char.isalnum() and not char.isspace()})


def _glyphs(number: int, line: dict[str, Any]) -> Iterable[Glyph]:
    direction = tuple(line["dir"])
    for span in line["spans"]:
        for char in span["chars"]:
            if not char["c"].isspace():
                box = _trimmed(char["bbox"], char["origin"][1], span["size"], direction)
                yield Glyph(folded(char["c"]), number, direction, box)


def _trimmed(box: Box, base: float, size: float, direction: tuple[float, float]) -> Box:
    """Without the room some fonts claim above and below their letters."""
    if direction[0] < 0.98:
        return box
    x0, y0, x1, y1 = box
    return x0, max(y0, base - _ABOVE * size), x1, min(y1, base + _BELOW * size)


def _is_inside(glyph: Glyph, area: pymupdf.Rect) -> bool:
    x, y = glyph.centre
    return (
        area.x0 - _MARGIN <= x <= area.x1 + _MARGIN and area.y0 - _MARGIN <= y <= area.y1 + _MARGIN
    )


def _reading_place(glyph: Glyph) -> tuple[int, float]:
    """Down the page, then along the line, as its own direction has it."""
    (x, y), (dx, dy) = glyph.centre, glyph.direction
    along, down = x * dx + y * dy, y * dx - x * dy
    return round(down / 4), along


def _quad(run: Sequence[Glyph]) -> pymupdf.Quad:
    """One quad around neighbouring letters, its corners in the order the text runs."""
    x0 = min(glyph.box[0] for glyph in run)
    y0 = min(glyph.box[1] for glyph in run)
    x1 = max(glyph.box[2] for glyph in run)
    y1 = max(glyph.box[3] for glyph in run)
    dx, dy = run[0].direction
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]  # clockwise from the top left
    turn = 0 if dx > 0.7 else 1 if dy > 0.7 else 2 if dx < -0.7 else 3
    ul, ur, lr, ll = corners[turn:] + corners[:turn]
    return pymupdf.Quad(ul, ur, ll, lr)
