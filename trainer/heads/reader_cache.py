"""The reader's examples as flat arrays: made once, kept beside the runs, cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docqa.engine.reader_window import ReaderWindow
from docqa.trainer.flat_columns import FlatColumns, offsets_of
from docqa.trainer.heads.reader_examples import ReaderExample

_TOKEN_COLUMNS = ("token_ids", "features", "parts", "starts", "ends")


@dataclass(frozen=True)
class ReaderData(FlatColumns):
    """Examples as flat columns; `*_offsets` hold n + 1 offsets into the columns they cut."""

    token_ids: NDArray[np.int32]
    features: NDArray[np.int8]
    parts: NDArray[np.int16]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    token_offsets: NDArray[np.int64]
    content: NDArray[np.int32]
    content_offsets: NDArray[np.int64]
    spans: NDArray[np.int64]
    """(m, 2) first and last token of the right spans, counted in their window."""
    span_offsets: NDArray[np.int64]
    answers: NDArray[np.bool_]
    """Whether the sentence answers, by a span or as a whole."""
    n_question: NDArray[np.int64]
    sentence_ids: NDArray[np.int64]
    sources: NDArray[Any]
    """Name of each example's source."""

    def __len__(self) -> int:
        return len(self.n_question)

    @property
    def n_tokens(self) -> NDArray[np.int64]:
        """(n,) tokens of each example."""
        return np.diff(self.token_offsets)

    def __getitem__(self, i: int) -> ReaderExample:
        a, b = self.token_offsets[i : i + 2]
        c, d = self.content_offsets[i : i + 2]
        e, f = self.span_offsets[i : i + 2]
        window = ReaderWindow(
            sentence_id=int(self.sentence_ids[i]),
            n_question=int(self.n_question[i]),
            content=self.content[c:d],
            **{name: getattr(self, name)[a:b] for name in _TOKEN_COLUMNS},
        )
        spans = tuple((int(first), int(last)) for first, last in self.spans[e:f])
        return ReaderExample(str(self.sources[i]), window, spans, bool(self.answers[i]))

    @classmethod
    def of(cls, examples: Iterable[ReaderExample]) -> ReaderData:
        """Lay examples flat."""
        kept = list(examples)
        windows = [one.window for one in kept]
        spans = [np.asarray(one.spans, np.int64).reshape(-1, 2) for one in kept]
        return cls(
            **{
                name: np.concatenate([getattr(w, name) for w in windows]) for name in _TOKEN_COLUMNS
            },
            token_offsets=offsets_of([len(w.token_ids) for w in windows]),
            content=np.concatenate([w.content for w in windows]),
            content_offsets=offsets_of([len(w.content) for w in windows]),
            spans=np.concatenate(spans),
            span_offsets=offsets_of([len(one) for one in spans]),
            answers=np.asarray([one.answers for one in kept], np.bool_),
            n_question=np.asarray([w.n_question for w in windows], np.int64),
            sentence_ids=np.asarray([w.sentence_id for w in windows], np.int64),
            sources=np.asarray([one.source for one in kept]),
        )


def length_groups(
    n_tokens: NDArray[np.int64], order: NDArray[np.int64], batch_size: int
) -> Iterator[NDArray[np.int64]]:
    """Cut a random order into batches of about equal lengths, which saves half of the filling."""
    reach = 16 * batch_size
    for begin in range(0, len(order), reach):
        near = order[begin : begin + reach]
        near = near[np.argsort(n_tokens[near], kind="stable")]
        yield from (near[i : i + batch_size] for i in range(0, len(near), batch_size))
