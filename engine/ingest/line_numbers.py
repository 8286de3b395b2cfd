"""Numbers of lines down the left margin: pleadings, transcripts and bills count their lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from docqa.engine.ingest.layout import Piece

_LEAST = {1: 10, 5: 4}
"""By how much the numbers count up, and how many there are at least."""
_EDGE_POINTS = 3.0
"""Most distance of the edges of one column."""
_PITCH = 0.2
"""Most difference from the usual distance of two numbers, as a share of it."""
_FLOWS = 0.15
"""Least share of lines that go on with a sentence, beside numbers that count from the first."""
_FLOWS_ON = 0.3
"""The same where they count from another: years and ranks do."""
_ALONE = 0.25
"""Numbers beside nothing, as a share; a table has none."""
_YEARS = range(1800, 2100)
"""No page has so many lines: what counts up from there are years."""
_LINES_A_NUMBER = 1.4
"""Most lines beside a number, times the step; more where a number counts what has several lines."""
_FULL = 0.7
"""A line that goes on in the next is as wide, as a share of the widest."""
_CELLS = 0.5
"""Share of lines with several cells in a table."""


def without_line_numbers(pieces: list[Piece]) -> list[Piece]:
    """The pieces of a page without the numbers of its lines.

    They count up in a column left of everything, as far apart as lines are, and beside them stand
    lines of sentences or none. A table's numbers stand before its cells.
    """
    numbers = [piece for piece in pieces if piece.text.isdecimal() and len(piece.text) <= 4]
    if len(numbers) < min(_LEAST.values()):
        return pieces
    for column in _columns(numbers):
        step = int(column[1].text) - int(column[0].text)
        if _counts_lines(column, step, pieces):
            dropped = set(map(id, column))
            return [piece for piece in pieces if id(piece) not in dropped]
    return pieces


def _columns(numbers: list[Piece]) -> Iterator[list[Piece]]:
    """Numbers one below the other that count up, outermost first."""
    by_edge: dict[int, list[Piece]] = defaultdict(list)
    for piece in sorted(numbers, key=lambda piece: piece.x1):
        edge = next((e for e in by_edge if abs(by_edge[e][0].x1 - piece.x1) < _EDGE_POINTS), None)
        by_edge[len(by_edge) if edge is None else edge].append(piece)
    for column in by_edge.values():
        column.sort(key=lambda piece: piece.base)
        for step, least in _LEAST.items():
            run = _run(column, step)
            if len(run) >= least:
                yield run


def _run(column: list[Piece], step: int) -> list[Piece]:
    """The longest run of numbers that count up by a step."""
    runs: list[list[Piece]] = [[]]
    for piece in column:
        if runs[-1] and int(piece.text) != int(runs[-1][-1].text) + step:
            runs.append([])
        runs[-1].append(piece)
    return max(runs, key=len)


def _counts_lines(column: list[Piece], step: int, pieces: list[Piece]) -> bool:
    """Whether a column of numbers counts the lines beside it."""
    gaps = [below.base - above.base for above, below in pairwise(column)]
    pitch = median(gaps)
    if int(column[0].text) in _YEARS:
        return False
    if pitch <= 0 or any(abs(gap - pitch) > _PITCH * pitch for gap in gaps):
        return False
    near = 0.5 * pitch / step
    taken = set(map(id, column))
    beside = [
        piece
        for piece in pieces
        if column[0].base - near < piece.base < column[-1].base + near and id(piece) not in taken
    ]
    if not beside or min(piece.x0 for piece in beside) <= max(piece.x1 for piece in column):
        return False
    lines = _lines(beside)
    if len(lines) > _LINES_A_NUMBER * step * len(column):
        return False  # items of several lines each
    n_cells = sum(len(line) > 1 for line in lines)
    if n_cells > _CELLS * len(lines):
        return False
    n_flow = sum(_flows(above, line, lines) for above, line in pairwise(lines))
    if int(column[0].text) != step:
        return n_flow >= _FLOWS_ON * len(lines)
    bases = [line[0].base for line in lines]
    n_alone = sum(all(abs(base - number.base) > near for base in bases) for number in column)
    return n_flow >= _FLOWS * len(lines) or n_alone >= _ALONE * len(column)


def _flows(above: list[Piece], line: list[Piece], lines: list[list[Piece]]) -> bool:
    """Whether a line goes on with the sentence of the one above, which is full."""
    left, right = min(one[0].x0 for one in lines), max(one[-1].x1 for one in lines)
    is_full = above[-1].x1 - left >= _FULL * (right - left)
    return is_full and line[0].text[0].islower() and above[-1].text[-1] not in ".!?:;"


def _lines(pieces: list[Piece]) -> list[list[Piece]]:
    """Pieces on one baseline, left to right."""
    lines: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.base):
        if lines and piece.base - lines[-1][0].base < 0.45 * piece.size:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    for line in lines:
        line.sort(key=lambda piece: piece.x0)
    return lines
