"""A question made ready for one document, and both of them laid out for the model to read.

Before the pass it is known which tokens of the document are the question's, which come near them,
and how much of the question each sentence covers; all that is told to the model with the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.model import Mamba2Model, TokenFeatures
from docqa.engine.mamba2.reading import SEGMENT_STEP, Segment
from docqa.engine.mamba2.segments import Cut
from docqa.engine.retrievers.coverage import (
    Vocabulary,
    covered_words,
    passage_coverage,
    sentence_coverage,
)
from docqa.engine.retrievers.packing import TokenizedDocument
from docqa.engine.retrievers.question_match import (
    content_mask,
    content_tokens,
    number_mask,
    rarity_buckets,
    token_similarity,
)


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question made ready for one document of s sentences."""

    token_ids: NDArray[np.int64]
    """(q,) as many as the checkpoint reads."""
    buckets: torch.Tensor
    """(vocabulary,) match bucket of every token."""
    similarity: torch.Tensor
    """(vocabulary,) nearness of every token of the document to the question."""
    coverage: NDArray[np.float32]
    """(s, c) of every sentence of the document; c is 0 where the checkpoint does not read it."""
    passage: NDArray[np.float32]
    """(s,) coverage by the passage around each sentence."""

    def segment(
        self, config: Mamba2Config, tokens: TokenizedDocument, cuts: Sequence[Cut], first: int
    ) -> Segment:
        """A stretch of the document, the question in front of each cut where it is read there.

        Args:
            config: Of the checkpoint.
            tokens: Of the document.
            cuts: One after another.
            first: Where reading began: the question is always read there.
        """
        pieces: list[NDArray[np.integer[Any]]] = []
        ends = []
        coverage = []
        n_real = 0
        for begin, end in cuts:
            reads_question = begin == first or config.question_interval > 0
            opening = self.token_ids if reads_question else self.token_ids[:0]
            pieces += [opening, tokens.token_ids[begin:end]]
            ended = slice(*np.searchsorted(tokens.sentence_ends, [begin, end]))
            ends.append(
                tokens.sentence_ends[ended].astype(np.int64) - begin + n_real + len(opening)
            )
            coverage.append(self.coverage[ended])
            n_real += len(opening) + end - begin
        token_ids = np.zeros(-(-n_real // SEGMENT_STEP) * SEGMENT_STEP, dtype=np.int64)
        token_ids[:n_real] = np.concatenate(pieces)
        asks = np.zeros(len(token_ids), dtype=np.bool_)
        asks[:n_real] = np.repeat([True, False] * len(cuts), [len(piece) for piece in pieces])
        row, ends_of_all = torch.from_numpy(token_ids)[None], np.concatenate(ends)
        features = self._features(
            config, row, torch.from_numpy(asks)[None], ends_of_all, np.concatenate(coverage)
        )
        return Segment(row, features, n_real, ends_of_all)

    def _features(
        self,
        config: Mamba2Config,
        token_ids: torch.Tensor,
        asks: torch.Tensor,
        ends: NDArray[np.int64],
        coverage: NDArray[np.float32],
    ) -> TokenFeatures | None:
        """What the model is told of a segment's tokens besides their ids.

        Args:
            config: Of the checkpoint.
            token_ids: (1, l) tokens of the segment.
            asks: (1, l) True for those of the question.
            ends: Last tokens of the sentences.
            coverage: (s, c) of those sentences.
        """
        if not config.has_features:
            return None
        own = config.n_match_buckets + 1 if config.n_match_buckets else 0
        match = self.buckets[token_ids].masked_fill(asks, own)
        similarity = self.similarity[token_ids].masked_fill(asks, 0.0)
        is_end = torch.zeros_like(token_ids, dtype=torch.bool)
        is_end[0, torch.from_numpy(ends)] = True
        covered = torch.zeros(*token_ids.shape, coverage.shape[1])
        covered[0, torch.from_numpy(ends)] = torch.from_numpy(coverage)
        return TokenFeatures(match, similarity, is_end, covered)


@torch.inference_mode()
def make_ready(
    token_ids: NDArray[np.int64],
    tokens: TokenizedDocument,
    model: Mamba2Model,
    tokenizer: Tokenizer,
) -> AskedQuestion:
    """Match a question with the tokens and sentences of a document, as its checkpoint wants it.

    Args:
        token_ids: (q,) tokens of the question; those that are more than the checkpoint reads are
            left out.
        tokens: Of the document.
        model: Of the checkpoint.
        tokenizer: Of the checkpoint.
    """
    config = model.config
    if config.max_question_tokens:
        token_ids = token_ids[: config.max_question_tokens]
    buckets = torch.zeros(config.vocab_size, dtype=torch.long)
    similarity = torch.zeros(config.vocab_size)
    coverage = np.zeros((len(tokens.sentence_ends), 0), dtype=np.float32)
    passage = np.zeros(len(tokens.sentence_ends), dtype=np.float32)
    if config.n_match_buckets or config.soft_match or config.coverage:
        embedding = model.backbone.embedding.weight
        content = content_tokens(token_ids.astype(np.int32), content_mask(tokenizer))
        counts = np.bincount(tokens.token_ids, minlength=config.vocab_size)
        present = torch.from_numpy(np.flatnonzero(counts))
        buckets = torch.from_numpy(rarity_buckets(content, counts, config.n_match_buckets))
        similarity[present] = token_similarity(
            embedding,
            present[None].to(embedding.device),
            torch.from_numpy(content.astype(np.int64))[None].to(embedding.device),
        )[0].cpu()
        if config.coverage:
            words = covered_words(
                Vocabulary(embedding, number_mask(tokenizer)),
                content,
                tokens.token_ids,
                tokens.sentence_ends.astype(np.int64) + 1,
                counts,
            )
            coverage = sentence_coverage(words, tokens.above)
            passage = passage_coverage(words)
    return AskedQuestion(token_ids, buckets, similarity, coverage, passage)
