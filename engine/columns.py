"""The cells of a table row, and which row names their columns in a document of plain text.

A PDF shows where its tables begin and what stands over which column
(`ingest/tables/headers.py`). A text has its rows alone: the header of one is the nearest row above
with as many cells, none a figure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from docqa.engine.types import Document, Sentence, SentenceKind

HEADER_REACH = 60
"""Sentences above a row among which its header is looked for."""
MAX_LABELS = 2
"""Lines one after another that do not end a table though no row: `Operating activities:`."""

_CELL_END = re.compile(r"\s*\|(?=\s|$)\s*")
_YEAR = re.compile(r"\W*(?:FY|CY|fiscal)?\s*(?:19|20)\d\d(?:\s?\(\w\)|[\W⁰¹²³⁴-⁹])*", re.IGNORECASE)
_FIGURE = re.compile(r"\W*\d[\d.,]*\W*(?:%|pts|bps?|x)?[\W⁰¹²³⁴-⁹]*")


def cell_spans(row: str) -> list[tuple[int, int]]:
    """(start, end) of the cells of a table row."""
    spans, begin = [], 0
    for mark in _CELL_END.finditer(row):
        spans.append((begin, mark.start()))
        begin = mark.end()
    return [*spans, (begin, len(row))]


def row_names(row: str, header: str) -> list[str] | None:
    """The cells of a header, one for each cell of a row; the first column may lack a name.

    None where they do not fit: of columns of years none holds a label in words, whatever the number
    of cells.
    """
    spans = cell_spans(row)
    names = [header[start:end] for start, end in cell_spans(header)]
    if len(names) == len(spans) - 1:
        names = ["", *names]
    label = row[slice(*spans[0])]
    is_shifted = all(map(_YEAR.fullmatch, names[:2])) and any(map(str.isalpha, label))
    return names if len(names) == len(spans) > 1 and not is_shifted else None


def column_names(document: Document, row: Sentence) -> list[str]:
    """What the columns of a row are called, its own label first; nothing where they do not fit."""
    if row.header is None:
        return []
    return row_names(document.sentence_text(row.id), document.sentence_text(row.header)) or []


def with_headers(sentences: Sequence[Sentence], text_of: Callable[[int], str]) -> list[Sentence]:
    """The sentences of a text, its table rows with the ids of their headers.

    Args:
        sentences: Of the whole document.
        text_of: Gives the text of one by its id.
    """
    headers: dict[int, int] = {}  # id of the last header of so many cells
    found = list(sentences)
    n_others = page = 0
    for sentence in sentences:
        is_row = sentence.kind is SentenceKind.ROW
        n_others = 0 if is_row else n_others + 1
        if n_others > MAX_LABELS or sentence.page != page:
            headers.clear()
            page = sentence.page
        if not is_row:
            continue
        row = text_of(sentence.id)
        spans = cell_spans(row)
        if _names_columns([row[start:end] for start, end in spans]):
            headers[len(spans)] = sentence.id
            continue
        # the first column may lack a name
        nearest = max(headers.get(len(spans) - lacking, -1) for lacking in (0, 1))
        if nearest >= max(0, sentence.id - HEADER_REACH):
            found[sentence.id] = replace(sentence, header=nearest)
    return found


def _names_columns(cells: list[str]) -> bool:
    """Whether the cells of a row are names of columns: words or years, no figures, no units."""
    named = [cell for cell in cells[1:] if any(c.isalnum() for c in cell)]
    is_unit = len(cells) > 1 and len(set(filter(None, cells))) == 1  # `US$000 | US$000`
    return (
        bool(named)
        and not is_unit
        and all(not _FIGURE.fullmatch(name) or _YEAR.fullmatch(name) for name in named)
    )
