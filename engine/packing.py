"""Question and document as token ids, with the exact last token of every sentence.

Ends come from the character offsets of a fast tokenizer, never from searching for text: that
holds for any tokenizer and any script (the reference's look-back search does not).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from docqa.engine.types import Document

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class TokenizedDocument:
    """A document's sentences as one run of tokens."""

    token_ids: NDArray[np.int32]
    """(l,) sentences one after another, page furniture left out."""
    sentence_ends: NDArray[np.int32]
    """(s,) index of each sentence's last token; never falls from one sentence to the next."""


@runtime_checkable
class TokenCache(Protocol):
    """Keeps tokenized documents; the store is one."""

    def load_tokens(self, document_id: str, tokenizer_id: str) -> TokenizedDocument | None: ...

    def save_tokens(
        self, document_id: str, tokenizer_id: str, tokens: TokenizedDocument
    ) -> None: ...


def tokenize_document(document: Document, tokenizer: Tokenizer) -> TokenizedDocument:
    """Tokenize all sentences of a document, page by page.

    A sentence of which the tokenizer keeps nothing ends where the one before it ends.
    """
    texts, spans = _page_texts(document)
    ids: list[NDArray[np.int32]] = []
    ends = np.full(len(document.sentences), -1, dtype=np.int32)
    n_tokens = 0
    for encoding, page_spans in zip(
        tokenizer.encode_batch(texts, add_special_tokens=False), spans, strict=True
    ):
        starts = np.fromiter((start for start, _ in encoding.offsets), np.int64, len(encoding))
        for sentence_id, _, end in page_spans:
            ends[sentence_id] = n_tokens + np.searchsorted(starts, end, side="left") - 1
        ids.append(np.asarray(encoding.ids, dtype=np.int32))
        n_tokens += len(encoding)
    token_ids = np.concatenate(ids) if ids else np.empty(0, np.int32)
    return TokenizedDocument(token_ids, np.maximum.accumulate(ends) if len(ends) else ends)


def _page_texts(document: Document) -> tuple[list[str], list[list[tuple[int, int, int]]]]:
    """The scored text of every page, with (sentence id, start, end) in it."""
    texts: list[str] = []
    spans: list[list[tuple[int, int, int]]] = []
    pieces: list[str] = []
    page_spans: list[tuple[int, int, int]] = []
    page, length = 0, 0
    for sentence in document.sentences:
        if sentence.page != page and pieces:
            texts.append("\n".join(pieces))
            spans.append(page_spans)
            pieces, page_spans, length = [], [], 0
        page = sentence.page
        piece = document.sentence_text(sentence.id)
        page_spans.append((sentence.id, length, length + len(piece)))
        pieces.append(piece)
        length += len(piece) + 1
    if pieces:
        texts.append("\n".join(pieces))
        spans.append(page_spans)
    return texts, spans
