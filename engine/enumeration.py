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

from docqa.engine.columns import cell_spans
from docqa.engine.ingest.blocks import LIST_ITEM
from docqa.engine.ingest.sentences import is_stopped
from docqa.engine.ingest.tables.regions import BULLET
from docqa.engine.question.asked_kind import several_asked_for
from docqa.engine.question.own_name import about_the_company
from docqa.engine.retrievers.retriever import Scores
from docqa.engine.types import Document, Evidence, Sentence, SentenceKind
from docqa.engine.words import CALENDAR, question_stems, stems

N_LOOKED_AT = 8
"""Best sentences among which a list's lead-in is looked for, or an item of it."""
MOST_ITEMS = 40
"""Of a longer list the first ones are quoted."""
MOST_OF_ITEM = 4
"""Sentences of one item, of which the first is quoted."""
SHORT_WORDS = 12
"""Most words of an item that no bullet or number marks."""
MOST_ADDED_WORDS = 600
"""Most words that a list adds to the evidence."""
SEEN_CHARS = 2000
"""Characters of a sentence that are looked at."""

_FOLLOWING = re.compile(
    r"\b(?:the following(?!\s+(?:year|day|week|month|quarter|meeting|page|merger|fiscal)s?\b)"
    r"|as follows|(?:listed|set forth) below)\b",
    re.IGNORECASE,
)
_LIST_WORDS = frozenset(stems("list lists listed name names named following include includes"))
"""Words of a question or a lead-in that say nothing of what is listed."""
_WORD = re.compile(r"[^\W\d_]{2}")
_NAME = r"[A-Z][\w&.’'-]*(?: [A-Z][\w&.’'-]*){0,5}"
_NAMES_SEVERAL = re.compile(rf"{_NAME}(?:, {_NAME}){{0,20}},? (?:and|or) {_NAME}")


def enumeration(
    question: str, documents: Mapping[str, Document], evidence: tuple[Evidence, ...]
) -> tuple[Evidence, ...]:
    """The lead-in and the items of the list that answers, in their order; nothing without one.

    A better sentence that says more of the question, or that names several things itself, answers
    better than the list.

    Args:
        question: As the user wrote it.
        documents: By id.
        evidence: Best first.
    """
    several = several_asked_for(question)
    if several is None:
        return ()
    most_said = 0
    for one in evidence[:N_LOOKED_AT]:
        document = documents[one.document_id]
        asked = {*question_stems(about_the_company(document, question))} - _LIST_WORDS
        lead_in = _lead_in(document, one.sentence_id)
        if lead_in is not None and _is_about(document, lead_in, asked, several, most_said):
            listed = [lead_in, *_items(document, lead_in)]
            return tuple(_evidence_of(i, one, evidence) for i in listed)
        text = _text(document, document.sentences[one.sentence_id])
        said = {*stems(text)}
        if {*stems(several)} <= said and _names_several(text):
            return ()
        most_said = max(most_said, len(asked & said))
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
    n_words = 0
    added = list(evidence)
    for one in enumeration(question, documents, evidence):
        if (one.document_id, one.sentence_id) in found:
            continue
        n_words += len(documents[one.document_id].sentence_text(one.sentence_id).split())
        if n_words > MOST_ADDED_WORDS:
            break
        score = float(scores[one.document_id][one.sentence_id])
        added.append(replace(one, score=score, rank=len(added) + 1))
    return tuple(added)


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
    behind = document.sentences[lead_in + 1 : lead_in + 1 + MOST_ITEMS * MOST_OF_ITEM]
    if not behind:
        return []
    items = (
        _marked_items(document, behind)
        or _rows_of_words(document, behind)
        or [*takewhile(lambda one: _is_short(document, one), behind)]
    )
    return [one.id for one in items[:MOST_ITEMS]] if len(items) > 1 else []


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
    return named if all(_is_in_words(_text(document, one)) for one in named) else []


def _is_in_words(row: str) -> bool:
    """Whether more cells of a row have words than have none."""
    cells = [row[start:end] for start, end in cell_spans(row) if end > start]
    return 2 * sum(_WORD.search(cell) is not None for cell in cells) > len(cells)


def _mark(document: Document, sentence: Sentence) -> re.Pattern[str] | None:
    """What kind of mark a sentence begins with: a bullet, the number of an item, or none.

    `1. Pilots` reads as a heading where it stands alone.
    """
    text = document.sentence_text(sentence.id)
    kinds = () if sentence.kind is SentenceKind.ROW else (BULLET, LIST_ITEM)
    return next((kind for kind in kinds if kind.match(text)), None)


def _leads_in(document: Document, sentence: Sentence) -> bool:
    text = _text(document, sentence)
    return text.rstrip(" .…-–—").endswith(":") or _FOLLOWING.search(text) is not None


def _is_short(document: Document, sentence: Sentence) -> bool:
    """Whether a sentence may be an item without a mark: a name or a few words, and no sentence."""
    text = document.sentence_text(sentence.id)
    is_prose = sentence.kind is SentenceKind.PROSE
    return is_prose and len(text.split()) <= SHORT_WORDS and not is_stopped(text)


def _is_about(
    document: Document, lead_in: int, asked: set[str], several: str, most_said: int
) -> bool:
    """Whether a lead-in says what is asked for and no less than what was found before it.

    A heading that says nothing else than the question is about it all the same.
    """
    text = _text(document, document.sentences[lead_in])
    said = {*stems(text)}
    telling = {*question_stems(text)} - _LIST_WORDS
    is_asked_itself = bool(telling) and telling <= asked
    return is_asked_itself or ({*stems(several)} <= said and len(asked & said) >= most_said)


def _names_several(text: str) -> bool:
    """Whether a sentence has the names of several things, and not of days or months alone."""
    return any(
        not {*re.findall(r"[a-z]+", names[0].lower())} & CALENDAR
        for names in _NAMES_SEVERAL.finditer(text)
    )


def _text(document: Document, sentence: Sentence) -> str:
    return document.sentence_text(sentence.id)[:SEEN_CHARS]


def _evidence_of(sentence_id: int, found: Evidence, evidence: tuple[Evidence, ...]) -> Evidence:
    """A sentence as evidence: what was found of it, or what led to it in its place."""
    for one in evidence:
        if (one.document_id, one.sentence_id) == (found.document_id, sentence_id):
            return one
    return replace(found, sentence_id=sentence_id)
