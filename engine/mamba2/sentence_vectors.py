"""Vectors of questions and sentences by the encoder head of a checkpoint: how near they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from docqa.engine.errors import Cancelled
from docqa.engine.mamba2.encoder_head import VECTOR_WIDTH
from docqa.engine.mamba2.model import Mamba2Model
from docqa.engine.retrievers.packing import TokenizedDocument
from docqa.engine.retrievers.retriever import IsCancelled, Scores

MAX_TOKENS = 126
"""Of a longer sentence the beginning counts; so it was taught."""
ABOVE_TOKENS = 16
"""Of the heading of a sentence and of the names of its columns, each: a row says neither whose
figures it has nor of which year."""
SEPARATOR = 102
"""Stands between the sentence before and the sentence; [SEP] in the tokenizer of the teacher."""
MIN_BEFORE_TOKENS = 4
"""Where a sentence leaves less room, the one before is left out."""
BATCH_TOKENS = 4096
"""Tokens that are encoded at once, filling included."""

MOST_KEPT = 8192
"""Sentences whose vectors are kept for further questions: 8 MB."""

TokenRow = NDArray[np.integer]
"""(n,) tokens of a sentence."""


class SentenceVectors:
    """Encodes sentences with the encoder head of a loaded checkpoint."""

    def __init__(self, model: Mamba2Model) -> None:
        """
        Args:
            model: One with an encoder.
        """
        if model.encoder is None:
            raise ValueError("this checkpoint has no encoder")
        self._head = model.encoder
        self._embedding = model.backbone.embedding.weight
        self._n_before = model.config.encoder_before_tokens
        self._kept: dict[bytes, NDArray[np.float16]] = {}

    def nearness(
        self,
        question_ids: TokenRow,
        tokens: TokenizedDocument,
        sentence_ids: Sequence[int],
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        """(k,) cosine of the question's vector with that of each sentence; 0 for one of no tokens.

        Args:
            question_ids: (q,) tokens of the question.
            tokens: Of the document.
            sentence_ids: Of k sentences.
            is_cancelled: Asked before each batch.

        Raises:
            Cancelled: When `is_cancelled` said so.
        """
        (asked,) = self.encode([question_ids]).cpu().numpy()
        rows = self.rows(tokens, sentence_ids)
        near: Scores = self._vectors(rows, is_cancelled) @ asked
        return near

    def rows(self, tokens: TokenizedDocument, sentence_ids: Sequence[int]) -> list[TokenRow]:
        """What the head reads of sentences, with all that it knows to stand around them."""
        return rows_of(tokens, sentence_ids, with_above=True, n_before=self._n_before)

    def _vectors(
        self, rows: Sequence[TokenRow], is_cancelled: IsCancelled | None
    ) -> NDArray[np.float32]:
        """(k, v) vectors of sentences, kept ones where there are."""
        keys = [row.tobytes() for row in rows]
        found = {key: self._kept.get(key) for key in keys}
        new = {key: row for key, row in zip(keys, rows, strict=True) if found[key] is None}
        made = self.encode(list(new.values()), is_cancelled).cpu().numpy().astype(np.float16)
        found.update(zip(new, made, strict=True))
        if new and len(self._kept) + len(new) > MOST_KEPT:
            self._kept.clear()
        self._kept.update(zip(new, made, strict=True))
        return np.array([found[key] for key in keys], np.float32).reshape(-1, VECTOR_WIDTH)

    @torch.inference_mode()
    def encode(
        self, rows: Sequence[TokenRow], is_cancelled: IsCancelled | None = None
    ) -> Float[Tensor, "k v"]:
        """(k, `VECTOR_WIDTH`) vectors of length 1, in fp32; zeros for a row of no tokens."""
        vectors = torch.zeros(len(rows), VECTOR_WIDTH, device=self._embedding.device)
        for batch in batches_by_length([min(len(row), MAX_TOKENS) for row in rows], BATCH_TOKENS):
            if is_cancelled is not None and is_cancelled():
                raise Cancelled
            vectors[batch] = self._head(
                *filled(self._embedding, [rows[i][:MAX_TOKENS] for i in batch])
            )
        return vectors


def filled(
    embedding: Float[Tensor, "v d"], rows: Sequence[TokenRow]
) -> tuple[Float[Tensor, "b n d"], Bool[Tensor, "b n"]]:
    """Embeddings of rows filled up to the longest, and which tokens are real."""
    token_ids = torch.nn.utils.rnn.pad_sequence(
        [torch.from_numpy(row.astype(np.int64)) for row in rows], batch_first=True
    )
    n_tokens = torch.tensor([len(row) for row in rows])
    real = torch.arange(token_ids.shape[1]) < n_tokens[:, None]
    with torch.no_grad():
        words = functional.embedding(token_ids.to(embedding.device), embedding)
    return words, real.to(embedding.device)


def rows_of(
    tokens: TokenizedDocument,
    sentence_ids: Sequence[int],
    *,
    with_above: bool,
    n_before: int = 0,
) -> list[TokenRow]:
    """The tokens of sentences, at most `MAX_TOKENS` of each.

    Args:
        tokens: Of the document.
        sentence_ids: Which.
        with_above: Begin with what stands above: heading and names of columns.
        n_before: Tokens of the sentence before, its last, that follow that where both stand under
            the same heading and in no table: who "he" is often stands there. They give way where
            a sentence is long.
    """
    stops = tokens.sentence_ends.astype(np.int64) + 1
    starts = np.concatenate([[0], stops[:-1]])
    above = tokens.above if with_above else None

    def row(i: int) -> TokenRow:
        own = tokens.token_ids[starts[i] : stops[i]]
        if above is None or not len(own):
            return own[:MAX_TOKENS]
        standing = [
            tokens.token_ids[starts[j] : stops[j]][:ABOVE_TOKENS] for j in above[i] if j >= 0
        ]
        if n_before and i > 0 and above[i, 1] < 0 and (above[i] == above[i - 1]).all():
            room = MAX_TOKENS - sum(map(len, standing)) - len(own) - 1
            before = tokens.token_ids[starts[i - 1] : stops[i - 1]][-n_before:]
            if len(before) and room >= MIN_BEFORE_TOKENS:
                standing += [before[-room:], np.array([SEPARATOR])]
        return np.concatenate([*standing, own])[:MAX_TOKENS]

    return [row(i) for i in sentence_ids]


def batches_by_length(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices of rows in batches of about the same length; rows of no tokens are left out.

    Args:
        lengths: Tokens of each row.
        most: Tokens of a batch, filling included; a single row may have more.
    """
    order = sorted((i for i, n in enumerate(lengths) if n), key=lengths.__getitem__)
    return batches_in_order(order, lengths, most)


def batches_in_order(
    order: Iterable[int], lengths: Sequence[int], most: int
) -> Iterator[list[int]]:
    """Rows, in their order, in batches of so many tokens; see `batches_by_length`."""
    batch: list[int] = []
    longest = 0
    for i in order:
        longest = max(longest, lengths[i])
        if batch and (len(batch) + 1) * longest > most:
            yield batch
            batch, longest = [], lengths[i]
        batch.append(i)
    if batch:
        yield batch
