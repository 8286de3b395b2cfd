"""The lexical retriever: BM25 over the sentences of one document.

Needs no checkpoint and no device, so it is the baseline of every benchmark and one half of
`hybrid`. trainer/README.md has the figures behind the constants here.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np

from docqa.engine.errors import Cancelled
from docqa.engine.retrievers.confidence import Calibration, packaged_calibrations
from docqa.engine.retrievers.packing import standing_above
from docqa.engine.retrievers.retriever import IsCancelled, OnProgress, Progress, Scores
from docqa.engine.types import Document
from docqa.engine.words import question_stems, stems

K1 = 0.9
"""How soon further occurrences of a word in one sentence stop to count."""
B = 0.75
"""How much a long sentence is held back."""
PREVIOUS_SHARE, NEXT_SHARE, HEADING_SHARE, HEADER_SHARE = 0.3, 0.2, 0.4, 1.0
"""What a sentence gets of the scores of its neighbours, of the heading above it and, a table row,
of the names of its columns: an answer says "it" where the sentence before says the name, and a
figure is of the year that stands above it."""
MAX_INDEXES = 8
"""Documents whose index is kept for further questions; one of 100,000 sentences takes 30 MB."""
SENTENCES_BETWEEN_CHECKS = 5_000


class BM25Retriever:
    """Scores sentences by the words they and their surroundings share with the question."""

    name = "bm25"
    checkpoint: str | None = None
    device = "cpu"

    def __init__(self) -> None:
        self._indexes: OrderedDict[tuple[str, str], _Index] = OrderedDict()
        self._lock = Lock()

    @property
    def calibrations(self) -> Mapping[str, Calibration]:
        """Its confidence model, see `docqa.engine.retrievers.confidence`."""
        return packaged_calibrations()

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """See `Retriever.score`. Progress comes once: a word's weight needs the whole document."""
        index = self._index_of(document, is_cancelled)
        scores = spread_scores(index.score(question_stems(question)), document)
        if on_progress is not None:
            on_progress(Progress(document.id, index.n_tokens, index.n_tokens, len(scores), scores))
        return scores

    def _index_of(self, document: Document, is_cancelled: IsCancelled | None) -> _Index:
        key = (document.id, document.segmenter)
        with self._lock:
            if key in self._indexes:
                self._indexes.move_to_end(key)
                return self._indexes[key]
        index = _Index(document, is_cancelled)
        with self._lock:
            self._indexes[key] = index
            if len(self._indexes) > MAX_INDEXES:
                self._indexes.popitem(last=False)
        return index


def spread_scores(scores: Scores, document: Document) -> Scores:
    """Give every sentence its share of the scores around it.

    Args:
        scores: (s,) of the sentences alone.
        document: It tells what stands above each.
    """
    spread = scores.copy()
    spread[1:] += PREVIOUS_SHARE * scores[:-1]
    spread[:-1] += NEXT_SHARE * scores[1:]
    for ids, share in zip(standing_above(document).T, (HEADING_SHARE, HEADER_SHARE), strict=True):
        spread += share * np.where(ids < 0, 0, scores[ids])
    return spread


class _Index:
    """BM25 weights of every word in every sentence of one document."""

    def __init__(self, document: Document, is_cancelled: IsCancelled | None) -> None:
        vocabulary: dict[str, int] = {}
        token_ids: list[list[int]] = []
        for sentence in document.sentences:
            if sentence.id % SENTENCES_BETWEEN_CHECKS == 0 and is_cancelled and is_cancelled():
                raise Cancelled
            words = stems(document.sentence_text(sentence.id))
            token_ids.append([vocabulary.setdefault(word, len(vocabulary)) for word in words])
        self.n_tokens = sum(map(len, token_ids))
        self._n_sentences = len(token_ids)
        self._bm25: Any = None
        if self.n_tokens:
            self._bm25 = _bm25s().BM25(k1=K1, b=B, method="lucene", backend="numpy")
            self._bm25.index((token_ids, vocabulary), show_progress=False)

    def score(self, words: list[str]) -> Scores:
        """(s,) a score a sentence; 0 where no word of the question is near."""
        ids = self._bm25.get_tokens_ids(words) if self._bm25 else []
        if not ids:
            return np.zeros(self._n_sentences, np.float32)
        scores: Scores = self._bm25.get_scores_from_ids(ids)
        return scores


def _bm25s() -> ModuleType:
    """The library, without JAX.

    Where JAX is installed, importing bm25s imports it and runs it once, which takes seconds and
    GPU memory, for a top-k that is not used here. A None in `sys.modules` reads as not installed.
    """
    if "bm25s" not in sys.modules and "jax" not in sys.modules:
        sys.modules["jax"] = None  # type: ignore[assignment]
        try:
            import bm25s
        finally:
            del sys.modules["jax"]
    import bm25s

    module: ModuleType = bm25s
    return module
