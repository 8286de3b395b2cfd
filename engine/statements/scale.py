"""What the figures of a table are counted in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docqa.engine.columns import cell_spans, column_names
from docqa.engine.types import Document, Sentence, SentenceKind
from docqa.engine.words import stems

_SCALE = re.compile(r"\b(in (?:thousands|millions|billions)\b[^|()\[\]]*)", re.IGNORECASE)
_INTRODUCED = re.compile(
    r"\((?:[^()]*\s)?(in (?:thousands|millions|billions)\b[^()]*)\)|"
    r"\b(in (?:thousands|millions|billions)\b[^|()\[\]]*):$",
    re.IGNORECASE,
)
"""How the sentence above a table tells: "... for the periods indicated (in millions):"."""
_ABOVE = 3
"""Most sentences between a table and what tells its scale, that one with them: a caption, too."""
_EXCEPTION = re.compile(r"[\s,;]*\b(?:except|excluding|other than)\b", re.IGNORECASE)
_NO_SUBJECT = frozenset(stems("except excluding other than for per and or amount amounts data"))
"""What an exception says besides what it is about."""
_OF_ONE = re.compile(
    r"\bper\s|\baverage\s(?:\w+\s)?(?:prices?|rates?|costs?|fees?)\b|\bpercent|%|\bnumber of\b",
    re.IGNORECASE,
)
"""Names of rows and columns with prices, shares or counts, whatever the rest of the table holds."""
_TO_THE_CENT = re.compile(r"\d{1,3}\.\d\d(?!\d)")


def scale_of(document: Document, sentence: Sentence, words: str, at: int | None = None) -> str:
    """What a table says its figures are counted in (`in thousands`), where `words` is a figure.

    Nothing where the table says of such rows that they are not (`except per share data`), or where
    row or column is called after a price or a count. A row that does not name itself so, below
    `Earnings per share`, is told by its cents. Nothing is multiplied.

    Args:
        document: Where the table stands.
        sentence: A row of it.
        words: A figure of the row.
        at: Where the figure begins in the row; where it is first found, if not given.
    """
    if sentence.kind is not SentenceKind.ROW or not re.search(r"\d", words) or "%" in words:
        return ""
    said = _said_of(document, sentence)
    scale, exception = _parted(" ".join(said.split()).rstrip(" ,;:.").lower())
    text = document.sentence_text(sentence.id)
    spans = cell_spans(text)
    cells = [text[start:end] for start, end in spans]
    at = text.find(words) if at is None else at
    column = sum(end <= at for _, end in spans)
    names = column_names(document, sentence)
    if _OF_ONE.search(" | ".join([cells[0], *names[column : column + 1]])):
        return ""
    return "" if exception and _is_excepted(exception, cells[0], words) else scale


def _said_of(document: Document, row: Sentence) -> str:
    """`in millions, except per share data`, as the row, its table or what introduces that says."""
    for near in (row.id, row.header, row.heading):
        found = None if near is None else _SCALE.search(document.sentence_text(near))
        if found:
            return found[1]
    for above in above_table(document, row):
        introduced = _INTRODUCED.search(" ".join(document.sentence_text(above.id).split()))
        if introduced:
            return introduced[1] or introduced[2]
    return ""


def above_table(document: Document, row: Sentence) -> Iterator[Sentence]:
    """The sentences right above the table of a row, the nearest first."""
    first = row.id if row.header is None else row.header
    while first and _is_of_table(document.sentences[first - 1], row):
        first -= 1
    for one in reversed(document.sentences[max(first - _ABOVE, 0) : first]):
        if one.kind is SentenceKind.ROW:
            return
        yield one


def _is_of_table(one: Sentence, row: Sentence) -> bool:
    return one.kind is SentenceKind.ROW and (one.header == row.header or one.id == row.header)


def _parted(said: str) -> tuple[str, str]:
    """`in millions` and `except per share data`."""
    found = _EXCEPTION.search(said)
    return (said[: found.start()], said[found.start() :]) if found else (said, "")


def _is_excepted(exception: str, label: str, words: str) -> bool:
    about = set(stems(exception)) - _NO_SUBJECT
    return bool(about & set(stems(label))) or _TO_THE_CENT.search(words) is not None
