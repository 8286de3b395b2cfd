"""Where a document is cut for reading: windows, segments, and segments that are read at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

SEGMENT_TOKENS = 512
"""Document tokens read at a time where the checkpoint does not ask for the question's return.
A cancelled pass ends with the segments it has begun, up to a second of a 130M model with 1,024."""

Cut = tuple[int, int]
"""First and one past the last token of a stretch of a document."""


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
) -> Iterator[Cut]:
    """Cut a document into segments; where the question returns, between sentences if it can be.

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
        if interval and end < n_tokens:
            last = int(np.searchsorted(sentence_ends, end, side="left")) - 1
            if last >= 0 and sentence_ends[last] >= begin:
                end = int(sentence_ends[last]) + 1
        yield begin, end
        begin = end


def together(cuts: Iterable[Cut], n_tokens: int) -> Iterator[list[Cut]]:
    """Put segments that follow each other together, up to so many tokens; at least one each."""
    group: list[Cut] = []
    for cut in cuts:
        if group and cut[1] - group[0][0] > n_tokens:
            yield group
            group = []
        group.append(cut)
    if group:
        yield group
