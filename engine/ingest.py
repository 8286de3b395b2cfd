"""Files become documents: pages of text in reading order, cut into sentences."""

from __future__ import annotations

import hashlib

from docqa.engine.sentences import SEGMENTER, split_sentences
from docqa.engine.types import Document, Page, Sentence, SentenceKind


def document_from_text(text: str, *, title: str, path: str | None = None) -> Document:
    """A document of one page from plain text: a paragraph or a table row a line."""
    sentences: list[Sentence] = []
    heading = None
    for start, end, kind in split_sentences(text):
        sentence_id = len(sentences)
        sentences.append(Sentence(sentence_id, 1, start, end, kind, heading=heading))
        if kind is SentenceKind.HEADING:
            heading = sentence_id
    return Document(
        id=hashlib.sha256(text.encode()).hexdigest(),
        title=title,
        path=path,
        pages=(Page(1, text),),
        sentences=tuple(sentences),
        segmenter=SEGMENTER,
    )
