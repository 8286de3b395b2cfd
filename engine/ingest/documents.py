"""Files become documents: pages of text in reading order, cut into sentences."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from docqa.engine.columns import with_headers
from docqa.engine.errors import FileProblem, IngestError
from docqa.engine.ingest.line_breaks import glue_between
from docqa.engine.ingest.page_breaks import Seam, cut_over_break, goes_on
from docqa.engine.ingest.plain import Reflowed, decode_text, is_markdown_name, is_text_name, reflow
from docqa.engine.ingest.sentences import SEGMENTER, split_sentences
from docqa.engine.surrogates import without_surrogates
from docqa.engine.types import Document, Page, PageStatus, Rest, Sentence, SentenceKind

OnPage = Callable[[Page], None]

_PDF_MARK_BYTES = 1024
"""`%PDF-` may stand this far into a file."""
_NO_TITLE = re.compile(
    r"(?:untitled|title|document|microsoft (?:word|powerpoint|excel).*|.*\.(?:docx?|pdf|png|jpe?g"
    r"|tiff?|indd|qxd|rtf|xlsx?|pptx?|html?|dvi|ps|tex|tmp)|[\W\d_]*|(?:about|file|https?):.*)",
    re.IGNORECASE,
)


def ingest(
    path: Path,
    *,
    password: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    on_page: OnPage | None = None,
) -> Document:
    """Read a PDF, a text file or a Markdown file.

    Args:
        path: The file.
        password: Opens an encrypted PDF.
        on_progress: Called with the pages done and the pages in all.
        is_cancelled: Asked before every page.
        on_page: Called with each page of a PDF as soon as it was read, so that it can be shown.
            The document's page may differ a little: what is a running header, and where a hyphen
            joins two halves of a word, is known when all pages are.

    Raises:
        IngestError: When the file cannot become a document; says why and what to do.
        Cancelled: When `is_cancelled` says so.
    """
    document_id, start = _hash_file(path)
    if not start.strip():
        raise IngestError(f"Cannot ingest {path.name}: the file is empty.", "Choose another file.")
    if b"%PDF-" in start or path.suffix.lower() == ".pdf":
        try:
            return _ingest_pdf(path, document_id, password, on_progress, is_cancelled, on_page)
        except IngestError as error:
            # a text may speak of the mark
            if error.problem is not FileProblem.DAMAGED or not is_text_name(path.suffix):
                raise
    content = path.read_bytes()
    text = decode_text(content)
    if text is None:
        raise IngestError(
            f"Cannot ingest {path.name}: it is neither a PDF nor text.",
            "Convert it to PDF first.",
        )
    document = _document_from_pages(
        [reflow(page, is_markdown=is_markdown_name(path.suffix)) for page in text.split("\f")],
        document_id=document_id,
        title=path.stem,
        path=str(path.absolute()),
    )
    if not document.sentences:
        raise IngestError(f"Cannot ingest {path.name}: the file is empty.", "Choose another file.")
    if on_progress is not None:
        on_progress(len(document.pages), len(document.pages))
    return document


def document_from_text(
    text: str, *, title: str, path: str | None = None, is_wrapped: bool = False
) -> Document:
    """A document from plain text: a paragraph or a table row a line.

    Args:
        text: The text; kept as it is unless `is_wrapped`.
        title: How the document is called.
        path: Where it came from.
        is_wrapped: Join lines that were wrapped at a width, as `ingest` does with a file, and
            begin a page at every form feed.
    """
    return _document_from_pages(
        [reflow(page) for page in text.split("\f")] if is_wrapped else [Reflowed(text)],
        document_id=hashlib.sha256(text.encode()).hexdigest(),
        title=title,
        path=path,
    )


def _document_from_pages(
    texts: list[Reflowed], *, document_id: str, title: str, path: str | None
) -> Document:
    sentences: list[Sentence] = []
    pages: list[Page] = []
    heading = None
    n_taken = 0  # characters of a page that the sentence before it has taken
    for number, reflowed in enumerate(texts, 1):
        status = PageStatus.TEXT if reflowed.text.strip() else PageStatus.EMPTY
        pages.append(Page(number, reflowed.text, status))
        below = texts[number] if number < len(texts) else None
        units = list(_units(reflowed, n_taken, below))
        n_taken = 0
        for start, end, kind, rest in units:
            sentence_id = len(sentences)
            sentences.append(
                Sentence(sentence_id, number, start, end, kind, heading=heading, rest=rest)
            )
            if kind is SentenceKind.HEADING:
                heading = sentence_id
            if rest is not None:
                n_taken = rest.end
    document = Document(
        id=document_id,
        title=title,
        path=path,
        pages=tuple(pages),
        sentences=tuple(sentences),
        segmenter=SEGMENTER,
    )
    return replace(
        document, sentences=tuple(with_headers(document.sentences, document.sentence_text))
    )


def _units(
    page: Reflowed, first: int, below: Reflowed | None
) -> Iterator[tuple[int, int, SentenceKind, Rest | None]]:
    """The units of a page from a character on, the last with where it goes on.

    Args:
        page: What is cut.
        first: Where the sentence ends that began on the page before.
        below: The next page, if there is one.
    """
    text = page.text
    units = [
        (
            first + start,
            first + end,
            SentenceKind.HEADING if first + start in page.headings else kind,
        )
        for start, end, kind in split_sentences(text[first:])
    ]
    if below is None or not units or units[-1][2] is not SentenceKind.PROSE or 0 in below.headings:
        yield from ((*unit, None) for unit in units)
        return
    begin = text.rfind("\n", 0, units[-1][0]) + 1
    above, head = text[begin:], below.text.split("\n", 1)[0]
    if not goes_on(above, head):
        yield from ((*unit, None) for unit in units)
        return
    yield from ((*unit, None) for unit in units[:-1])
    seam = Seam(len(above), glue_between(above, head))
    for start, end, n_over in cut_over_break(above, units[-1][0] - begin, seam, head):
        rest = Rest(0, n_over, seam.glue) if n_over else None
        yield begin + start, begin + end, SentenceKind.PROSE, rest


def _ingest_pdf(
    path: Path,
    document_id: str,
    password: str | None,
    on_progress: Callable[[int, int], None] | None,
    is_cancelled: Callable[[], bool] | None,
    on_page: OnPage | None,
) -> Document:
    from docqa.engine.ingest.pdf_document import read_pdf  # loads MuPDF, which a text needs not

    pdf = read_pdf(path, password, on_progress, is_cancelled, on_page)
    return Document(
        id=document_id,
        title=path.stem if _NO_TITLE.fullmatch(pdf.title) else without_surrogates(pdf.title),
        path=str(path.absolute()),
        pages=pdf.pages,
        sentences=pdf.sentences,
        segmenter=SEGMENTER,
    )


def _hash_file(path: Path) -> tuple[str, bytes]:
    """sha256 of a file's bytes in hex, and the bytes it begins with.

    Raises:
        IngestError: When it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_PDF_MARK_BYTES)
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest(), start
    except FileNotFoundError as error:
        raise IngestError(
            f"Cannot ingest {path}: there is no such file.", "Check the path."
        ) from error
    except IsADirectoryError as error:
        raise IngestError(
            f"Cannot ingest {path}: it is a folder.",
            f"Add its files to the library: docqa ingest {path}",
        ) from error
    except OSError as error:
        raise IngestError(
            f"Cannot ingest {path}: it cannot be read ({error.strerror}).",
            "Check its permissions.",
        ) from error
