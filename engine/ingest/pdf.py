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
from docqa.engine.ingest.layout import Piece
from docqa.engine.ingest.pdf_pieces import line_pieces, turned, without_rules
from docqa.engine.ingest.ruling import Ruling, find_ruling
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
_IMAGE_SHARE = 0.5
"""A picture that covers this much of a page without text is a scan."""

_FEW_CHARS = 3

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
            (pieces if t == turn else strays).extend(line_pieces(line, turn, width, height))
    pieces, strays = without_rules(pieces), without_rules(strays)
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
            yield (turned(box, turn, width, height) if turn else box), block["color"]


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
        box = turned(rect, turn, width, height) if turn else rect
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
