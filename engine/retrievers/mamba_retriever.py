"""The Mamba-2 retriever: question and whole document in one streamed pass.

The document is read in segments; between segments only the state is kept, so that memory does
not grow with its length. A sentence is scored as soon as its last token has been read. The heads of
the checkpoint then look at the best again.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.checkpoints.installed import embedded_checkpoint
from docqa.engine.device import choose_device, choose_dtype
from docqa.engine.errors import Cancelled, CheckpointError, ConfigError
from docqa.engine.evidence import ranking
from docqa.engine.mamba2.asked_question import AskedQuestion, make_ready
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer, read_metrics
from docqa.engine.mamba2.model import Mamba2Model
from docqa.engine.mamba2.reading import (
    Logits,
    Reader,
    Segment,
    TorchReader,
    choose_reader,
)
from docqa.engine.mamba2.segments import segments, together, windows
from docqa.engine.mamba2.sentence_vectors import SentenceVectors
from docqa.engine.mamba2.span_reader import MambaSpanReader
from docqa.engine.retrievers.confidence import Calibration, read_calibrations
from docqa.engine.retrievers.coverage import COVERAGE_WEIGHT, PASSAGE_WEIGHT, SHARE
from docqa.engine.retrievers.fused_scores import brought_near, by_length, lifted, read_by
from docqa.engine.retrievers.packing import (
    TokenCache,
    TokenizedDocument,
    standing_above,
    tokenize_document,
)
from docqa.engine.retrievers.retriever import (
    MOST_TOGETHER,
    IsCancelled,
    OnProgress,
    Progress,
    Scores,
)
from docqa.engine.retrievers.units import in_units
from docqa.engine.types import Document

N_NEAR = 1000
"""Sentences of a document, the best by then, whose meaning is compared with the question's: no more
are worth the time, however long the document."""
NEARNESS_WEIGHT = 21.0
"""What a cosine of 1 gains, in logits; trainer/README.md has the figures of this and the next."""
COVERAGE_BESIDE_NEARNESS = 1.0
"""What the best sentence by its coverage gains in place of `COVERAGE_WEIGHT` where meanings are
compared: both look for the words of the question."""
LENGTH_WEIGHT = 0.5
"""What a sentence loses where another says the same in 1/e of its tokens, in logits."""
UNREAD_SCORE = -1e4
"""Score of a sentence of which the tokenizer keeps nothing."""


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

    @cached_property
    def sentence_vectors(self) -> SentenceVectors | None:
        """What sentences say, by the checkpoint's encoder, if it has one."""
        return None if self.model.encoder is None else SentenceVectors(self.model)

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

    @property
    def tokens_at_once(self) -> int:
        """Tokens that are read at once, of all questions together; 0 = questions one by one."""
        return self._reader.tokens_at_once if isinstance(self._reader, TorchReader) else 0

    @property
    def segment_tokens(self) -> int:
        """Tokens of segments that follow each other and are read at once; 0 = one of them."""
        return self._reader.tokens_at_once

    def tokenize(self, document: Document) -> TokenizedDocument:
        """The document's tokens, from the cache where it has them."""
        if self._cache is None:
            return self._tokenize(document)
        tokens = self._cache.load_tokens(document.id, self.tokenizer_id)
        if tokens is None:
            tokens = self._tokenize(document)
            self._cache.save_tokens(document.id, self.tokenizer_id, tokens)
        return replace(tokens, above=standing_above(document))

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
        ids = self._question_ids(question)
        ((asked, scores),) = self._score([ids], tokens, document.id, on_progress, is_cancelled)
        scores = self._with_meaning(scores, ids, asked, tokens, is_cancelled)
        return read_by(self.span_reader, question, document, scores)

    def score_tokens(self, question_ids: NDArray[np.int64], tokens: TokenizedDocument) -> Scores:
        """`score` for what is tokenized already, as training data are, before the heads look again.

        Args:
            question_ids: (q,) tokens of the question, with what ends it.
            tokens: Of the document.
        """
        ((_, scores),) = self._score([question_ids], tokens, "", None, None)
        return scores

    def score_questions(
        self,
        questions: Sequence[str],
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> list[Scores]:
        """`score` for several questions, side by side where the device wants more than one.

        Progress is that of the first question of those that are read together.
        """
        tokens = self.tokenize(document)
        n_together = MOST_TOGETHER if self.tokens_at_once else 1
        scores = []
        for first in range(0, len(questions), n_together):
            some = [self._question_ids(one) for one in questions[first : first + n_together]]
            found = self._score(some, tokens, document.id, on_progress, is_cancelled)
            scores += [
                self._with_meaning(of, ids, asked, tokens, is_cancelled)
                for ids, (asked, of) in zip(some, found, strict=True)
            ]
        return [
            read_by(self.span_reader, question, document, one)
            for question, one in zip(questions, scores, strict=True)
        ]

    def _score(
        self,
        questions: Sequence[NDArray[np.int64]],
        tokens: TokenizedDocument,
        document_id: str,
        on_progress: OnProgress | None,
        is_cancelled: IsCancelled | None,
    ) -> list[tuple[AskedQuestion, Scores]]:
        """Read the document once for all questions; each as it was read, with its scores."""
        ends = tokens.sentence_ends
        asked = [make_ready(one, tokens, self.model, self.tokenizer) for one in questions]
        scores = np.full((len(asked), len(ends)), UNREAD_SCORE, dtype=np.float32)
        n_seen = np.zeros(len(ends), dtype=np.float32)
        n_read = 0
        for begin, end, logits in self._read(asked, tokens):
            if is_cancelled and is_cancelled():
                raise Cancelled
            ended = slice(*np.searchsorted(ends, [begin, end]))
            seen = n_seen[ended]
            scores[:, ended] = (scores[:, ended] * seen + np.stack(logits)) / (seen + 1)
            n_seen[ended] += 1
            n_read = max(n_read, end)
            if on_progress:
                n_scored = int(np.searchsorted(ends, n_read))
                n_tokens = len(tokens.token_ids)
                so_far = self._with_words(scores[0], asked[0])
                on_progress(Progress(document_id, n_read, n_tokens, n_scored, so_far))
        return [(of, self._with_words(one, of)) for one, of in zip(scores, asked, strict=True)]

    def _with_words(self, logits: Scores, asked: AskedQuestion) -> Scores:
        """Scores to rank by: the logits, and for a checkpoint that knows it the coverage."""
        if not self.model.config.coverage:
            return logits
        covered = lifted(logits, asked.coverage[:, SHARE], COVERAGE_WEIGHT)
        return lifted(covered, asked.passage, PASSAGE_WEIGHT)

    def _with_meaning(
        self,
        scores: Scores,
        question_ids: NDArray[np.int64],
        asked: AskedQuestion,
        tokens: TokenizedDocument,
        is_cancelled: IsCancelled | None,
    ) -> Scores:
        """Scores and how near the best sentences come to the question by what they say.

        Evidence is counted in words: of what says the same the shorter comes first.
        """
        if self.sentence_vectors is None or not len(scores):
            return scores
        best = [int(i) for i in ranking(scores)[:N_NEAR]]
        near = self.sentence_vectors.nearness(question_ids, tokens, best, is_cancelled)
        if self.model.config.coverage:
            less = COVERAGE_BESIDE_NEARNESS - COVERAGE_WEIGHT
            scores = lifted(scores, asked.coverage[:, SHARE], less)
        scores = brought_near(scores, near, best, NEARNESS_WEIGHT)
        return by_length(scores, tokens.sentence_lengths, LENGTH_WEIGHT)

    def _read(
        self, asked: Sequence[AskedQuestion], tokens: TokenizedDocument
    ) -> Iterator[tuple[int, int, list[Logits]]]:
        """Yield what is read at once: first token, one past last, the ended sentences' logits."""
        config = self.model.config
        for first, last in windows(len(tokens.token_ids), self._window_tokens):
            cuts = segments(tokens.sentence_ends, last, config.question_interval, first)
            groups = list(together(cuts, self.segment_tokens // len(asked)))
            batches = (
                [one.segment(config, tokens, group, first) for one in asked] for group in groups
            )
            with closing(self._logits(batches)) as logits:
                for group, scores in zip(groups, logits, strict=True):
                    yield group[0][0], group[-1][1], scores

    def _logits(self, batches: Iterator[list[Segment]]) -> Generator[list[Logits]]:
        if isinstance(self._reader, TorchReader):
            yield from self._reader.read_together(batches)
            return
        with closing(self._reader.read(segment for (segment,) in batches)) as logits:
            for one in logits:
                yield [one]

    def _question_ids(self, question: str) -> NDArray[np.int64]:
        """(q,) tokens of a question."""
        text = question if self.model.config.question_interval else question + "\n"
        return np.asarray(self.tokenizer.encode(text, add_special_tokens=False).ids, np.int64)


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
