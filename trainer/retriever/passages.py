"""A training document ready for cutting: the stretches and sentences windows are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from docqa.trainer.retriever.packed import PackedData


@dataclass(frozen=True, slots=True)
class Passages:
    """A document by its sentences."""

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    """First token of each sentence."""
    stops: NDArray[np.int64]
    """One past the last token of each sentence."""
    counts: NDArray[np.int64]
    """(vocabulary,) occurrences of each token."""
    above: NDArray[np.int32]
    """(s, 2) `TokenizedDocument.above`."""

    @classmethod
    def of(cls, packed: PackedData, document: int, vocab_size: int) -> Passages:
        """Those of a document of the training data."""
        tokens = packed.tokens(document)
        stops = packed.ends(document).astype(np.int64) + 1
        starts = np.concatenate([[0], stops[:-1]]).astype(np.int64) if len(stops) else stops
        counts = np.bincount(tokens, minlength=vocab_size)
        return cls(tokens, starts, stops, counts, packed.above(document))

    def stretch(self, sentence: int, n_tokens: int, share: float) -> tuple[int, int]:
        """First and one past the last sentence around one, `share` of the tokens before it."""
        n_own = int(self.stops[sentence] - self.starts[sentence])
        begin = int(self.starts[sentence]) - int(share * max(n_tokens - n_own, 0))
        begin = max(0, min(begin, int(self.stops[-1]) - n_tokens))
        first = min(int(np.searchsorted(self.starts, begin)), sentence)
        end = int(self.starts[first]) + n_tokens
        last = int(np.searchsorted(self.stops, end, side="right"))
        return first, max(last, sentence + 1)

    def above_within(self, first: int, last: int) -> NDArray[np.int32]:
        """`above` of some sentences that are read alone, by their places among these."""
        above = self.above[first:last]
        return np.where((above >= first) & (above < last), above - first, -1).astype(np.int32)

    def similar_sentences(
        self,
        content: NDArray[np.int32],
        excluded: NDArray[np.int32],
        n_most: int,
        random: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Sentences that share the most rare words with a question, shuffled.

        Args:
            content: (q,) content tokens of the question.
            excluded: Sentences that are left out.
            n_most: Most sentences.
            random: Decides between equals, and the order.
        """
        weights = np.zeros(len(self.counts), dtype=np.float32)
        weights[content] = np.log1p(len(self.starts) / (1 + self.counts[content]))
        running = np.concatenate([[0.0], np.cumsum(weights[self.tokens], dtype=np.float64)])
        score = (running[self.stops] - running[self.starts]) / np.sqrt(
            self.stops - self.starts + 20.0
        )
        score += 1e-3 * random.random(len(score))
        score[excluded] = -1.0
        n_best = min(n_most, len(score))
        best: NDArray[np.int64] = np.argpartition(score, len(score) - n_best)[-n_best:]
        best = best[score[best] >= 0]
        random.shuffle(best)
        return best
