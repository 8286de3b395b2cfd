"""A PDF's pages become text and sentences: what can only be decided with every page at hand."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pymupdf

from docqa.engine.blocks import Block, page_blocks, row_text
from docqa.engine.errors import Cancelled, FileProblem, IngestError
from docqa.engine.furniture import find_furniture
from docqa.engine.layout import Row
from docqa.engine.pdf import (
    MUPDF_ERRORS,
    PageContent,
    is_dynamic_form,
    is_language,
    open_pdf,
    read_page,
    unread_status,
)
from docqa.engine.sentences import looks_like_heading, split_sentences
from docqa.engine.types import Box, Page, PageStatus, Sentence, SentenceKind

_HYPHENS = "-\u00ad\u2010"
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_WORD_END = re.compile(r"([^\W\d_]+(?:-[^\W\d_]+)*)[-\u00ad\u2010]$")
_WORD_START = re.compile(r"[^\W\d_]+")
_OPEN_END = re.compile(r"[^\W_][-–\u2010]$|https?://\S*[/.@]?$|\w@$")
"""A line that ends inside a number, a compound or an address."""
_NUMBERED = re.compile(
    r"(?:item|section|article|part|chapter|note|annex|schedule|appendix|exhibit)\s+[\dIVXA-Z]|§\s*\d"
    r"|\d{1,2}(?:\.\d{1,2})*\.?\s+[A-Z]|[IVX]{1,5}\.\s+[A-Z]",
    re.IGNORECASE,
)
_HAS_WORD = re.compile(r"[^\W\d_]{2}")
_MAX_HEADING_WORDS = 30
_MAX_BETWEEN = 5
"""Blocks between the parts of a table on two pages: notes below, titles above."""
_LARGER = 1.12
"""A heading's font size over that of the body."""
_FEW_CHARS = 40
"""A page with less to score is looked at for pictures."""


@dataclass(frozen=True, slots=True)
class PdfText:
    """What a PDF says."""

    title: str
    pages: tuple[Page, ...]
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class _Style:
    """How the body of a document is set."""

    size: float
    bold: bool
    italic: bool


def read_pdf(
    path: Path,
    password: str | None,
    on_progress: Callable[[int, int], None] | None,
    is_cancelled: Callable[[], bool] | None,
    on_page: Callable[[Page], None] | None = None,
) -> PdfText:
    """Read every page of a PDF; see `docqa.engine.ingest.ingest`.

    Raises:
        IngestError: When it cannot be opened, or no page of it can be read.
        Cancelled: When `is_cancelled` says so.
    """
    with open_pdf(path, password) as pdf:
        n_pages = pdf.page_count
        contents: list[PageContent | None] = []
        pages: list[list[Block]] = []
        for number in range(n_pages):
            if is_cancelled is not None and is_cancelled():
                raise Cancelled
            content, blocks = _read_blocks(pdf, number)
            contents.append(content)
            pages.append(blocks)
            if on_page is not None:
                on_page(_draft_page(number + 1, blocks))
            if on_progress is not None:
                on_progress(number + 1, n_pages)
        _write_texts(pages)
        heights = [content.layout_height if content else 1.0 for content in contents]
        furniture = find_furniture(pages, heights)
        _carry_headers(pages, furniture)
        statuses = [
            _status(pdf, number, blocks, furniture) if contents[number] else PageStatus.SUSPECT
            for number, blocks in enumerate(pages)
        ]
        if not any(status is PageStatus.TEXT for status in statuses) or _asks_to_wait(pdf, pages):
            raise _unreadable(path, statuses, is_form=is_dynamic_form(pdf))
        title = " ".join(str((pdf.metadata or {}).get("title") or "").split())
    return PdfText(title, *_assemble(pages, contents, statuses, furniture))


def _read_blocks(pdf: pymupdf.Document, number: int) -> tuple[PageContent | None, list[Block]]:
    """A page's blocks; None for its content when MuPDF cannot load it."""
    try:
        content = read_page(pdf[number])
    except MUPDF_ERRORS:  # one bad page must not cost the rest
        return None, []
    blocks = page_blocks(content.pieces)
    blocks.extend(Block([Row([piece])], is_stray=True) for piece in content.strays)
    for block in blocks:
        block.boxes = [content.shown_box(row.box) for row in block.rows]
    return content, blocks


def _draft_page(number: int, blocks: list[Block]) -> Page:
    """A page as it can be shown before the others are known: words broken at line ends stay so."""
    text = "\n".join(" ".join(map(row_text, block.rows)) for block in blocks)
    return Page(number, text, PageStatus.TEXT if text.strip() else PageStatus.EMPTY)


def _carry_headers(pages: list[list[Block]], furniture: set[int]) -> None:
    """Give a table that goes on after a break, or on the next page, the header it began with."""
    last: Block | None = None
    n_between = 0
    for blocks in pages:
        for block in blocks:
            if id(block) in furniture:
                continue
            if not block.is_row:
                n_between += 1
            elif block.header is not None or block.is_header:
                last, n_between = block, 0
            elif last is not None and n_between <= _MAX_BETWEEN and _same_columns(last, block):
                block.header = last if last.is_header else last.header
                last, n_between = block, 0


def _same_columns(a: Block, b: Block) -> bool:
    """Whether two table rows have their figures in the same places."""
    cells, others = a.lead.cells[1:], b.lead.cells[1:]
    return len(cells) == len(others) and all(
        abs(cell.x1 - other.x1) < 6 for cell, other in zip(cells, others, strict=True)
    )


def _status(
    pdf: pymupdf.Document, number: int, blocks: list[Block], furniture: set[int]
) -> PageStatus:
    scored = " ".join(block.text for block in blocks if id(block) not in furniture)
    try:
        if len(scored) < _FEW_CHARS:
            return unread_status(pdf[number], scored, has_furniture=bool(furniture and blocks))
        return PageStatus.TEXT if is_language(pdf[number], scored) else PageStatus.SUSPECT
    except MUPDF_ERRORS:
        return PageStatus.SUSPECT


def _asks_to_wait(pdf: pymupdf.Document, pages: list[list[Block]]) -> bool:
    """Whether the only page is the notice that stands in for a dynamic form."""
    return (
        len(pages) == 1
        and any(block.text.lower().startswith("please wait") for block in pages[0])
        and is_dynamic_form(pdf)
    )


def _unreadable(path: Path, statuses: list[PageStatus], *, is_form: bool) -> IngestError:
    """The error for a document without a single readable page."""
    n = len(statuses)
    name = path.name
    if not n:
        return IngestError(f"Cannot ingest {name}: it has no pages.", "Choose another file.")
    if is_form:
        return IngestError(
            f"Cannot ingest {name}: it is a dynamic XFA form; only Adobe Reader can show its text.",
            "Print it to a PDF from Adobe Reader, then ingest that.",
        )
    n_unread = sum(s in (PageStatus.IMAGE, PageStatus.SUSPECT) for s in statuses)
    if not n_unread:
        return IngestError(
            f"Cannot ingest {name}: all {n} pages are blank.", "Choose another file."
        )
    ocr = f"ocrmypdf {shlex.quote(name)} out.pdf"
    if PageStatus.IMAGE in statuses and PageStatus.SUSPECT not in statuses:
        why = f"no text on {n} of {n} pages (scanned?)"
    else:
        why = f"the text layer of {n_unread} of {n} pages is not readable language"
        ocr = f"ocrmypdf --force-ocr {shlex.quote(name)} out.pdf"
    return IngestError(
        f"Cannot ingest {name}: {why}.", f"Run OCR first: {ocr}", FileProblem.SCANNED
    )


def _write_texts(pages: list[list[Block]]) -> None:
    """Give every block its text, words broken at line ends joined."""
    breaks: list[tuple[str, str]] = []
    for blocks in pages:
        for block in blocks:
            if len(block.rows) > 1:
                breaks.extend(_breaks(block))
    hyphenated = _Hyphens(pages, breaks) if breaks else None
    for blocks in pages:
        for block in blocks:
            if len(block.rows) == 1:
                block.text, block.starts = row_text(block.rows[0]), [0]
            else:
                _join_rows(block, hyphenated)


def _breaks(block: Block) -> Iterator[tuple[str, str]]:
    """The two parts of every word broken at a line end."""
    for row, below in pairwise(block.rows):
        if row.cells[0].text[-1] in _HYPHENS:
            end = _WORD_END.search(row.cells[0].text)
            start = _WORD_START.match(below.cells[0].text)
            if end and start:
                yield end[1], start[0]


class _Hyphens:
    """Tells hyphens of line breaks from those of compounds, by how the document writes words."""

    def __init__(self, pages: list[list[Block]], breaks: list[tuple[str, str]]) -> None:
        self._words = {
            word.lower()
            for blocks in pages
            for block in blocks
            for row in block.rows
            for cell in row.cells
            for word in _WORD.findall(cell.text)
        }
        joined = sum((a + b).lower() in self._words for a, b in breaks)
        kept = sum(f"{a}-{b}".lower() in self._words for a, b in breaks)
        self._joins = joined >= kept
        """Whether the document breaks words at all: filings do not, journals do."""

    def joins(self, first: str, second: str) -> bool:
        if (first + second).lower() in self._words:
            return True
        if not second[0].islower():
            return False
        if f"{first}-{second}".lower() in self._words or "-" in first:
            return False
        return self._joins


def _join_rows(block: Block, hyphens: _Hyphens | None) -> None:
    """One line from the rows of a paragraph."""
    text = ""
    for row in block.rows:
        line = row.cells[0].text
        if text:
            end = _WORD_END.search(text[-80:]) if text[-1] in _HYPHENS else None
            start = _WORD_START.match(line) if end else None
            if end and start:
                if hyphens is None or text[-1] == "\u00ad" or hyphens.joins(end[1], start[0]):
                    text = text[:-1]
            elif not (_OPEN_END.search(text[-12:]) or (_is_wide(text[-1]) and _is_wide(line[0]))):
                text += " "
        block.starts.append(len(text))
        text += line
    block.text = text


def _is_wide(char: str) -> bool:
    """Whether a character belongs to a script written without spaces."""
    return "\u2e80" <= char < "\uac00" or "\uff00" <= char <= "\uffef"


def _assemble(
    pages: list[list[Block]],
    contents: list[PageContent | None],
    statuses: list[PageStatus],
    furniture: set[int],
) -> tuple[tuple[Page, ...], tuple[Sentence, ...]]:
    """Page texts and the sentences in them."""
    style = _body_style(pages, furniture)
    sentences: list[Sentence] = []
    texts: list[Page] = []
    heading: int | None = None
    ids: dict[int, int] = {}
    for number, (blocks, status) in enumerate(zip(pages, statuses, strict=True), 1):
        offset = 0
        for block in blocks:
            is_scored = id(block) not in furniture and status is PageStatus.TEXT
            for start, end, kind in _cut(block, style) if is_scored else ():
                sentence_id = len(sentences)
                header = ids.get(id(block.header)) if block.header is not None else None
                sentences.append(
                    Sentence(
                        sentence_id,
                        number,
                        offset + start,
                        offset + end,
                        kind,
                        box=_box(block, start, end),
                        heading=heading,
                        header=header,
                    )
                )
                ids.setdefault(id(block), sentence_id)
                if kind is SentenceKind.HEADING:
                    heading = sentence_id
            offset += len(block.text) + 1
        texts.append(Page(number, "\n".join(block.text for block in blocks), status))
    return tuple(texts), tuple(sentences)


def _cut(block: Block, style: _Style) -> Iterator[tuple[int, int, SentenceKind]]:
    """The units of a block, with its layout deciding what is a heading."""
    text = block.text
    if block.is_row:
        yield 0, len(text), SentenceKind.ROW
        return
    if not block.in_table and _is_heading(block, style):
        yield 0, len(text), SentenceKind.HEADING
        return
    for start, end, kind in split_sentences(text):
        yield start, end, SentenceKind.PROSE if kind is SentenceKind.HEADING else kind


def _is_heading(block: Block, style: _Style) -> bool:
    """Whether a block stands out as a section's name."""
    text, lead = block.text, block.lead
    n_words = text.count(" ") + 1
    if len(block.rows) > 3 or n_words > _MAX_HEADING_WORDS or text[-1] in ",;:":
        return False
    if not _HAS_WORD.search(text) or text[0].islower():
        return False
    is_bold = all(row.bold for row in block.rows)
    stands_out = (
        lead.size > _LARGER * style.size
        or (is_bold and not style.bold)
        or (lead.italic and not style.italic and n_words <= 15 and text[-1] != ".")
    )
    if stands_out:
        return text[-1] != "." or is_bold or n_words <= 12
    if n_words > 14 or text[-1] == "." or len(block.rows) > 1:
        return False
    return (text.isupper() and len(text) > 3) or (
        looks_like_heading(text) and _NUMBERED.match(text) is not None
    )


def _body_style(pages: Iterable[list[Block]], furniture: set[int]) -> _Style:
    """The style in which most of the prose is set."""
    n_chars: Counter[tuple[float, bool, bool]] = Counter()
    for blocks in pages:
        for block in blocks:
            if not block.is_row and id(block) not in furniture:
                lead = block.lead
                n_chars[round(lead.size * 2) / 2, lead.bold, lead.italic] += len(block.text)
    if not n_chars:
        return _Style(10.0, bold=False, italic=False)
    size, bold, italic = n_chars.most_common(1)[0][0]
    return _Style(size, bold=bold, italic=italic)


def _box(block: Block, start: int, end: int) -> Box:
    """Around all lines on which the characters from `start` to `end` stand."""
    boxes = block.boxes
    if len(boxes) > 1:
        first = bisect_right(block.starts, start) - 1
        last = bisect_left(block.starts, end)
        boxes = boxes[first:last]
    if len(boxes) == 1:
        return boxes[0]
    x0s, y0s, x1s, y1s = zip(*boxes, strict=True)
    return min(x0s), min(y0s), max(x1s), max(y1s)
