"""What the figures of a table are counted in."""

from __future__ import annotations

import re

from docqa.engine.columns import cell_spans
from docqa.engine.types import Document, Sentence, SentenceKind
from docqa.engine.words import stems

_SCALE = re.compile(r"\b(in (?:thousands|millions|billions)\b[^|()\[\]]*)", re.IGNORECASE)
_EXCEPTION = re.compile(r"[\s,;]*\b(?:except|excluding|other than)\b", re.IGNORECASE)
_NO_SUBJECT = frozenset(stems("except excluding other than for per and or amount amounts data"))
"""What an exception says besides what it is about."""
_TO_THE_CENT = re.compile(r"\d{1,3}\.\d\d(?!\d)")


def scale_of(document: Document, sentence: Sentence, words: str) -> str:
    """What a table says its figures are counted in (`in thousands`), where `words` is a figure.

    Nothing where the table says of such rows that they are not (`except per share data`). A row
    that does not name itself so, below `Earnings per share`, is told by its cents. Nothing is
    multiplied.
    """
    if sentence.kind is not SentenceKind.ROW or not re.search(r"\d", words) or "%" in words:
        return ""
    for near in (sentence.id, sentence.header, sentence.heading):
        found = None if near is None else _SCALE.search(document.sentence_text(near))
        if found:
            said = " ".join(found[1].split()).rstrip(" ,;:.").lower()
            scale, exception = _parted(said)
            text = document.sentence_text(sentence.id)
            label = text[slice(*cell_spans(text)[0])]
            return "" if exception and _is_excepted(exception, label, words) else scale
    return ""


def _parted(said: str) -> tuple[str, str]:
    """`in millions` and `except per share data`."""
    found = _EXCEPTION.search(said)
    return (said[: found.start()], said[found.start() :]) if found else (said, "")


def _is_excepted(exception: str, label: str, words: str) -> bool:
    about = set(stems(exception)) - _NO_SUBJECT
    return bool(about & set(stems(label))) or _TO_THE_CENT.search(words) is not None
