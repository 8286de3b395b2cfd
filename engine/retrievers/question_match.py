"""Which document tokens meet the question: the question-match input of the retriever.

Two features a token, as DrQA-class readers use them (Chen et al., arXiv 1704.00051, section 3.2:
exact match and aligned embedding): whether it occurs in the question, by how rare it is in this
document, and how near its embedding comes to any word of the question. A model of a few million
parameters cannot learn synonyms from a few million words; the embedding already knows them, and
the feature does not fade over a document of any length.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NOT_SIMILAR = 0.2
"""Cosine below which two token embeddings are unrelated: chance pairs of the packaged encoder's
embedding have mean 0.01 and 99th percentile 0.19."""

_FUNCTION_WORD_LIST = """
    a about after all also am an and any are as at be been before being but by can could did do does
    doing during each for from had has have having he her hers him his how i if in into is it its
    itself me more most my no nor not of on or other our out over s same she should so some such t
    than that the their them then there these they this those through to too under until up us very
    was we were what when where which while who whom whose why will with would you your d ll m re ve
    don doesn didn isn aren wasn weren according following related describe described
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_WORD_LIST.split())
"""Words of a question that say nothing of where its answer stands."""


@lru_cache(maxsize=4)
def content_mask(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """(vocabulary,) True for tokens that carry meaning: words and numbers, no function words."""
    size = tokenizer.get_vocab_size()
    mask = np.zeros(size, dtype=np.bool_)
    for token, token_id in tokenizer.get_vocab().items():
        word = token.lstrip("ĠĊ▁ ").lower()
        is_word = any(character.isalnum() for character in word) and not token.startswith("[")
        mask[token_id] = is_word and word not in _FUNCTION_WORDS
    return mask


@lru_cache(maxsize=4)
def number_mask(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """(vocabulary,) True for tokens of digits alone."""
    mask = np.zeros(tokenizer.get_vocab_size(), dtype=np.bool_)
    for token, token_id in tokenizer.get_vocab().items():
        mask[token_id] = token.lstrip("ĠĊ▁#").isdigit()
    return mask


def content_tokens(question_ids: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(q,) the distinct content tokens of a question, in ascending order."""
    distinct = np.unique(question_ids)
    return distinct[mask[distinct]].astype(np.int32)


def rarity_buckets(
    content: NDArray[np.int32], counts: NDArray[np.int64], n_buckets: int
) -> NDArray[np.int64]:
    """(vocabulary,) the match bucket of every token: 0 if not in the question, else its rarity.

    Bucket 1 holds tokens that make up an eighth of the document or more; each further bucket is
    rarer by a factor of 2.8; the last one is open.

    Args:
        content: (q,) content tokens of the question.
        counts: (vocabulary,) occurrences in the whole document.
        n_buckets: Number of buckets above 0.
    """
    buckets = np.zeros(len(counts), dtype=np.int64)
    share = counts.sum() / np.maximum(counts[content], 1)
    bits = np.log2(np.maximum(share, 1.0))
    buckets[content] = np.clip((bits - 3) / 1.5 + 1, 1, n_buckets).astype(np.int64)
    return buckets


def token_similarity(
    embedding: Float[Tensor, "v d"], token_ids: Int[Tensor, "b l"], content: Int[Tensor, "b q"]
) -> Float[Tensor, "b l"]:
    """How near each token comes to any content token of its question, from 0 to 1.

    Args:
        embedding: (v, d) token embedding.
        token_ids: (b, l) document tokens.
        content: (b, q) content tokens of each question, padded with -1.

    Returns:
        (b, l) (cosine - NOT_SIMILAR) / (1 - NOT_SIMILAR) of the nearest, at least 0; 0 where a
        question has no content token.
    """
    if content.shape[1] == 0:
        return embedding.new_zeros(token_ids.shape, dtype=torch.float32)
    tokens = functional.normalize(functional.embedding(token_ids, embedding).float(), dim=-1)
    asked = functional.normalize(
        functional.embedding(content.clamp(min=0), embedding).float(), dim=-1
    )
    cosine = (tokens @ asked.transpose(1, 2)).masked_fill((content < 0)[:, None], -1.0)
    return ((cosine.amax(-1) - NOT_SIMILAR) / (1 - NOT_SIMILAR)).clamp(min=0.0, max=1.0)
