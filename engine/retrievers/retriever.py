"""What a retriever is: a question and a document in, a score for every sentence out.

`mamba`, `bm25` and `hybrid` stand behind this one protocol, and the baselines `embedding` and
`fusion`; `load_retriever` picks one by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import ConfigError
from docqa.engine.types import Document

if TYPE_CHECKING:
    from pathlib import Path

    from docqa.engine.retrievers.packing import TokenCache

RETRIEVERS = ("mamba", "bm25", "hybrid", "embedding", "fusion")
"""The last two are baselines: what most tools do, to be measured against."""

MOST_TOGETHER = 16
"""Questions read side by side; each gets its share of the tokens that a GPU is given at once."""

Scores = NDArray[np.float32]
"""(s,) one score a sentence of the document, higher is better."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the retriever is in the document."""

    document_id: str
    n_tokens_read: int
    n_tokens: int
    """Of the whole document."""
    n_sentences_read: int
    scores: Scores
    """(n_sentences_read,) the scores known so far."""
    hop: int = 1
    """Which reading of the documents this is; see `docqa.engine.hops`."""


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """Which encoder `embedding` and `fusion` use, where its folder alone does not say it."""

    preset: str = ""
    """How vectors are made with the encoder of a folder; see `embedding_presets.py`."""
    base_url: str = ""
    """A server that embeds, instead of a folder."""
    model: str = ""
    """Its name there."""
    api_key: str | None = field(default=None, repr=False)
    timeout_seconds: float = 300.0


OnProgress = Callable[[Progress], None]
IsCancelled = Callable[[], bool]


@runtime_checkable
class Retriever(Protocol):
    """Scores every sentence of a document for a question."""

    name: str
    checkpoint: str | None
    """Name of the checkpoint it runs, if it runs one."""
    device: str

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """Score the sentences of one document.

        Args:
            question: The question as the user wrote it.
            document: The whole document.
            on_progress: Called after each segment.
            is_cancelled: Asked between segments.

        Returns:
            (s,) a score a sentence.

        Raises:
            Cancelled: When `is_cancelled` said so.
        """
        ...


def load_retriever(
    name: str,
    *,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    cache: TokenCache | None = None,
    encoder: EncoderOptions | None = None,
) -> Retriever:
    """The retriever of that name, ready to score.

    Args:
        name: One of `RETRIEVERS`.
        checkpoint: A checkpoint folder; None = the embedded one. For `embedding` and `fusion` a
            folder of sentence-transformers; None = all-MiniLM-L6-v2.
        device: `auto`, `cpu`, `cuda` or `mps`.
        cache: Where tokenized documents are kept between questions.
        encoder: For `embedding` and `fusion`: a server or a preset.

    Raises:
        ConfigError: When there is no such retriever or device.
        CheckpointError: When the checkpoint cannot be used.
        MissingError: When the retriever needs an extra that is not installed.
    """
    if name == "bm25":
        from docqa.engine.retrievers.bm25 import BM25Retriever

        return BM25Retriever()
    if name in ("mamba", "hybrid"):
        from docqa.engine.retrievers.mamba_retriever import MambaRetriever

        mamba = MambaRetriever.load(checkpoint, device=device, cache=cache)
        if name == "mamba":
            return mamba
        from docqa.engine.retrievers.hybrid import HybridRetriever

        return HybridRetriever(mamba)
    if name in ("embedding", "fusion"):
        from docqa.engine.retrievers.embedding_retriever import EmbeddingRetriever

        embedding = EmbeddingRetriever.load(checkpoint, device=device, options=encoder)
        if name == "embedding":
            return embedding
        from docqa.engine.retrievers.fusion import FusionRetriever

        return FusionRetriever(embedding)
    raise ConfigError(f"No retriever {name!r}.", f"Choose one of: {', '.join(RETRIEVERS)}.")
