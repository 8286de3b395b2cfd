"""What MuPDF calls a line becomes pieces of text: cells cut at gaps, marks of notes raised."""

from __future__ import annotations

import re
from typing import Any

from docqa.engine.ingest.layout import Piece, is_number
from docqa.engine.superscripts import RAISED_SIZE, ends_figure, raise_digits
from docqa.engine.types import Box

_BOLD, _ITALIC, _RAISED = 16, 2, 1
_WHITE = 0xFFFFFF
_GAP = re.compile(r"\s{3,}|\s*(?:[.·…]\s?){6,}\s*|\s+(?=[$€£](?:\s{3}|$))")
"""Inside a piece: padding, the dots that lead to a number, or what is before the sign of the next
column's money."""
_NARROW_GAP = 3
"""So many spaces are narrower than what ends a cell, except on a typewriter."""
_SENTENCE_GAP = 5
"""So many are set after a sentence."""
_SENTENCE_END = re.compile(r".{20,}[.?!][)”\"]?")
_TYPED_EM = 0.55
"""Where a character takes more of the font size on average, as on a typewriter, spaces are wide."""
_SPACES = re.compile(" {2,}")
_MARK = re.compile(r"\([\da-z]{1,2}\)")
_MARK_SIZE = 0.8
"""The mark of a note is smaller than this share of what it follows."""
_RULE = re.compile(r"[-_=\s]{3,}")
"""A line drawn with characters."""
_LINE_EM = 1.5
"""Two lines that stand closer have none between them."""
_AMOUNT = r"\(?[$€£]?\s?\(?\d{1,3}(?:,\d{3})+(?:\.\d+)?\)?%?"
_AMOUNTS = re.compile(rf"{_AMOUNT}(?:\s+{_AMOUNT})+")
_VALUE = re.compile(rf"{_AMOUNT}|[$€£]\s?[\d.]*|{_RULE.pattern}")
_HAS_LETTER = re.compile(r"[^\W\d_]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u200b\ufeff]")
_ODD_SPACE = re.compile(r"[\t\r\n\x0b\x0c\xa0\u1680\u2000-\u200a\u202f\u205f]")


def line_pieces(line: dict[str, Any], turn: int, width: float, height: float) -> list[Piece]:
    """The pieces of a line, upright.

    Args:
        line: As `extractDICT` has it.
        turn: Quarter turns between the page as stored and the layout.
        width: Of the stored page, in points.
        height: The same.
    """
    spans = line["spans"]
    text = spans[0]["text"] if len(spans) == 1 else "".join(map(_span_text, spans))
    if not text or text.isspace():
        return []
    main = spans[0] if len(spans) == 1 else _main_span(spans)
    if not text.isascii() or not text.isprintable():
        text = _CONTROL.sub("", _ODD_SPACE.sub(" ", text))
    box: Box = line["bbox"]
    y = _baseline(main, turn, width, height)
    if turn:
        box = turned(box, turn, width, height)
    # MuPDF counts the spaces at the ends into the box.
    bare = text.strip()
    if not bare:
        return []
    if main["color"] == _WHITE and len(bare) <= 2 and not _HAS_LETTER.search(bare):
        return []  # a spacer of filings that were printed from web pages
    flags, size = main["flags"], main["size"]
    has_marks = False
    if len(spans) > 1:
        for span in spans:
            if not span["text"].isspace():
                flags &= span["flags"]
                has_marks = has_marks or bool(span["flags"] & _RAISED)
                if span["size"] > size and len(span["text"].strip()) > 1:
                    size = span["size"]  # small capitals beside large ones
    piece = Piece(box, y, size, bare, bold=bool(flags & _BOLD), italic=bool(flags & _ITALIC))
    if len(bare) != len(text):
        share = (piece.x1 - piece.x0) / len(text)
        n_left = len(text) - len(text.lstrip())
        piece.x0 += n_left * share * 0.8
        piece.x1 -= (len(text) - len(bare) - n_left) * share * 0.8
    if _is_rule(piece):
        return [piece]
    if has_marks:
        _raise_numbers(piece, spans)
        bare = piece.text
    if "   " in bare or "......" in bare or ". . . " in bare or "··" in bare or "……" in bare:
        gaps = _gaps(piece)
        if gaps:
            return _cut(piece, gaps)
    if "  " in bare:
        piece.raised = tuple(len(_SPACES.sub(" ", bare[:start])) for start in piece.raised)
        bare = piece.text = _SPACES.sub(" ", bare)
    if bare[-1] in "$€£" and len(bare) > 1 and bare[-2] == " ":
        parts = _cut(piece, [(len(bare[:-1].rstrip()), len(bare) - 1)])
        if spans[-1]["text"].strip() == bare[-1]:  # the rest may be a raised mark
            parts[-1].base = _baseline(spans[-1], turn, width, height)
            parts[-1].size = spans[-1]["size"]
        return parts
    if bare[-1] in "0123456789)%" and " " in bare and _AMOUNTS.fullmatch(bare):
        return _cut(piece, [m.span() for m in re.finditer(r"(?<=[\d)%])\s+", bare)])
    return [piece]


def _main_span(spans: list[dict[str, Any]]) -> dict[str, Any]:
    """The span that says where a line stands: its longest, or the figure that has a longer mark."""
    longest, first = max(spans, key=_span_length), spans[0]
    is_mark = longest["size"] < _MARK_SIZE * first["size"] and not first["text"].isspace()
    return first if is_mark and _MARK.fullmatch(longest["text"].strip()) else longest


def _baseline(span: dict[str, Any], turn: int, width: float, height: float) -> float:
    x, y = span["origin"]
    base: float = (y, width - x, height - y, x)[turn]
    return base


def _is_rule(piece: Piece) -> bool:
    """Whether a piece is a line drawn with characters."""
    return piece.text[0] in "-_=" and _RULE.fullmatch(piece.text) is not None


def without_rules(pieces: list[Piece]) -> list[Piece]:
    """Leave out the lines drawn with characters, and note which pieces they underline.

    On a typewriter a line of dashes took a line of its own, in the middle of a sentence too.
    """
    rules = [piece for piece in pieces if _is_rule(piece)]
    if not rules:
        return pieces
    words = [piece for piece in pieces if not _is_rule(piece)]
    for rule in rules:
        if rule.text[0] == "_":
            continue  # to be signed on
        for piece in words:
            height = rule.base - piece.base
            is_above = 0 < height < _LINE_EM * piece.size
            if is_above and piece.x0 < rule.x1 and rule.x0 < piece.x1:
                piece.underline = height
    return words


def _raise_numbers(piece: Piece, spans: list[dict[str, Any]]) -> None:
    """Note where a line's raised numbers begin; behind a figure their digits are written raised."""
    places, before = [], ""
    for span in spans:
        number = span["text"].strip()
        if span["flags"] & _RAISED and number.isdecimal() and len(number) <= 3:
            start = len(_ODD_SPACE.sub(" ", before).lstrip())
            start += piece.text[start : start + 1] == " "
            if piece.text.startswith(number, start):
                places.append(start)
                if span["size"] < RAISED_SIZE * piece.size and ends_figure(piece.text[:start]):
                    piece.text = raise_digits(piece.text, start, start + len(number))
        before += _span_text(span)
    piece.raised = tuple(places)


def _span_text(span: dict[str, Any]) -> str:
    """A raised note mark stays with its word, however far the two are set apart."""
    text: str = span["text"]
    return " " + text.strip() if span["flags"] & _RAISED and text[:1] == " " else text


def _span_length(span: dict[str, Any]) -> int:
    return len(span["text"].strip())


def _gaps(piece: Piece) -> list[tuple[int, int]]:
    """Where cells end inside a piece: not at the few spaces that some programs set in prose."""
    text = piece.text
    gaps = [m.span() for m in _GAP.finditer(text)]
    if piece.x1 - piece.x0 > _TYPED_EM * piece.size * len(text):
        return gaps
    is_prose = any(_SENTENCE_END.fullmatch(text, 0, start) for start, _ in gaps)
    narrow = _SENTENCE_GAP if is_prose else _NARROW_GAP
    lefts = [0, *(end for _, end in gaps)]
    rights = [*(start for start, _ in gaps[1:]), len(text)]
    return [
        (start, end)
        for (start, end), left, right in zip(gaps, lefts, rights, strict=False)
        if end - start > narrow
        or not text[start:end].isspace()
        or _parts_cells(text[left:start], text[end:right])
    ]


def _parts_cells(left: str, right: str) -> bool:
    """Whether cells end between two parts however close they are: beside figures and rules."""
    is_figure = is_number(left) or not any(map(str.isalnum, left))
    return is_figure or _VALUE.fullmatch(right) is not None


def _cut(piece: Piece, gaps: list[tuple[int, int]]) -> list[Piece]:
    """A piece without its gaps, places estimated from the count of characters."""
    per_char = (piece.x1 - piece.x0) / len(piece.text)
    parts, begin = [], 0
    for start, end in [*gaps, (len(piece.text), len(piece.text))]:
        if piece.text[begin:start].strip():
            box = (piece.x0 + begin * per_char, piece.y0, piece.x0 + start * per_char, piece.y1)
            text = _SPACES.sub(" ", piece.text[begin:start].strip())
            part = Piece(box, piece.base, piece.size, text)
            part.bold, part.italic = piece.bold, piece.italic
            parts.append(part)
        begin = end
    return parts


def turned(box: Box, turn: int, width: float, height: float) -> Box:
    """A box of the stored page in layout coordinates."""
    x0, y0, x1, y1 = box
    if turn == 1:
        return y0, width - x1, y1, width - x0
    if turn == 2:
        return width - x1, height - y1, width - x0, height - y0
    return height - y1, x0, height - y0, x1
