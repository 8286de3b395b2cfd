"""The Mamba-2 retriever: question and whole document in one streamed pass.

The document is read in segments; between segments only the state is kept, so that memory does
not grow with its length. A sentence is scored as soon as its last token has been read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.confidence import Calibration, read_calibrations
from docqa.engine.errors import Cancelled, CheckpointError, ConfigError
from docqa.engine.mamba2.checkpoint import (
    embedded_checkpoint,
    load_model,
    load_tokenizer,
    read_metrics,
)
from docqa.engine.mamba2.model import Mamba2Model, TokenFeatures
from docqa.engine.mamba2.reading import SEGMENT_STEP, Reader, Segment, choose_reader
from docqa.engine.mamba2.span_reader import MambaSpanReader
from docqa.engine.packing import TokenCache, TokenizedDocument, tokenize_document
from docqa.engine.question_match import (
    content_mask,
    content_tokens,
    rarity_buckets,
    token_similarity,
)
from docqa.engine.retriever import IsCancelled, OnProgress, Progress, Scores
from docqa.engine.types import Document
from docqa.engine.units import in_units

SEGMENT_TOKENS = 512
"""Document tokens read at a time where the checkpoint does not ask for the question's return.
A cancelled pass ends with the segments it has begun, up to a second of a 130M model with 1,024."""
UNREAD_SCORE = -1e4
"""Score of a sentence of which the tokenizer keeps nothing."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A question made ready for one document."""

    token_ids: NDArray[np.int64]
    buckets: torch.Tensor
    """(vocabulary,) match bucket of every token."""
    similarity: torch.Tensor
    """(vocabulary,) nearness of every token of the document to the question."""


class MambaRetriever:
    """Scores sentences with a Mamba-2 checkpoint."""

    name = "mamba"

    def __init__(
        self,
        model: Mamba2Model,
        tokenizer: Tokenizer,
        *,
        checkpoint: str,
        device: torch.device,
        cache: TokenCache | None = None,
        calibrations: Mapping[str, Calibration] | None = None,
        window_tokens: int = 0,
    ) -> None:
        """Take a loaded model; `load` is the usual way.

        `window_tokens` is for comparison with the published code: a document is read in windows
        of so many tokens that overlap by half, and what two of them score gets the mean. With 0
        it is read in one pass, which needs no windows.
        """
        self.model = model.to(device)
        self.tokenizer = tokenizer
        self.checkpoint: str | None = checkpoint
        self.device = str(device)
        self._device = device
        self._cache = cache
        self._window_tokens = window_tokens
        self._reader: Reader = choose_reader(self.model)
        self.calibrations: Mapping[str, Calibration] = calibrations or {}
        """Confidence models by retriever name, fitted for this checkpoint."""

    @classmethod
    def load(
        cls,
        checkpoint: str | Path | None = None,
        *,
        device: str = "auto",
        cache: TokenCache | None = None,
    ) -> MambaRetriever:
        """Load a checkpoint folder; None = the embedded one.

        Raises:
            CheckpointError: When the folder cannot be used.
            ConfigError: When there is no such device here.
        """
        folder = Path(checkpoint) if checkpoint else embedded_checkpoint()
        if not folder.is_dir():
            raise CheckpointError(f"No checkpoint folder {folder}.", "Give --checkpoint DIR.")
        chosen = choose_device(device)
        model = load_model(folder, dtype=choose_dtype(chosen))
        name = "embedded" if folder == embedded_checkpoint() else folder.name
        return cls(
            model,
            load_tokenizer(folder),
            checkpoint=name,
            device=chosen,
            cache=cache,
            calibrations=read_calibrations(read_metrics(folder).get("confidence", {})),
            window_tokens=choose_window(),
        )

    @cached_property
    def span_reader(self) -> MambaSpanReader | None:
        """The checkpoint's reader, if it has one."""
        if self.model.reader is None:
            return None
        return MambaSpanReader(self.model, self.tokenizer)

    @property
    def compute_path(self) -> str:
        """How it computes: see `reading.py`."""
        return self._reader.path

    @cached_property
    def tokenizer_id(self) -> str:
        """Names the tokenizer, and the units if the checkpoint reads any, in the token cache."""
        import hashlib

        name = hashlib.sha256(self.tokenizer.to_str().encode()).hexdigest()[:16]
        unit_tokens = self.model.config.unit_tokens
        return f"{name}/units-{unit_tokens}" if unit_tokens else name

    def tokenize(self, document: Document) -> TokenizedDocument:
        """The document's tokens, from the cache where it has them."""
        if self._cache is None:
            return self._tokenize(document)
        tokens = self._cache.load_tokens(document.id, self.tokenizer_id)
        if tokens is None:
            tokens = self._tokenize(document)
            self._cache.save_tokens(document.id, self.tokenizer_id, tokens)
        return tokens

    def _tokenize(self, document: Document) -> TokenizedDocument:
        unit_tokens = self.model.config.unit_tokens
        if not unit_tokens:
            return tokenize_document(document, self.tokenizer)
        tokens = tokenize_document(document, self.tokenizer, is_verbatim=True)
        return in_units(tokens, unit_tokens)

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """Read question and document once; see `Retriever.score`."""
        tokens = self.tokenize(document)
        ends = tokens.sentence_ends
        scores = np.full(len(ends), UNREAD_SCORE, dtype=np.float32)
        n_seen = np.zeros(len(ends), dtype=np.float32)
        n_read = 0
        for begin, end, logits in self._read(question, tokens):
            if is_cancelled and is_cancelled():
                raise Cancelled
            ended = slice(*np.searchsorted(ends, [begin, end]))
            scores[ended] = (scores[ended] * n_seen[ended] + logits) / (n_seen[ended] + 1)
            n_seen[ended] += 1
            n_read = max(n_read, end)
            if on_progress:
                n_scored = int(np.searchsorted(ends, n_read))
                progress = Progress(document.id, n_read, len(tokens.token_ids), n_scored, scores)
                on_progress(progress)
        return scores

    def _read(
        self, question: str, tokens: TokenizedDocument
    ) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
        """Yield (first token, one past last, logits of the sentences that ended) a segment."""
        interval = self.model.config.question_interval
        asked = self._prepare(question, tokens)
        for first, last in windows(len(tokens.token_ids), self._window_tokens):
            cuts = list(segments(tokens.sentence_ends, last, interval, first))
            assembled = (
                self._assemble(
                    asked, tokens, begin, end, reads_question=begin == first or interval > 0
                )
                for begin, end in cuts
            )
            with closing(self._reader.read(assembled)) as logits:
                for (begin, end), scores in zip(cuts, logits, strict=True):
                    yield begin, end, scores

    def _assemble(
        self,
        asked: _Question,
        tokens: TokenizedDocument,
        begin: int,
        end: int,
        *,
        reads_question: bool,
    ) -> Segment:
        """Document tokens `begin` to `end`, the question in front of them if it is read."""
        opening = asked.token_ids if reads_question else asked.token_ids[:0]
        n_real = len(opening) + end - begin
        token_ids = np.zeros(-(-n_real // SEGMENT_STEP) * SEGMENT_STEP, dtype=np.int64)
        token_ids[: len(opening)] = opening
        token_ids[len(opening) : n_real] = tokens.token_ids[begin:end]
        first, last = np.searchsorted(tokens.sentence_ends, [begin, end])
        ends = tokens.sentence_ends[first:last].astype(np.int64) - begin + len(opening)
        row = torch.from_numpy(token_ids)[None]
        return Segment(row, self._features(asked, row, len(opening), ends), n_real, ends)

    def _features(
        self, asked: _Question, token_ids: torch.Tensor, n_opening: int, ends: NDArray[np.int64]
    ) -> TokenFeatures | None:
        """What the model is told of a segment's tokens besides their ids."""
        config = self.model.config
        if not config.has_features:
            return None
        match = asked.buckets[token_ids]
        match[:, :n_opening] = config.n_match_buckets + 1 if config.n_match_buckets else 0
        similarity = asked.similarity[token_ids]
        similarity[:, :n_opening] = 0
        is_end = torch.zeros_like(token_ids, dtype=torch.bool)
        is_end[0, torch.from_numpy(ends)] = True
        return TokenFeatures(match, similarity, is_end)

    @torch.inference_mode()
    def _prepare(self, question: str, tokens: TokenizedDocument) -> _Question:
        """Token ids of the question and its match with the tokens of the document."""
        config = self.model.config
        text = question if config.question_interval else question + "\n"
        ids = np.asarray(self.tokenizer.encode(text, add_special_tokens=False).ids, np.int64)
        if config.max_question_tokens:
            ids = ids[: config.max_question_tokens]
        buckets = torch.zeros(config.vocab_size, dtype=torch.long)
        similarity = torch.zeros(config.vocab_size)
        if config.n_match_buckets or config.soft_match:
            content = content_tokens(ids.astype(np.int32), content_mask(self.tokenizer))
            counts = np.bincount(tokens.token_ids, minlength=config.vocab_size)
            present = torch.from_numpy(np.flatnonzero(counts))
            buckets = torch.from_numpy(rarity_buckets(content, counts, config.n_match_buckets))
            similarity[present] = token_similarity(
                self.model.backbone.embedding.weight,
                present[None].to(self._device),
                torch.from_numpy(content.astype(np.int64))[None].to(self._device),
            )[0].cpu()
        return _Question(ids, buckets, similarity)


def windows(n_tokens: int, window_tokens: int) -> Iterator[tuple[int, int]]:
    """Where a document is read from the beginning again, forgetting what came before.

    Args:
        n_tokens: Tokens of the document.
        window_tokens: Of a window; each begins in the middle of the one before. 0 = one window.

    Yields:
        (first, one past last) token of each window.
    """
    if not 0 < window_tokens < n_tokens:
        yield 0, n_tokens
        return
    step = max(window_tokens // 2, 1)
    for first in range(0, n_tokens - window_tokens + step, step):
        yield first, min(first + window_tokens, n_tokens)


def segments(
    sentence_ends: NDArray[np.int32], n_tokens: int, interval: int, first: int = 0
) -> Iterator[tuple[int, int]]:
    """Cut a document into segments that end with a sentence where one ends in reach.

    Args:
        sentence_ends: (s,) last token of each sentence.
        n_tokens: Tokens of the document, or of it up to the end of a window.
        interval: Most tokens of a segment; 0 = `SEGMENT_TOKENS`.
        first: Where to begin.

    Yields:
        (first, one past last) token of each segment.
    """
    size = interval or SEGMENT_TOKENS
    begin = first
    while begin < n_tokens:
        end = min(begin + size, n_tokens)
        if end < n_tokens:
            last = int(np.searchsorted(sentence_ends, end, side="left")) - 1
            if last >= 0 and sentence_ends[last] >= begin:
                end = int(sentence_ends[last]) + 1
        yield begin, end
        begin = end


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` takes cuda, then mps, then cpu.

    Raises:
        ConfigError: When there is no such device here.
    """
    found = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, here in found.items() if here)
    if name not in found:
        raise ConfigError(f"No device {name!r}.", "Choose one of: auto, cpu, cuda, mps.")
    if not found[name]:
        raise ConfigError(f"No {name} device on this machine.", "Use --device auto or cpu.")
    return torch.device(name)


def choose_dtype(device: torch.device) -> torch.dtype:
    """bf16 where the device multiplies it natively, else fp32; `DOCQA_DTYPE` overrides."""
    wanted = os.environ.get("DOCQA_DTYPE")
    if wanted:
        if wanted not in ("float32", "bfloat16"):
            raise ConfigError(f"DOCQA_DTYPE is {wanted!r}.", "Use float32 or bfloat16.")
        return torch.float32 if wanted == "float32" else torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16
    multiplies_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if device.type == "cpu" and multiplies_bf16 else torch.float32


def choose_window() -> int:
    """Tokens of a window, as `DOCQA_WINDOW_TOKENS` says; 0 = one pass.

    Raises:
        ConfigError: When it is no such number.
    """
    wanted = os.environ.get("DOCQA_WINDOW_TOKENS", "0")
    if not wanted.isdecimal():
        raise ConfigError(
            f"DOCQA_WINDOW_TOKENS is {wanted!r}.", "Use a number of tokens; 0 = one pass."
        )
    return int(wanted)
