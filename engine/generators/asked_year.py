"""Whether a figure is of another year than the question asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from docqa.engine.columns import cell_spans
from docqa.engine.generators.statements import YEAR, column_names
from docqa.engine.reader import AnswerSpan
from docqa.engine.types import Document, SentenceKind

_LETTERS_BEFORE_YEAR = re.compile(r"(?<=[A-Za-z])(?=(?:19|20)\d\d)")


def is_of_another_year(question: str, documents: Mapping[str, Document], span: AnswerSpan) -> bool:
    """Whether what says of which year a figure is names years, and none that is asked for.

    That is the name of its column, else the label of its row; in prose the sentence. A year that
    answers (`since 1997`) is no figure of a year.

    Args:
        question: As the user wrote it; `FY2021` asks for 2021.
        documents: By id.
        span: What answers.
    """
    asked = set(YEAR.findall(_LETTERS_BEFORE_YEAR.sub(" ", question)))
    words = span.text(documents)
    if not asked or not re.search(r"\d", words) or YEAR.search(words):
        return False
    told = _years_told(documents[span.evidence.document_id], span)
    return bool(told) and asked.isdisjoint(told)


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
