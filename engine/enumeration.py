"""A list of the document that answers a question for several things: its lead-in and its items.

`Which subcommittees are formed?` is answered by `… the following Subcommittees shall be formed:`
and by what stands below it. A retriever finds the lead-in and some of the items, and a reader one
name of many.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from docqa.engine.blocks import LIST_ITEM
from docqa.engine.columns import cell_spans
from docqa.engine.generators.asked_kind import several_asked_for
from docqa.engine.retriever import Scores
from docqa.engine.sentences import TERMINAL
from docqa.engine.tables import BULLET
from docqa.engine.types import Document, Evidence, Sentence, SentenceKind
from docqa.engine.words import question_stems, stems

N_LOOKED_AT = 8
"""Best sentences among which a list's lead-in is looked for, or an item of it."""
MOST_ITEMS = 40
"""A longer list is quoted no further."""
MOST_OF_ITEM = 4
"""Sentences of one item."""
SHORT_WORDS = 12
"""Most words of an item that no bullet or number marks."""

_LEADS_IN = re.compile(
    r":\W*$|\b(?:the following|as follows|listed below|set forth below)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]{2}")
_NAMES_SEVERAL = re.compile(r"(?:\b[A-Z][\w&.’'-]*(?:\s[\w&.’'()-]+){0,6}[,;]\s){2,}")
"""A sentence that names several things itself."""


def enumeration(
    question: str, documents: Mapping[str, Document], evidence: tuple[Evidence, ...]
) -> tuple[Evidence, ...]:
    """The lead-in and the items of the list that answers, in their order; nothing without one.

    A sentence that names several things itself answers better than a list further down.

    Args:
        question: As the user wrote it.
        documents: By id.
        evidence: Best first.
    """
    several = several_asked_for(question)
    if several is None:
        return ()
    for one in evidence[:N_LOOKED_AT]:
        document = documents[one.document_id]
        lead_in = _lead_in(document, one.sentence_id)
        if lead_in is not None and _is_about(document.sentence_text(lead_in), several, question):
            listed = [lead_in, *_items(document, lead_in)]
            return tuple(_evidence_of(i, one, evidence) for i in listed)
        if _NAMES_SEVERAL.search(document.sentence_text(one.sentence_id)):
            return ()
    return ()


def with_enumeration(
    evidence: tuple[Evidence, ...],
    question: str,
    scored: Sequence[tuple[Document, Scores]],
) -> tuple[Evidence, ...]:
    """Evidence with the rest of the list that answers, behind the last rank.

    Args:
        evidence: Best first.
        question: As the user wrote it.
        scored: Every document with the scores of its sentences.
    """
    documents = {document.id: document for document, _ in scored}
    scores = {document.id: found for document, found in scored}
    found = {(one.document_id, one.sentence_id) for one in evidence}
    missing = [
        one
        for one in enumeration(question, documents, evidence)
        if (one.document_id, one.sentence_id) not in found
    ]
    return evidence + tuple(
        replace(one, score=float(scores[one.document_id][one.sentence_id]), rank=rank)
        for rank, one in enumerate(missing, len(evidence) + 1)
    )


def _lead_in(document: Document, sentence_id: int) -> int | None:
    """The sentence that leads in the list that a sentence opens, or is an item of."""
    for i in range(sentence_id, max(sentence_id - MOST_ITEMS, 0) - 1, -1):
        items = _items(document, i)
        if items and sentence_id <= items[-1]:
            return i
        above = document.sentences[i]
        is_row = above.kind is SentenceKind.ROW
        if i < sentence_id and not (is_row or _mark(document, above) or _is_short(document, above)):
            return None
    return None


def _items(document: Document, lead_in: int) -> list[int]:
    """The sentences listed behind one that leads in a list; at least two, or none."""
    leading = document.sentences[lead_in]
    if leading.kind is not SentenceKind.HEADING and not _leads_in(document, leading):
        return []
    behind = document.sentences[lead_in + 1 : lead_in + 1 + MOST_ITEMS]
    if not behind:
        return []
    items = (
        _marked_items(document, behind)
        or _rows_of_words(document, behind)
        or [*takewhile(lambda one: _is_short(document, one), behind)]
    )
    return [one.id for one in items] if len(items) > 1 else []


def _marked_items(document: Document, behind: Sequence[Sentence]) -> list[Sentence]:
    """The sentences with marks as the first one has; an item may have further sentences."""
    mark = _mark(document, behind[0])
    items: list[Sentence] = []
    n_further = 0
    for sentence in behind if mark else ():
        n_further = 0 if _mark(document, sentence) is mark else n_further + 1
        ends = sentence.kind is not SentenceKind.PROSE or _leads_in(document, sentence)
        if n_further == MOST_OF_ITEM or (n_further and ends):
            break
        items += [] if n_further else [sentence]
    return items


def _rows_of_words(document: Document, behind: Sequence[Sentence]) -> list[Sentence]:
    """The rows of a table that tells of each in words: its name, age and position."""
    rows = [*takewhile(lambda one: one.kind is SentenceKind.ROW, behind)]
    headers = {one.header for one in rows}
    named = [one for one in rows if one.id not in headers]
    return named if all(_is_in_words(document.sentence_text(one.id)) for one in named) else []


def _is_in_words(row: str) -> bool:
    """Whether more cells of a row have words than have none."""
    cells = [row[start:end] for start, end in cell_spans(row) if end > start]
    return 2 * sum(_WORD.search(cell) is not None for cell in cells) > len(cells)


def _mark(document: Document, sentence: Sentence) -> re.Pattern[str] | None:
    """What kind of mark a sentence begins with: a bullet, the number of an item, or none."""
    text = document.sentence_text(sentence.id)
    kinds = (BULLET, LIST_ITEM) if sentence.kind is SentenceKind.PROSE else ()
    return next((kind for kind in kinds if kind.match(text)), None)


def _leads_in(document: Document, sentence: Sentence) -> bool:
    return _LEADS_IN.search(document.sentence_text(sentence.id)) is not None


def _is_short(document: Document, sentence: Sentence) -> bool:
    """Whether a sentence may be an item without a mark: a name or a few words, and no full stop."""
    text = document.sentence_text(sentence.id)
    if sentence.kind is not SentenceKind.PROSE or len(text.split()) > SHORT_WORDS:
        return False
    return not TERMINAL.search(text)


def _is_about(lead_in: str, several: str, question: str) -> bool:
    """Whether a lead-in says what is asked for, or a heading nothing else than the question."""
    said = {*stems(lead_in)}
    return {*stems(several)} <= said or {*question_stems(lead_in)} <= {*stems(question)}


def _evidence_of(sentence_id: int, found: Evidence, evidence: tuple[Evidence, ...]) -> Evidence:
    """A sentence as evidence: what was found of it, or with the score of what led to it."""
    for one in evidence:
        if (one.document_id, one.sentence_id) == (found.document_id, sentence_id):
            return one
    return Evidence(found.document_id, sentence_id, found.score, found.rank)
