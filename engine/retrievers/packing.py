"""Question and document as token ids, with the exact last token of every sentence.

Ends come from the character offsets of a fast tokenizer, never from searching for text: that
holds for any tokenizer and any script (the reference's look-back search does not).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from docqa.engine.types import PAGE_SEPARATOR, Document, Sentence

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class TokenizedDocument:
    """A document's sentences as one run of tokens."""

    token_ids: NDArray[np.int32]
    """(l,) sentences one after another, page furniture left out."""
    sentence_ends: NDArray[np.int32]
    """(s,) index of each sentence's last token; never falls from one sentence to the next."""
    above: NDArray[np.int32] | None = None
    """(s, 2) ids of each sentence's heading and header, -1 where it has none; None = not known."""

    @property
    def sentence_lengths(self) -> NDArray[np.int32]:
        """(s,) tokens of each sentence; 0 where the tokenizer keeps nothing of it.

        Where units are read (`in_units`), the first sentence of each has all its tokens.
        """
        return np.diff(self.sentence_ends, prepend=np.int32(-1))


@runtime_checkable
class TokenCache(Protocol):
    """Keeps tokenized documents, but for what stands above: the store is one."""

    def load_tokens(self, document_id: str, tokenizer_id: str) -> TokenizedDocument | None: ...

    def save_tokens(
        self, document_id: str, tokenizer_id: str, tokens: TokenizedDocument
    ) -> None: ...


def tokenize_document(
    document: Document, tokenizer: Tokenizer, *, is_verbatim: bool = False
) -> TokenizedDocument:
    """Tokenize all sentences of a document, page by page.

    A sentence of which the tokenizer keeps nothing ends where the one before it ends.

    Args:
        document: Its sentences are tokenized.
        tokenizer: A fast one, which tells where in the text each token begins.
        is_verbatim: Keep the white space that stands between two sentences, as if the document
            were one string, which is how published checkpoints read; else each is a line.
    """
    texts, spans = _page_texts(document, is_verbatim)
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
    ends = np.maximum.accumulate(ends) if len(ends) else ends
    return TokenizedDocument(token_ids, ends, standing_above(document))


def standing_above(document: Document) -> NDArray[np.int32]:
    """(s, 2) ids of each sentence's heading and header; -1 where it has none."""
    ids = [
        -1 if above is None else above
        for sentence in document.sentences
        for above in (sentence.heading, sentence.header)
    ]
    return np.array(ids, np.int32).reshape(-1, 2)


def _page_texts(
    document: Document, is_verbatim: bool
) -> tuple[list[str], list[list[tuple[int, int, int]]]]:
    """The scored text of every page, with (sentence id, start, end) in it."""
    texts: list[str] = []
    spans: list[list[tuple[int, int, int]]] = []
    pieces: list[str] = []
    page_spans: list[tuple[int, int, int]] = []
    before: Sentence | None = None
    length = 0
    for sentence in document.sentences:
        if before is not None and sentence.page != before.page:
            texts.append("".join(pieces))
            spans.append(page_spans)
            pieces, page_spans, length = [], [], 0
        glue = _glue(document, before, sentence, is_verbatim)
        piece = document.sentence_text(sentence.id)
        start = length + len(glue)
        page_spans.append((sentence.id, start, start + len(piece)))
        pieces += [glue, piece]
        length = start + len(piece)
        before = sentence
    if pieces:
        texts.append("".join(pieces))
        spans.append(page_spans)
    return texts, spans


def _glue(
    document: Document, before: Sentence | None, sentence: Sentence, is_verbatim: bool
) -> str:
    """What stands in front of a sentence in the scored text of its page.

    White space goes with what follows it: so do the tokenizers of the published checkpoints,
    and the pages one by one give the tokens that the whole document gives.
    """
    if before is None:
        return ""
    if before.page != sentence.page:
        return PAGE_SEPARATOR if is_verbatim else ""
    between = document.pages[sentence.page - 1].text[before.end : sentence.start]
    return between if is_verbatim and not between.strip() else "\n"
