"""A PDF's pages become text and sentences: what can only be decided with every page at hand."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pymupdf

from docqa.engine.errors import Cancelled, FileProblem, IngestError
from docqa.engine.ingest.blocks import LIST_ITEM, Block, page_blocks, row_text
from docqa.engine.ingest.furniture import find_furniture
from docqa.engine.ingest.item_headings import mark_item_headings
from docqa.engine.ingest.layout import Row
from docqa.engine.ingest.line_breaks import Hyphens, write_texts
from docqa.engine.ingest.line_numbers import without_line_numbers
from docqa.engine.ingest.old_page_numbers import find_old_page_numbers, join_over_numbers
from docqa.engine.ingest.page_breaks import cut_over_break
from docqa.engine.ingest.pdf import (
    MUPDF_ERRORS,
    PageContent,
    is_dynamic_form,
    is_language,
    open_pdf,
    read_page,
    unread_status,
)
from docqa.engine.ingest.pdf_page_breaks import PageBreak, find_page_breaks, join_columns
from docqa.engine.ingest.sentences import looks_like_heading, split_sentences
from docqa.engine.types import Box, Page, PageStatus, Rest, Sentence, SentenceKind

_NUMBERED = re.compile(
    r"(?:item|section|article|part|chapter|note|annex|schedule|appendix|exhibit)\s+[\dIVXA-Z]|§\s*\d"
    r"|\d{1,2}(?:\.\d{1,2})*\.?\s+[A-Z]|[IVX]{1,5}\.\s+[A-Z]",
    re.IGNORECASE,
)
_NOTE_ON_TABLE = re.compile(r"\(\d{1,2}\)\s.*:", re.DOTALL)
"""A note that a table of its own follows, whose rows are none of the table above."""
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
    """Read every page of a PDF; see `docqa.engine.ingest.documents.ingest`.

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
        hyphens = write_texts(pages)
        heights = [content.layout_height if content else 1.0 for content in contents]
        furniture = find_furniture(pages, heights)
        old_numbers = find_old_page_numbers(pages, furniture)
        furniture |= old_numbers
        style = _body_style(pages, furniture)
        join_over_numbers(pages, old_numbers, lambda block: _is_prose(block, style), hyphens)
        join_columns(pages, furniture, lambda block: _is_prose(block, style), hyphens)
        _carry_headers(pages, furniture)
        statuses = [
            _status(pdf, number, blocks, furniture) if contents[number] else PageStatus.SUSPECT
            for number, blocks in enumerate(pages)
        ]
        if not any(status is PageStatus.TEXT for status in statuses) or _asks_to_wait(pdf, pages):
            raise _unreadable(path, statuses, is_form=is_dynamic_form(pdf))
        title = " ".join(str((pdf.metadata or {}).get("title") or "").split())
    return PdfText(title, *_assemble(pages, statuses, furniture, style, hyphens))


def _read_blocks(pdf: pymupdf.Document, number: int) -> tuple[PageContent | None, list[Block]]:
    """A page's blocks; None for its content when MuPDF cannot load it."""
    try:
        content = read_page(pdf[number])
    except MUPDF_ERRORS:  # one bad page must not cost the rest
        return None, []
    blocks = page_blocks(without_line_numbers(content.pieces), content.ruling)
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


def _assemble(
    pages: list[list[Block]],
    statuses: list[PageStatus],
    furniture: set[int],
    style: _Style,
    hyphens: Hyphens,
) -> tuple[tuple[Page, ...], tuple[Sentence, ...]]:
    """Page texts and the sentences in them."""
    scored = [
        [block for block in blocks if status is PageStatus.TEXT and id(block) not in furniture]
        for blocks, status in zip(pages, statuses, strict=True)
    ]
    mark_item_headings(scored)
    breaks = find_page_breaks(scored, lambda block: _is_prose(block, style), hyphens)
    offsets = {id(block): offset for blocks in pages for block, offset in _in_page(blocks)}
    sentences: list[Sentence] = []
    heading: int | None = None
    noted: int | None = None
    above_entries: int | None = None
    in_entry = False
    ids: dict[int, int] = {}
    taken: dict[int, int] = {}
    for number, blocks in enumerate(scored, 1):
        for block in blocks:
            if block.in_entry and not in_entry:
                above_entries = heading
            elif in_entry and not block.in_entry:
                heading = above_entries
            in_entry = block.in_entry
            is_of_table = block.is_row or block.in_table
            if not is_of_table:
                noted = None
            offset = offsets[id(block)]
            header = ids.get(id(block.header)) if block.header is not None else None
            over = breaks.get(id(block))
            for start, end, kind, n_over in _units(block, style, taken.get(id(block), 0), over):
                sentence_id = len(sentences)
                rest = None
                if over is not None and n_over:
                    first, box = offsets[id(over.below)], _box(over.below, 0, n_over)
                    rest = Rest(first, first + n_over, over.seam.glue, box)
                    taken[id(over.below)] = n_over
                sentences.append(
                    Sentence(
                        sentence_id,
                        number,
                        offset + start,
                        offset + end,
                        kind,
                        box=_box(block, start, end),
                        heading=noted if is_of_table and noted is not None else heading,
                        header=header,
                        rest=rest,
                    )
                )
                ids.setdefault(id(block), sentence_id)
                if kind is SentenceKind.PROSE and _NOTE_ON_TABLE.fullmatch(block.text[start:end]):
                    noted = sentence_id
                if kind is SentenceKind.HEADING:
                    heading = sentence_id
    texts = ("\n".join(block.text for block in blocks) for blocks in pages)
    numbered = enumerate(zip(texts, statuses, strict=True), 1)
    return tuple(Page(n, text, status) for n, (text, status) in numbered), tuple(sentences)


def _in_page(blocks: Iterable[Block]) -> Iterator[tuple[Block, int]]:
    """The blocks of a page, each with its first character's place in the page's text."""
    offset = 0
    for block in blocks:
        yield block, offset
        offset += len(block.text) + 1


def _units(
    block: Block, style: _Style, first: int, over: PageBreak | None
) -> Iterator[tuple[int, int, SentenceKind, int]]:
    """The units of a block, and how many characters of the next page's first block each takes.

    Args:
        block: What is cut.
        style: Of the document's body.
        first: Where the sentence ends that began on the page before.
        over: Set where the block goes over the end of its page.
    """
    units = list(_cut(block, style, first))
    if over is None or not units:
        yield from ((*unit, 0) for unit in units)
        return
    yield from ((*unit, 0) for unit in units[:-1])
    last = units[-1][0]
    for start, end, n_over in cut_over_break(block.text, last, over.seam, over.below.text):
        yield start, end, SentenceKind.PROSE, n_over


def _cut(block: Block, style: _Style, first: int) -> Iterator[tuple[int, int, SentenceKind]]:
    """The units of a block from a character on, with its layout deciding what is a heading."""
    text = block.text
    if block.is_row:
        yield 0, len(text), SentenceKind.ROW
        return
    if not block.in_table and _is_heading(block, style):
        yield 0, len(text), SentenceKind.HEADING
        return
    raised = {place - first for place in block.raised}
    for start, end, kind in split_sentences(text[first:], raised):
        prose = SentenceKind.PROSE if kind is SentenceKind.HEADING else kind
        yield first + start, first + end, prose


def _is_prose(block: Block, style: _Style) -> bool:
    """Whether a block is part of the running text."""
    return not (block.is_row or block.in_table or block.is_stray or _is_heading(block, style))


def _is_heading(block: Block, style: _Style) -> bool:
    """Whether a block stands out as a section's name."""
    if block.names_section:
        return True
    text, lead = block.text, block.lead
    n_words = text.count(" ") + 1
    if len(block.rows) > 3 or n_words > _MAX_HEADING_WORDS or text[-1] in ",;:":
        return False
    item = LIST_ITEM.match(text)
    if not _HAS_WORD.search(text) or text[item.end() if item else 0].islower():
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
