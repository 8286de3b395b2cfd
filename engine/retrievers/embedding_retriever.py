"""The embedding baseline: a sentence encoder and similarity, as most tools retrieve today.

It is here to be measured against (`docqa bench retrieval --retriever embedding`), with an encoder
that runs here (`sentence_encoder.py`) or behind a server (`embedding_server.py`). Each sentence is
embedded by itself: the encoder knows neither the question nor the rest of the document when it
reads one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from docqa.engine.retrievers.retriever import (
    EncoderOptions,
    IsCancelled,
    OnProgress,
    Progress,
    Scores,
)
from docqa.engine.surrogates import without_surrogates
from docqa.engine.types import Document

MAX_DOCUMENTS = 4
"""Documents whose embeddings are kept for further questions; 100,000 sentences of all-MiniLM take
150 MB."""
WINDOW_SENTENCES = 512
"""Sentences between two reports of progress; within them, batches are made by length."""

Vectors = NDArray[np.float32]
"""(s, d) one embedding a sentence."""


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors, and compares them."""

    checkpoint: str
    """Its name."""
    device: str

    def embed_question(self, question: str, is_cancelled: IsCancelled | None) -> Vectors:
        """(1, d) the embedding of a question."""
        ...

    def embed_sentences(
        self, texts: Sequence[str], lengths: Sequence[int], is_cancelled: IsCancelled | None
    ) -> Vectors:
        """Embed sentences.

        Args:
            texts: The sentences.
            lengths: Their tokens, as `count_tokens` has them.
            is_cancelled: Asked before each batch.

        Returns:
            (s, d) in the order of `texts`.

        Raises:
            Cancelled: When `is_cancelled` said so.
        """
        ...

    def compare(self, asked: Vectors, vectors: Vectors) -> Scores:
        """(s,) similarities of (1, d) the question to (s, d) sentences."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How much there is to read of each sentence, in the encoder's measure."""
        ...


class EmbeddingRetriever:
    """Scores sentences by the similarity of their embedding to the question's."""

    name = "embedding"

    def __init__(self, encoder: Encoder) -> None:
        """Take an encoder; `load` is the usual way."""
        self.encoder = encoder
        self.checkpoint: str | None = encoder.checkpoint
        self.device = encoder.device
        self._kept: OrderedDict[tuple[str, str], tuple[Vectors, int]] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def load(
        cls,
        folder: str | Path | None = None,
        *,
        device: str = "auto",
        options: EncoderOptions | None = None,
    ) -> EmbeddingRetriever:
        """The retriever with an encoder: a server's, or the one in a folder.

        Args:
            folder: See `SentenceEncoder.load`.
            device: `auto`, `cpu`, `cuda` or `mps`.
            options: Name a server or a preset.

        Raises:
            DocqaError: When the encoder cannot be used.
        """
        if options is not None and options.base_url:
            from docqa.engine.retrievers.embedding_server import ServerEncoder

            return cls(ServerEncoder(options))
        from docqa.engine.retrievers.sentence_encoder import SentenceEncoder

        preset = options.preset if options is not None else ""
        return cls(SentenceEncoder.load(folder, preset=preset, device=device))

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """See `Retriever.score`. Progress comes once where the embeddings are kept already."""
        asked = self.encoder.embed_question(_sendable(question), is_cancelled)
        key = (document.id, document.segmenter)
        n_sentences = len(document.sentences)
        scores = np.zeros(n_sentences, np.float32)
        vectors, n_tokens = self._recall(key)
        if vectors is not None:
            scores[:] = self.encoder.compare(asked, vectors)
            if on_progress is not None:
                on_progress(Progress(document.id, n_tokens, n_tokens, n_sentences, scores))
            return scores

        texts = [_sendable(document.sentence_text(i)) for i in range(n_sentences)]
        lengths = self.encoder.count_tokens(texts)
        n_tokens = sum(lengths)
        n_read = 0
        windows: list[Vectors] = []
        for begin in range(0, n_sentences, WINDOW_SENTENCES):
            end = min(begin + WINDOW_SENTENCES, n_sentences)
            window = self.encoder.embed_sentences(
                texts[begin:end], lengths[begin:end], is_cancelled
            )
            windows.append(window)
            scores[begin:end] = self.encoder.compare(asked, window)
            n_read += sum(lengths[begin:end])
            if on_progress is not None:
                on_progress(Progress(document.id, n_read, n_tokens, end, scores[:end]))
        if windows:
            self._keep(key, np.concatenate(windows), n_tokens)
        return scores

    def _recall(self, key: tuple[str, str]) -> tuple[Vectors | None, int]:
        with self._lock:
            if key not in self._kept:
                return None, 0
            self._kept.move_to_end(key)
            return self._kept[key]

    def _keep(self, key: tuple[str, str], vectors: Vectors, n_tokens: int) -> None:
        with self._lock:
            self._kept[key] = (vectors, n_tokens)
            if len(self._kept) > MAX_DOCUMENTS:
                self._kept.popitem(last=False)


def _sendable(text: str) -> str:
    """Without lone surrogates, which no tokenizer takes, and not empty, which servers refuse."""
    return without_surrogates(text) or " "
