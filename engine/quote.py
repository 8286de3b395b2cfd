"""A quotation with its citation, as one pastes it into a text of one's own."""

from __future__ import annotations

from docqa.engine.types import Document, SentenceKind


def quote_sentence(document: Document, sentence_id: int) -> str:
    """A sentence with title and page; a table row with the names of its columns."""
    sentence = document.sentences[sentence_id]
    columns = ""
    if sentence.kind is SentenceKind.ROW and sentence.header is not None:
        columns = f" [columns: {_line(document.sentence_text(sentence.header))}]"
    return quote_text(
        document.sentence_text(sentence_id),
        columns,
        document.title,
        sentence.page,
        sentence.last_page,
    )


def quote_text(text: str, note: str, title: str, first: int, last: int) -> str:
    """Words of some pages with title and pages.

    Args:
        text: Verbatim; runs of space become one.
        note: What is added after the quotation marks, in brackets.
        title: Of the document.
        first: Number of the first page.
        last: Number of the last page.
    """
    return f"“{_line(text)}”{note} — {title}, {pages_named(first, last)}"


def pages_named(first: int, last: int) -> str:
    """`p. 12`, or `pp. 12–13`."""
    return f"p. {first}" if first == last else f"pp. {first}–{last}"


def _line(text: str) -> str:
    return " ".join(text.split())
