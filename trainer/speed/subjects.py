"""What the speed benchmark reads with, and what it reads.

A published shape has random weights: speed does not depend on them. The text is the sample
document over and over, tokenized and cut into segments by the same code that reads a reader's
documents, so that fillings, the question and the last tokens of sentences cost what they cost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from docqa.engine.checkpoints.installed import EMBEDDED, checkpoint_folder
from docqa.engine.errors import ConfigError, MissingError
from docqa.engine.retrievers.packing import TokenCache, TokenizedDocument
from docqa.engine.types import Document, Page, Sentence

if TYPE_CHECKING:
    import torch

    from docqa.engine.mamba2.model import Mamba2Model
    from docqa.engine.retrievers.mamba_retriever import MambaRetriever

QUESTION = "How much did the purchase of new vessels cost in 2024?"
PUBLISHED = {
    "130m": (768, 24),
    "370m": (1024, 48),
    "780m": (1536, 48),
    "1.3b": (2048, 48),
    "2.7b": (2560, 64),
}
"""Width and layers of the published Mamba-2 models; the rest of their config is the default."""
PUBLISHED_VOCABULARY = 50_288
DTYPES = ("auto", "bfloat16", "float32")


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to be measured."""

    shape: str
    """`embedded`, one of `PUBLISHED`, an installed checkpoint or a checkpoint folder."""
    dtype: str = "auto"
    device: str = "auto"

    def check(self) -> None:
        """Say what is wrong before anything is loaded.

        Raises:
            ConfigError: When there is no such shape.
        """
        if self.shape in (EMBEDDED, *PUBLISHED):
            return
        try:
            checkpoint_folder(self.shape)
        except MissingError:
            known = ", ".join((EMBEDDED, *PUBLISHED))
            raise ConfigError(
                f"No shape {self.shape!r}.",
                f"Give {known}, an installed checkpoint or a checkpoint folder.",
            ) from None

    def load(self, cache: TokenCache | None = None) -> MambaRetriever:
        """The retriever of this shape, on the path that is chosen here."""
        from docqa.engine.device import choose_device, choose_dtype
        from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
        from docqa.engine.retrievers.mamba_retriever import MambaRetriever

        # the published shapes are measured with its tokenizer and random weights
        folder = checkpoint_folder(EMBEDDED if self.shape in PUBLISHED else self.shape)
        with self.environment():
            device = choose_device(self.device)
            dtype = choose_dtype(device)
            model = (
                random_model(self.shape, dtype)
                if self.shape in PUBLISHED
                else load_model(folder, dtype=dtype)
            )
            return MambaRetriever(
                model, load_tokenizer(folder), checkpoint=self.shape, device=device, cache=cache
            )

    def environment(self) -> AbstractContextManager[None]:
        """`DOCQA_DTYPE` as this model wants it, while it is loaded and its paths are chosen."""
        return nullcontext() if self.dtype == "auto" else variable("DOCQA_DTYPE", self.dtype)


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """A variable of the environment for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def random_model(shape: str, dtype: torch.dtype) -> Mamba2Model:
    """A model of a published shape, precisions as `load_model` leaves them."""
    import torch

    from docqa.engine.mamba2.config import Mamba2Config
    from docqa.engine.mamba2.model import Mamba2Model, initialise

    d_model, n_layer = PUBLISHED[shape]
    model = Mamba2Model(Mamba2Config(d_model, n_layer, PUBLISHED_VOCABULARY))
    initialise(model, torch.Generator().manual_seed(0))
    model.to(dtype)
    for block in model.backbone.blocks:
        for name in ("A_log", "dt_bias", "D"):
            parameter = getattr(block.mixer, name)
            parameter.data = parameter.data.float()
    return model.eval()


@cache
def sample_document() -> Document:
    """The document that comes with docqa."""
    from docqa.engine.ingest.documents import ingest

    sample = files("docqa.assets") / "sample" / "harrow-point-ferries.pdf"
    return ingest(Path(str(sample)))


def long_document(n_copies: int) -> Document:
    """The sample so many times, one after another."""
    sample = sample_document()
    n_pages, n_sentences = len(sample.pages), len(sample.sentences)
    pages: list[Page] = []
    sentences: list[Sentence] = []
    for i in range(n_copies):
        pages += [replace(page, number=page.number + i * n_pages) for page in sample.pages]
        sentences += [_moved(one, i * n_sentences, i * n_pages) for one in sample.sentences]
    name = f"{n_copies:064x}"
    return Document(
        name, f"Sample x {n_copies}", None, tuple(pages), tuple(sentences), sample.segmenter
    )


def _moved(sentence: Sentence, n_sentences: int, n_pages: int) -> Sentence:
    def place(i: int | None) -> int | None:
        return None if i is None else i + n_sentences

    return replace(
        sentence,
        id=sentence.id + n_sentences,
        page=sentence.page + n_pages,
        heading=place(sentence.heading),
        header=place(sentence.header),
    )


class KeptTokens:
    """A token cache in memory."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], TokenizedDocument] = {}

    def load_tokens(self, document_id: str, tokenizer_id: str) -> TokenizedDocument | None:
        """See `TokenCache`."""
        return self._tokens.get((document_id, tokenizer_id))

    def save_tokens(self, document_id: str, tokenizer_id: str, tokens: TokenizedDocument) -> None:
        """See `TokenCache`."""
        self._tokens[document_id, tokenizer_id] = tokens


def n_copies_for(n_tokens: int, retriever: MambaRetriever) -> int:
    """Copies of the sample that come nearest to so many tokens; at least one."""
    return max(1, round(n_tokens / len(retriever.tokenize(sample_document()).token_ids)))
