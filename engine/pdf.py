"""What MuPDF says about a PDF: upright pieces of text, form values, and why a page has none."""

# mypy: disallow-untyped-calls=False, warn-return-any=False
# (MuPDF's Python layer has no types.)

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf

from docqa.engine.errors import FileProblem, IngestError
from docqa.engine.layout import Piece, is_number
from docqa.engine.ruling import Ruling, find_ruling
from docqa.engine.superscripts import RAISED_SIZE, ends_figure, raise_digits
from docqa.engine.types import Box, PageStatus

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)

MUPDF_LOCK = threading.RLock()
"""MuPDF must not be used by two threads at once; whoever opens a PDF holds this."""
MUPDF_ERRORS = (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, OSError)
"""What MuPDF raises on damaged files."""

_FLAGS = (
    pymupdf.TEXT_PRESERVE_WHITESPACE
    | pymupdf.TEXT_MEDIABOX_CLIP
    | pymupdf.TEXT_COLLECT_VECTORS
    | pymupdf.TEXT_LAZY_VECTORS
)
"""Without TEXT_PRESERVE_LIGATURES, which would leave one character for `fi`. Vectors are put off
until a line of text has ended, which they would cut."""
_TEXT, _VECTOR = 0, 3
"""Kinds of blocks."""
_BOLD, _ITALIC, _RAISED = 16, 2, 1
_WHITE = 0xFFFFFF
_IMAGE_SHARE = 0.5
"""A picture that covers this much of a page without text is a scan."""

_FEW_CHARS = 3

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

_NO_UNICODE = re.compile(r"[\ufffd\ue000-\uf8ff\x01-\x08\x0e-\x1f]")
_ODD_WORD = re.compile(
    r"[A-Za-zÀ-ӿ]\d+[A-Za-zÀ-ӿ]"  # a digit inside a word
    r"|[a-z][A-Z](?![a-z]*$)|[a-z]{2}[A-Z]"  # a capital inside a word
    r"|[\dA-Za-zÀ-ӿ][~}{><^|\\_=*+#\"!?;:]+[A-Za-zÀ-ӿ]"  # a sign inside a word
)
_ODD_SHARE = 0.5
"""A text layer with more odd words is no language; source code stays below."""
_ODD_SHARE_ON_IMAGE = 0.2
"""The same for text behind a picture of the page, which an OCR program wrote."""


@dataclass(frozen=True, slots=True)
class PageContent:
    """What stands on a page, before layout."""

    pieces: list[Piece]
    """Upright, in layout coordinates."""
    strays: list[Piece]
    """Text that runs another way than most of the page: margin stamps, watermarks."""
    ruling: Ruling
    turn: int
    """Quarter turns between the page as stored and the layout."""
    width: float
    """Of the stored page, in points."""
    height: float
    to_shown: tuple[float, float, float, float, float, float] | None
    """Matrix from the stored page to the page as shown; None when they are the same."""

    @property
    def layout_height(self) -> float:
        return self.width if self.turn % 2 else self.height

    def shown_box(self, box: Box) -> Box:
        """A layout box on the page as it is shown."""
        if self.turn:
            box = _turn_back(box, self.turn, self.width, self.height)
        if self.to_shown is None:
            return box
        a, b, c, d, e, f = self.to_shown
        x0, y0, x1, y1 = box
        xs = (a * x0 + c * y0 + e, a * x1 + c * y1 + e)
        ys = (b * x0 + d * y0 + f, b * x1 + d * y1 + f)
        return min(xs), min(ys), max(xs), max(ys)


@contextmanager
def open_pdf(path: Path, password: str | None) -> Iterator[pymupdf.Document]:
    """Open a PDF that can be read.

    Raises:
        IngestError: When it is damaged beyond repair, is no PDF, or needs another password.
    """
    try:
        with MUPDF_LOCK, pymupdf.open(str(path), filetype="pdf") as pdf:
            if not pdf.is_pdf:  # MuPDF goes by the content, and reads web pages and pictures too
                raise IngestError(
                    f"Cannot ingest {path.name}: it is no PDF, whatever its name says.",
                    "Fetch the file again: a web page may have come in its place.",
                    FileProblem.DAMAGED,
                )
            if pdf.needs_pass:
                _unlock(pdf, path, password)
            yield pdf
    except MUPDF_ERRORS as error:
        raise IngestError(
            f"Cannot ingest {path.name}: the file is damaged and cannot be repaired.",
            "Fetch the file again, or print it to a new PDF from a program that opens it.",
            FileProblem.DAMAGED,
        ) from error


def _unlock(pdf: pymupdf.Document, path: Path, password: str | None) -> None:
    if password is None:
        raise IngestError(
            f"Cannot ingest {path.name}: it is encrypted and needs a password.",
            "Give it with --password.",
            FileProblem.PASSWORD,
        )
    if not pdf.authenticate(password):
        raise IngestError(
            f"Cannot ingest {path.name}: the password given does not open it.",
            "Check --password.",
            FileProblem.PASSWORD,
        )


def is_dynamic_form(pdf: pymupdf.Document) -> bool:
    """Whether the content is an XFA form, which only Adobe's reader lays out."""
    with suppress(*MUPDF_ERRORS):
        catalog = pdf.pdf_catalog()
        keys = ("NeedsRendering", "AcroForm/XFA")
        return any(pdf.xref_get_key(catalog, key)[0] != "null" for key in keys)
    return False


def read_page(page: pymupdf.Page) -> PageContent:
    """The pieces of text on a page, turned upright."""
    # get_textpage() works on the page without its rotation; so do its coordinates.
    blocks = page.get_textpage(flags=_FLAGS).extractDICT()["blocks"]
    by_turn: dict[int, list[dict[str, Any]]] = {}
    for block in blocks:
        if block["type"] == _TEXT:
            for line in block["lines"]:
                by_turn.setdefault(_quarter(line["dir"]), []).append(line)
    size = page.rect.width, page.rect.height
    rotation = page.rotation
    width, height = reversed(size) if rotation in (90, 270) else size
    upright = {t: lines for t, lines in by_turn.items() if t >= 0}
    turn = (
        max(upright, key=lambda t: _n_chars(upright[t]))
        if len(upright) > 1
        else min(upright, default=0)
    )
    pieces: list[Piece] = []
    strays: list[Piece] = []
    for t, lines in by_turn.items():
        for line in lines:
            (pieces if t == turn else strays).extend(_pieces(line, turn, width, height))
    pieces, strays = _without_rules(pieces), _without_rules(strays)
    if page.parent.is_form_pdf:
        text = " ".join(piece.text for piece in pieces)
        pieces.extend(v for v in _form_values(page, turn, width, height) if v.text not in text)
    m = page.rotation_matrix
    to_shown = (m.a, m.b, m.c, m.d, m.e, m.f) if rotation else None
    letters = [(p.x0, p.base - p.size, p.x1, p.base) for p in pieces]
    ruling = find_ruling(_shapes(blocks, turn, width, height), letters)
    return PageContent(pieces, strays, ruling, turn, width, height, to_shown)


def _shapes(
    blocks: list[dict[str, Any]], turn: int, width: float, height: float
) -> Iterator[tuple[Box, int]]:
    """What is drawn on a page, upright: boxes and their colours."""
    for block in blocks:
        if block["type"] == _VECTOR:
            box: Box = block["bbox"]
            yield (_turn(box, turn, width, height) if turn else box), block["color"]


def _quarter(direction: tuple[float, float]) -> int:
    """Quarter turns clockwise of a writing direction; -1 for a slanted one."""
    x, y = direction
    if x > 0.98:
        return 0
    if y > 0.98:
        return 1
    if x < -0.98:
        return 2
    return 3 if y < -0.98 else -1


def _n_chars(lines: list[dict[str, Any]]) -> int:
    return sum(len(span["text"].strip()) for line in lines for span in line["spans"])


def _pieces(line: dict[str, Any], turn: int, width: float, height: float) -> list[Piece]:
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
        box = _turn(box, turn, width, height)
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


def _without_rules(pieces: list[Piece]) -> list[Piece]:
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


def _turn(box: Box, turn: int, width: float, height: float) -> Box:
    x0, y0, x1, y1 = box
    if turn == 1:
        return y0, width - x1, y1, width - x0
    if turn == 2:
        return width - x1, height - y1, width - x0, height - y0
    return height - y1, x0, height - y0, x1


def _turn_back(box: Box, turn: int, width: float, height: float) -> Box:
    x0, y0, x1, y1 = box
    if turn == 1:
        return width - y1, x0, width - y0, x1
    if turn == 2:
        return width - x1, height - y1, width - x0, height - y0
    return y0, height - x1, y1, height - x0


def _form_values(page: pymupdf.Page, turn: int, width: float, height: float) -> Iterator[Piece]:
    """What was filled in, where it stands; ticked boxes as `[x]`.

    Most forms also draw their values, and then they are text of the page already.
    """
    for widget in page.widgets():
        value = str(widget.field_value or "").strip()
        if widget.field_type_string in ("CheckBox", "RadioButton"):
            value = "" if value in ("", "Off", "False") else "[x]"
        elif widget.field_type_string not in ("Text", "ComboBox"):
            value = ""
        if not value:
            continue
        rect = tuple(widget.rect * page.derotation_matrix)
        box = _turn(rect, turn, width, height) if turn else rect
        size = min(10.0, box[3] - box[1]) or 10.0
        base = (box[1] + box[3]) / 2 + 0.35 * size
        yield Piece(box, base, size, " ".join(value.split()))


def unread_status(page: pymupdf.Page, text: str, *, has_furniture: bool) -> PageStatus:
    """The status of a page with hardly any text.

    Args:
        page: The page.
        text: What could be read of it, running headers and footers left out.
        has_furniture: Whether it has running headers or footers.
    """
    named = _NO_UNICODE.sub("", text).strip()
    if len(named) >= _FEW_CHARS:
        return PageStatus.TEXT
    if _image_share(page) >= _IMAGE_SHARE:
        return PageStatus.IMAGE
    if named or (has_furniture and not text):
        return PageStatus.TEXT
    if page.get_text().strip(" \n\xa0") == "" and page.get_text():
        return PageStatus.EMPTY  # nothing but spaces
    # Letters are painted but none could be named: the font has no Unicode map.
    drawn = {kind for kind, *_ in page.get_bboxlog()}
    if drawn & {"fill-text", "stroke-text", "fill-imgmask"}:
        return PageStatus.SUSPECT
    return PageStatus.EMPTY


def _image_share(page: pymupdf.Page) -> float:
    area = abs(page.rect.width * page.rect.height)
    if not area:
        return 0.0
    covered = 0.0
    for image in page.get_image_info():
        rect = pymupdf.Rect(image["bbox"]) & page.rect
        covered += 0.0 if rect.is_empty else abs(rect.width * rect.height)
    return covered / area


def is_language(page: pymupdf.Page, text: str) -> bool:
    """Whether a text layer reads as words: failed OCR and unmapped fonts do not."""
    sample = text[:3000]
    if len(_NO_UNICODE.findall(sample)) > 0.2 * len(sample):
        return False
    words = [word for word in sample.split() if len(word) > 2 and not word.isdigit()]
    n_odd = sum(_ODD_WORD.search(word) is not None for word in words)
    if len(words) < 20 or n_odd < _ODD_SHARE_ON_IMAGE * len(words):
        return True
    return n_odd < _ODD_SHARE * len(words) and _image_share(page) < _IMAGE_SHARE
