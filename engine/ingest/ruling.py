"""Lines and shaded strips drawn on a page: where the rows and columns of tables are.

Statements are printed with a line under every name of a column and every second row shaded. What
is drawn so says what the words alone leave open: which lines are one row, and what stands under
which name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docqa.engine.types import Box

_WHITE = 0xFFFFFF
_NOTHING = -1
_LINE_HEIGHT = 2.0
"""A filled box no higher than this is a line."""
_LINE_WIDTH = 6.0
_STRIP_HEIGHTS = (5.0, 130.0)
_STRIP_WIDTH = 100.0
_STRIP_GAP = 30.0
"""Cells of a strip stand no further apart."""
_SAME = 1.5
"""Edges that differ by no more than this are one."""
_PLAIN_HEIGHTS = 2.6
"""The plain row between two that are shaded is at most so many times as high."""
_NAME_SHARE = 0.6
"""The line under one name of several is at most so long, as a share of the table's width."""
_UNDERLINE_RISE = 0.35
"""What underlines words is drawn within so many font sizes of their baseline."""
_LABEL_SHARE = 0.1
"""A line of prose begins within this share of a table's width,"""
_PROSE_SHARE = 0.75
"""and ends beyond this one; labels leave room for figures."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A shaded row of a table, or the plain one between two that are shaded."""

    box: Box
    body: int
    """Strips that follow each other without a break have the same number."""
    colour: int
    """As RGB; -1 where nothing is drawn."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is drawn on a page, in layout coordinates."""

    lines: tuple[Box, ...] = ()
    """Horizontal lines, top to bottom."""
    strips: tuple[Strip, ...] = ()
    """Top to bottom."""

    def bodies(self) -> dict[int, Box]:
        """Around all strips of a number."""
        boxes: dict[int, Box] = {}
        for strip in self.strips:
            x0, y0, x1, y1 = boxes.get(strip.body, strip.box)
            a0, b0, a1, b1 = strip.box
            boxes[strip.body] = min(x0, a0), min(y0, b0), max(x1, a1), max(y1, b1)
        return boxes


def find_ruling(shapes: Iterable[tuple[Box, int]], texts: Sequence[Box] = ()) -> Ruling:
    """The lines and strips among filled boxes.

    Args:
        shapes: Each box with its colour as RGB.
        texts: Each run of words on the page, from a font size above its baseline down to it.
    """
    flat: list[Box] = []
    filled: dict[tuple[float, float], list[tuple[float, float, int]]] = defaultdict(list)
    low, high = _STRIP_HEIGHTS
    for (x0, y0, x1, y1), colour in shapes:
        if y1 - y0 <= _LINE_HEIGHT:
            if colour != _WHITE:
                flat.append((x0, y0, x1, y1))
        elif low < y1 - y0 < high:
            filled[round(y0, 1), round(y1, 1)].append((x0, x1, colour))
    lines = _lines(flat)
    return Ruling(lines, _strips(filled, lines, texts) if len(filled) > 1 else ())


def _lines(flat: list[Box]) -> tuple[Box, ...]:
    """Lines that touch end to end made one."""
    lines: list[Box] = []
    flat.sort(key=lambda box: box[1])
    begin = 0
    for i in range(1, len(flat) + 1):
        if i < len(flat) and flat[i][1] - flat[begin][1] < 1.2:
            continue
        level = sorted(flat[begin:i])
        x0, y0, x1, y1 = level[0]
        for a0, _, a1, _ in level[1:]:
            if a0 <= x1 + 1:
                x1 = max(x1, a1)
                continue
            lines.append((x0, y0, x1, y1))
            x0, x1 = a0, a1
        lines.append((x0, y0, x1, y1))
        begin = i
    return tuple(line for line in lines if line[2] - line[0] >= _LINE_WIDTH)


def _strips(
    filled: dict[tuple[float, float], list[tuple[float, float, int]]],
    lines: tuple[Box, ...],
    texts: Sequence[Box],
) -> tuple[Strip, ...]:
    boxes: list[tuple[Box, int]] = []
    for (y0, y1), spans in filled.items():
        spans.sort()
        x0, x1, colour = spans[0]
        for a0, a1, next_colour in spans[1:]:
            if a0 > x1 + _STRIP_GAP:
                boxes.append(((x0, y0, x1, y1), colour))
                x0, colour = a0, next_colour
            x1 = max(x1, a1)
        boxes.append(((x0, y0, x1, y1), colour))
    boxes = sorted((b for b in boxes if b[0][2] - b[0][0] >= _STRIP_WIDTH), key=lambda b: b[0][1])
    runs: list[list[tuple[Box, int]]] = []
    run: list[tuple[Box, int]] = []
    for box, colour in boxes:
        if run and _adjoin(run, box, colour, lines, texts):
            above = run[-1][0]
            if box[1] - above[3] > _SAME:
                run.append(((above[0], above[3], above[2], box[1]), _NOTHING))
        elif run:
            runs.append(run)
            run = []
        run.append((box, colour))
    runs.append(run)
    return tuple(
        Strip(box, body, colour)
        for body, run in enumerate(runs)
        if len(run) > 1 or (run and _is_below_names(*run[0], lines))
        for box, colour in run
    )


def _is_below_names(box: Box, colour: int, lines: tuple[Box, ...]) -> bool:
    """Whether a strip is all there is below the lines under the names of columns."""
    width = box[2] - box[0]
    over = [
        line
        for line in lines
        if abs(line[1] - box[1]) < _SAME
        and box[0] - _SAME < line[0]
        and line[2] < box[2] + _SAME
        and line[2] - line[0] < _NAME_SHARE * width
    ]
    return colour != _WHITE and len(over) > 1


def _adjoin(
    run: list[tuple[Box, int]],
    box: Box,
    colour: int,
    lines: tuple[Box, ...],
    texts: Sequence[Box],
) -> bool:
    """Whether a box is the next strip of a table."""
    above, its_colour = run[-1]
    if abs(above[0] - box[0]) > 2 * _SAME or abs(above[2] - box[2]) > 2 * _SAME:
        return False
    gap = box[1] - above[3]
    if gap <= _SAME:
        return gap >= -_SAME
    height = max(box[3] - box[1], above[3] - above[1])
    if gap > _PLAIN_HEIGHTS * height or colour != its_colour or _WHITE in (c for _, c in run):
        return False
    between = [text for text in texts if above[3] < text[3] < box[1] + _SAME]
    if any(_is_prose(text, box) for text in between):
        return False
    # Between two tables stand the lines under the names of the second.
    return not any(
        above[3] + 2 < line[1] < box[1] - 2
        and line[0] < box[2]
        and line[2] > box[0]
        and not any(_underlines(line, text) for text in between)
        for line in lines
    )


def _is_prose(text: Box, strip: Box) -> bool:
    """Whether words run from where the labels of a strip begin to where its figures end."""
    width = strip[2] - strip[0]
    begins = strip[0] <= text[0] < strip[0] + _LABEL_SHARE * width
    return begins and text[2] > strip[0] + _PROSE_SHARE * width


def _underlines(line: Box, text: Box) -> bool:
    """Whether a line belongs to words, not to the column they stand in."""
    return (
        abs(line[0] - text[0]) < _SAME
        and abs(line[2] - text[2]) < _SAME
        and abs(line[1] - text[3]) < _UNDERLINE_RISE * (text[3] - text[1])
    )
