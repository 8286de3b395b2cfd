"""A page of a PDF as a picture, with the evidence on it marked."""

# mypy: disallow-untyped-calls=False, warn-return-any=False
# (MuPDF's Python layer has no types.)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pymupdf

from docqa.engine.errors import ExportError
from docqa.engine.exports.annotated_pdf import CITED_COLOR, FOUND_COLOR, unlock
from docqa.engine.exports.sentence_quads import PageGlyphs
from docqa.engine.ingest.pdf import MUPDF_ERRORS, MUPDF_LOCK
from docqa.engine.types import Box

FRAME_COLOR = (0.85, 0.15, 0.1)
_FRAME_POINTS = 1.5
_FRAME_ROOM = 2.0
"""Points between a sentence and the frame around it."""
MAX_PIXELS = 4096
"""Most pixels on a side."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A sentence to mark on the picture."""

    text: str
    box: Box | None
    is_current: bool
    """The one that is looked at: in another colour, and framed."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """A picture: three bytes a pixel, red, green, blue, row by row from the top."""

    width: int
    height: int
    pixels: bytes
    current: Box | None
    """Where the current sentence stands, in pixels."""


def render_page(
    content: bytes,
    number: int,
    marks: Sequence[Mark],
    *,
    width: int,
    title: str,
    password: str | None = None,
) -> PageImage:
    """Render a page.

    Args:
        content: The PDF.
        number: Of the page, from 1.
        marks: What to mark on it.
        width: Of the picture, in pixels.
        title: How the document is called in errors.
        password: Opens an encrypted PDF.

    Raises:
        ExportError: When the PDF cannot be opened or the page not drawn.
    """
    try:
        with MUPDF_LOCK, pymupdf.open(stream=content, filetype="pdf") as pdf:
            unlock(pdf, title, password)
            page = pdf[number - 1]
            frame = _mark(page, marks)
            zoom = min(width, MAX_PIXELS) / page.rect.width
            zoom = min(zoom, MAX_PIXELS / page.rect.height)
            picture = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), alpha=False)
            current = None if frame is None else tuple(frame * page.rotation_matrix * zoom)
            return PageImage(picture.width, picture.height, bytes(picture.samples), current)
    except (*MUPDF_ERRORS, IndexError) as error:
        raise ExportError(
            f"Page {number} of {title} cannot be drawn: {error}.", "Its text is here."
        ) from error


def _mark(page: pymupdf.Page, marks: Sequence[Mark]) -> pymupdf.Rect | None:
    """Draw the marks on the page in memory; the frame of the current one, rotation not applied."""
    glyphs = PageGlyphs(page) if marks else None
    frame: pymupdf.Rect | None = None
    for mark in marks:
        quads = glyphs.find(mark.text, mark.box) if glyphs else []
        if not quads:
            continue
        annotation = page.add_highlight_annot(quads=quads)
        annotation.set_colors(stroke=CITED_COLOR if mark.is_current else FOUND_COLOR)
        annotation.update()
        if mark.is_current:
            frame = pymupdf.Rect()
            for quad in quads:
                frame |= quad.rect
    if frame is not None:
        frame += (-_FRAME_ROOM, -_FRAME_ROOM, _FRAME_ROOM, _FRAME_ROOM)
        outline = page.add_rect_annot(frame)
        outline.set_colors(stroke=FRAME_COLOR)
        outline.set_border(width=_FRAME_POINTS)
        outline.update()
    return frame
