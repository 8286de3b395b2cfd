"""A copy of a PDF with the evidence as highlight annotations, as every PDF reader shows them.

The copy holds the bytes of the original and, after them, the annotations (an incremental update):
text, encryption and signatures of the original stay what they were. The original is only read.
"""

# mypy: disallow-untyped-calls=False, warn-return-any=False
# (MuPDF's Python layer has no types.)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pymupdf

from docqa.engine.errors import ExportError
from docqa.engine.exports.files import new_file
from docqa.engine.exports.highlights import Highlight
from docqa.engine.exports.sentence_quads import PageGlyphs
from docqa.engine.ingest.pdf import MUPDF_ERRORS, MUPDF_LOCK

CITED_COLOR = (0.56, 0.86, 0.5)
FOUND_COLOR = (1.0, 0.86, 0.35)
"""Evidence that was found but not cited."""
AUTHOR = "docqa"


@dataclass(frozen=True, slots=True)
class AnnotatedCopy:
    """What was written."""

    path: Path
    n_highlights: int
    unplaced_pages: tuple[int, ...]
    """Pages on which a sentence could not be found again."""


def annotate_pdf(
    content: bytes,
    highlights: Sequence[Highlight],
    out: Path,
    *,
    title: str,
    password: str | None = None,
    overwrite: bool = False,
) -> AnnotatedCopy:
    """Write a copy of a PDF with highlights.

    Args:
        content: The original file.
        highlights: What to mark.
        out: The file to write.
        title: How the document is called in errors.
        password: Opens an encrypted PDF; the copy asks for the same.
        overwrite: Whether a file at `out` may be replaced.

    Raises:
        ExportError: When the PDF cannot be opened, marked or written.
    """
    with new_file(out, overwrite=overwrite) as partial, MUPDF_LOCK:
        partial.write_bytes(content)
        try:
            with pymupdf.open(str(partial), filetype="pdf") as pdf:
                unlock(pdf, title, password)
                placed, unplaced = _add_highlights(pdf, highlights)
                rewritten = _save(pdf, partial)
            if rewritten is not None:
                partial.write_bytes(rewritten)
            _check(partial, password, placed)
        except MUPDF_ERRORS as error:
            raise ExportError(
                f"Cannot mark the evidence in {title}: {error}.", "Export it as Markdown instead."
            ) from error
    return AnnotatedCopy(out, placed, unplaced)


def needs_password(content: bytes) -> bool:
    """Whether a PDF opens with a password only; one that is damaged does not ask."""
    try:
        with MUPDF_LOCK, pymupdf.open(stream=content, filetype="pdf") as pdf:
            return bool(pdf.needs_pass)
    except MUPDF_ERRORS:
        return False


def unlock(pdf: pymupdf.Document, title: str, password: str | None) -> None:
    """Open an encrypted PDF with its password.

    Raises:
        ExportError: When it needs another one.
    """
    if not pdf.needs_pass or (password and pdf.authenticate(password)):
        return
    if password:
        raise ExportError(f"The password given does not open {title}.", "Try another one.")
    raise ExportError(
        f"{title} is encrypted and needs a password.", "Give its password (--password)."
    )


def _add_highlights(
    pdf: pymupdf.Document, highlights: Sequence[Highlight]
) -> tuple[int, tuple[int, ...]]:
    """Mark every sentence that is found; the pages of those that are not."""
    unplaced: list[int] = []
    n_placed = 0
    for number in sorted({highlight.page for highlight in highlights}):
        page = pdf[number - 1]
        glyphs = PageGlyphs(page)
        for highlight in (one for one in highlights if one.page == number):
            quads = glyphs.find(highlight.text, highlight.box)
            if quads:
                _add_highlight(page, quads, highlight)
                n_placed += 1
            else:
                unplaced.append(number)
    return n_placed, tuple(unplaced)


def _add_highlight(page: pymupdf.Page, quads: Sequence[pymupdf.Quad], highlight: Highlight) -> None:
    annotation = page.add_highlight_annot(quads=list(quads))
    now = pymupdf.get_pdf_now()
    annotation.set_info(
        title=AUTHOR,
        subject=highlight.subject,
        content=highlight.note,
        creationDate=now,
        modDate=now,
    )
    annotation.set_colors(stroke=CITED_COLOR if highlight.cited else FOUND_COLOR)
    annotation.update()


def _save(pdf: pymupdf.Document, partial: Path) -> bytes | None:
    """Append the annotations; the whole file for one that had to be repaired."""
    if pdf.can_save_incrementally():
        pdf.save(str(partial), incremental=True, encryption=pymupdf.mupdf.PDF_ENCRYPT_KEEP)
        return None
    return pdf.tobytes(garbage=1, deflate=True, encryption=pymupdf.mupdf.PDF_ENCRYPT_KEEP)


def _check(partial: Path, password: str | None, n_placed: int) -> None:
    """Open the copy as a reader will, and count.

    Raises:
        ExportError: When it holds fewer highlights than were made.
    """
    with pymupdf.open(str(partial), filetype="pdf") as pdf:
        if pdf.needs_pass:
            pdf.authenticate(password or "")
        n_found = sum(
            annotation.info["title"] == AUTHOR
            for page in pdf
            for annotation in page.annots(types=[pymupdf.mupdf.PDF_ANNOT_HIGHLIGHT])
        )
    if n_found < n_placed:
        raise ExportError(
            f"The copy holds {n_found} of {n_placed} highlights.", "Export it as Markdown instead."
        )
