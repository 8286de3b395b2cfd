"""Figures of the year that a question asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from docqa.engine.columns import cell_spans, column_names
from docqa.engine.reader import AnswerSpan
from docqa.engine.statements.figures import YEAR
from docqa.engine.types import Document, SentenceKind

_LETTERS_BEFORE_YEAR = re.compile(r"(?<=[A-Za-z])(?=(?:19|20)\d\d)")
_AND = r"(?:\s*,\s*(?:and\s+)?|\s+and\s+)"
_YEARS = re.compile(rf"{YEAR.pattern}(?:{_AND}(?:fiscal\s+)?{YEAR.pattern})+", re.IGNORECASE)
_AMOUNT = (
    r"[$€£]?\s?\(?\d+(?:,\d{3})*(?:\.\d+)?\)?"
    r"(?:\s?%|\s(?:thousand|million|billion|trillion|percent)\b)?"
)
_OPENS_RANGE = re.compile(r"\b(?:between|from|each of)\s+$", re.IGNORECASE)
"""Before two figures that are none of two years."""
_AMOUNTS = re.compile(rf"{_AMOUNT}(?:{_AND}{_AMOUNT})+", re.IGNORECASE)


def of_asked_year(
    question: str, documents: Mapping[str, Document], span: AnswerSpan
) -> AnswerSpan | None:
    """The words, if they are no figure of another year; in a list of figures and one of their years
    (`$133 million, $139 million and $150 million for 2021, 2020 and 2019`) the figure of the year
    that is asked for.

    Args:
        question: As the user wrote it; `FY2021` asks for 2021.
        documents: By id.
        span: What answers.
    """
    if is_of_another_year(question, documents, span):
        return None
    asked = _years_asked(question)
    document = documents[span.evidence.document_id]
    sentence = document.sentences[span.evidence.sentence_id]
    is_year = YEAR.search(span.text(documents)) is not None
    if len(asked) != 1 or sentence.kind is SentenceKind.ROW or is_year:
        return span
    text = document.sentence_text(sentence.id)
    lists = [one for one in _AMOUNTS.finditer(text) if one.start() <= span.start < one.end()]
    years = [YEAR.findall(one[0]) for one in _YEARS.finditer(text)]
    if len(lists) != 1 or len(years) != 1 or _OPENS_RANGE.search(text[: lists[0].start()]):
        return span
    amounts = list(re.finditer(_AMOUNT, lists[0][0], re.IGNORECASE))
    (year,) = asked
    if len(amounts) != len(years[0]) or years[0].count(year) != 1:
        return span
    amount = amounts[years[0].index(year)]
    start = lists[0].start() + amount.start() + len(amount[0]) - len(amount[0].lstrip())
    return replace(span, start=start, end=lists[0].start() + amount.end())


def is_of_another_year(question: str, documents: Mapping[str, Document], span: AnswerSpan) -> bool:
    """Whether what says of which year a figure is names years, and none that is asked for.

    That is the name of its column, else the label of its row; in prose the sentence. A year that
    answers (`since 1997`) is no figure of a year.

    Args:
        question: As the user wrote it; `FY2021` asks for 2021.
        documents: By id.
        span: What answers.
    """
    asked = _years_asked(question)
    words = span.text(documents)
    if not asked or not re.search(r"\d", words) or YEAR.search(words):
        return False
    told = _years_told(documents[span.evidence.document_id], span)
    return bool(told) and asked.isdisjoint(told)


def _years_asked(question: str) -> set[str]:
    return set(YEAR.findall(_LETTERS_BEFORE_YEAR.sub(" ", question)))


def _years_told(document: Document, span: AnswerSpan) -> list[str]:
    """The years that are named of a figure."""
    sentence = document.sentences[span.evidence.sentence_id]
    text = document.sentence_text(sentence.id)
    if sentence.kind is not SentenceKind.ROW:
        return YEAR.findall(text)
    cells = cell_spans(text)
    column = sum(end <= span.start for _, end in cells)
    names = column_names(document, sentence)
    named = YEAR.findall(names[column]) if column < len(names) else []
    return named or YEAR.findall(text[slice(*cells[0])])
