"""What the figures of a table are counted in."""

from __future__ import annotations

import re

from docqa.engine.types import Document, Sentence, SentenceKind

_SCALE = re.compile(r"\bin (?:thousands|millions|billions)\b[^|()\[\]]*", re.IGNORECASE)


def scale_of(document: Document, sentence: Sentence, words: str) -> str:
    """What a table says its figures are counted in (`in thousands`), where `words` is a figure.

    Nothing is multiplied: the table may say `in thousands, except per share data`.
    """
    if sentence.kind is not SentenceKind.ROW or not re.search(r"\d", words) or "%" in words:
        return ""
    for near in (sentence.id, sentence.header, sentence.heading):
        found = None if near is None else _SCALE.search(document.sentence_text(near))
        if found:
            return " ".join(found[0].split()).rstrip(" ,;:.").lower()
    return ""
