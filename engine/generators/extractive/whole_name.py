"""A name is answered whole: `Edwin Howard Armstrong`, where a reader found `Armstrong`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from docqa.engine.reader import AnswerSpan
from docqa.engine.types import Document, SentenceKind
from docqa.engine.words import CALENDAR

_NAME = re.compile(r"[A-Z][\w&.’'-]*(?: (?:(?:of|and|the|for|de|van|von|&) )*[A-Z][\w&.’'-]*)*")
_BEFORE = re.compile(r"(?:(?<![\w.’'-])[A-Z][\w&’'-]*\.? )+$")
"""The words of a name that go before it."""
_NO_NAMES = CALENDAR | {"mr", "mrs", "ms", "dr"}
"""Titles, months and days before a name."""
_OPENINGS = frozenset(
    "after although and as at because before but by during effective for from however if in its"
    " like no on our see since so such that the their then there these they this those though"
    " under unless unlike until upon we when where whereas while with".split()
)
_SENTENCE_BEGINS = re.compile(r"(?:^|[.!?:;•][\s\"“”(]*)$")


def with_whole_name(documents: Mapping[str, Document], span: AnswerSpan) -> AnswerSpan:
    """The words, and before a name that they begin with its other words.

    Args:
        documents: By id.
        span: What answers.
    """
    document = documents[span.evidence.document_id]
    sentence = document.sentences[span.evidence.sentence_id]
    text = document.sentence_text(sentence.id)
    if sentence.kind is SentenceKind.ROW or not _NAME.match(text[span.start : span.end]):
        return span
    words = text[span.start : span.end]
    before = _BEFORE.search(text[: span.start])
    if before is None or words.split(" ", 1)[0].lower() in _NO_NAMES or before[0].isupper():
        return span
    start = before.start()
    if _SENTENCE_BEGINS.search(text[:start]) and _is_written_small(text[start:], document):
        start = text.index(" ", start) + 1
    while start < span.start and text[start:].split(" ", 1)[0].rstrip(".").lower() in _NO_NAMES:
        start = text.index(" ", start) + 1
    return replace(span, start=start)


def _is_written_small(text: str, document: Document) -> bool:
    """Whether a text begins with a word that has its capital from the sentence, and is no name."""
    word = text.split(" ", 1)[0].lower()
    return word in _OPENINGS or bool(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", document.text))
