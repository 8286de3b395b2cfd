"""A name is answered whole: `Edwin Howard Armstrong`, where a reader found `Armstrong`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from docqa.engine.reader import AnswerSpan
from docqa.engine.types import Document, SentenceKind

_NAME = re.compile(r"[A-Z][\w&.’'-]*(?: (?:(?:of|and|the|for|de|van|von|&) )*[A-Z][\w&.’'-]*)*")
_BEFORE = re.compile(r"(?:(?<![\w.’'-])[A-Z][\w&’'-]*\.? )+$")
"""The words of a name that go before it."""
_OPENS_SENTENCE = frozenset(
    "A After All An And As At Before But By During For From He Her His However If In It Its Mr"
    " Mrs Ms No On Our Since She That The Their Then There These They This Those Under Upon We When"
    " While With".split()
)
"""Capitals that begin a sentence, and titles."""


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
    before = _BEFORE.search(text[: span.start])
    if before is None:
        return span
    start = before.start()
    while start < span.start:
        word = text[start : span.start].split(" ", 1)[0]
        if word.rstrip(".") not in _OPENS_SENTENCE:
            break
        start += len(word) + 1
    return replace(span, start=start)
