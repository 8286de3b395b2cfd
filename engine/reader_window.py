"""What the span reader reads of one sentence: its words, and the context that gives them sense.

The question comes first, then the heading of the section, what stands before the sentence, and the
sentence. The cells of a table row come each behind the name of its column, so that `2023` stands
beside the figure of 2023. Every token knows which characters of the sentence it is made of: a span
of tokens is a span of its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from docqa.engine.columns import cell_spans, row_names
from docqa.engine.retrievers.question_match import content_mask, content_tokens
from docqa.engine.types import Document, Sentence, SentenceKind
from docqa.engine.words import question_stems, stems

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENS = 256
"""Most tokens of a window besides the question; a longer sentence is cut."""
MAX_QUESTION_TOKENS = 64
MAX_HEADING_TOKENS = 24
MAX_NAME_TOKENS = 16
"""Most tokens of a column's name."""
N_BEFORE = 2
"""Sentences before the one that is read, which say who `it` is; their last tokens are kept."""
MAX_BEFORE_TOKENS = 64
N_SHAPES = 10
N_MATCHES = 3
NO_PART = -1

_JOINED_NUMBER = re.compile(r"(?<=[A-Za-z])(?=\d{2})")


class Role(IntEnum):
    """What a token belongs to."""

    QUESTION = 0
    HEADING = 1
    COLUMN = 2
    SENTENCE = 3
    BEFORE = 4


@dataclass(frozen=True, slots=True)
class ReaderWindow:
    """A question and a sentence as one run of n tokens."""

    sentence_id: int
    n_question: int
    content: NDArray[np.int32]
    """(q,) content tokens of the question."""
    token_ids: NDArray[np.int32]
    """(n,)"""
    features: NDArray[np.int8]
    """(n, 3) the `Role`, the shape (`token_shape`) and the match (`WordMatches`)."""
    parts: NDArray[np.int16]
    """(n,) number of the cell, 0 in prose, -1 in question and context: an answer never leaves its
    cell."""
    starts: NDArray[np.int32]
    """(n,) first character in the sentence's text; 0 in question and context."""
    ends: NDArray[np.int32]
    """(n,) one past the last."""


class WindowMaker:
    """Puts one question to sentences of one document."""

    def __init__(self, question: str, document: Document, tokenizer: Tokenizer) -> None:
        """
        Args:
            question: As the user wrote it.
            document: Whose sentences are read.
            tokenizer: Of the checkpoint.
        """
        self._document = document
        self._tokenizer = tokenizer
        self._question = question_text(question)
        self._matches = WordMatches(question)
        encoding = tokenizer.encode(self._question, add_special_tokens=False)
        asked = list(zip(encoding.ids, encoding.offsets, strict=True))
        self._asked = asked[:MAX_QUESTION_TOKENS]
        ids = np.asarray([token_id for token_id, _ in self._asked], np.int32)
        self._content = content_tokens(ids, content_mask(tokenizer))

    def __call__(self, sentence_id: int) -> ReaderWindow:
        """The window of one sentence."""
        pieces = list(_pieces(self._document, self._document.sentences[sentence_id]))
        encodings = self._tokenizer.encode_batch(
            [text for text, *_ in pieces], add_special_tokens=False
        )
        rows: list[tuple[int, ...]] = []
        for (text, role, part, offset), encoding in zip(pieces, encodings, strict=True):
            tokens = list(zip(encoding.ids, encoding.offsets, strict=True))
            for token_id, (start, end) in tokens[_LIMITS[role]]:
                features = role, token_shape(text, start, end), self._matches(text, start, end)
                place = (0, 0) if part == NO_PART else (offset + start, offset + end)
                rows.append((token_id, *features, part, *place))
        asked = self._asked_in(" ".join(text for text, *_ in pieces))
        columns = np.asarray([*asked, *rows[:MAX_TOKENS]], np.int32).reshape(-1, 7)
        return ReaderWindow(
            sentence_id=sentence_id,
            n_question=len(asked),
            content=self._content,
            token_ids=columns[:, 0],
            features=columns[:, 1:4].astype(np.int8),
            parts=columns[:, 4].astype(np.int16),
            starts=columns[:, 5],
            ends=columns[:, 6],
        )

    def _asked_in(self, text: str) -> list[tuple[int, ...]]:
        """The question's tokens, each with whether its word stands in what is read."""
        found = WordMatches(text)
        return [
            (token_id, Role.QUESTION, 0, found(self._question, start, end), NO_PART, 0, 0)
            for token_id, (start, end) in self._asked
        ]


_LIMITS = {
    Role.HEADING: slice(MAX_HEADING_TOKENS),
    Role.COLUMN: slice(MAX_NAME_TOKENS),
    Role.BEFORE: slice(-MAX_BEFORE_TOKENS, None),
    Role.SENTENCE: slice(MAX_TOKENS),
}


def question_text(question: str) -> str:
    """A question as the reader reads it: `FY2021` in two words, as a column says `2021`."""
    return _JOINED_NUMBER.sub(" ", question)


class WordMatches:
    """Whether the word a token belongs to stands in another text, whatever its ending.

    The token `##23` of `2023` stands in many a number; the whole word does not.
    """

    def __init__(self, other: str) -> None:
        """
        Args:
            other: The question, for the words of a sentence, or the other way round.
        """
        text = question_text(other)
        self._all = frozenset(stems(text))
        self._telling = frozenset(question_stems(text))
        self._known: dict[str, int] = {}

    def __call__(self, text: str, start: int, end: int) -> int:
        """0: it does not; 1: a word like `the` does; 2: a word that tells does."""
        if not text[start:end].isalnum():
            return 0
        while start > 0 and text[start - 1].isalnum():
            start -= 1
        while end < len(text) and text[end].isalnum():
            end += 1
        word = text[start:end]
        if word not in self._known:
            stem = set(stems(word)[:1])
            telling, known = bool(stem & self._telling), bool(stem & self._all)
            self._known[word] = 2 if telling else int(known)
        return self._known[word]


def token_shape(text: str, start: int, end: int) -> int:
    """How a token is written, which an uncased tokenizer forgets.

    Returns:
        0 small letters, 1 a capital first, 2 capitals, 3 digits, 4 signs; 5 more where it opens
        a word.
    """
    token = text[start:end]
    if token[:1].isdigit():
        kind = 3
    elif not token[:1].isalpha():
        kind = 4
    elif not token[:1].isupper():
        kind = 0
    else:
        kind = 2 if len(token) > 1 and token.isupper() else 1
    opens = start == 0 or text[start - 1].isspace()
    return kind + 5 * opens


def _pieces(document: Document, sentence: Sentence) -> Iterator[tuple[str, Role, int, int]]:
    """Text, role, part and first character in the sentence of what a window is made of."""
    text = document.sentence_text(sentence.id)
    if sentence.heading is not None and sentence.kind is not SentenceKind.HEADING:
        yield document.sentence_text(sentence.heading), Role.HEADING, NO_PART, 0
    if sentence.kind is not SentenceKind.ROW:
        before = _before(document, sentence)
        if before:
            yield before, Role.BEFORE, NO_PART, 0
        yield text, Role.SENTENCE, 0, 0
        return
    header = None if sentence.header is None else document.sentence_text(sentence.header)
    cells = cell_spans(text)
    names = None if header is None else row_names(text, header)
    if names is None and header is not None:
        yield header, Role.COLUMN, NO_PART, 0
    for part, (start, end) in enumerate(cells):
        if names is not None and part > 0:
            yield question_text(names[part]), Role.COLUMN, NO_PART, 0
        yield text[start:end], Role.SENTENCE, part, start


def _before(document: Document, sentence: Sentence) -> str:
    """The prose just before a sentence, under the same heading."""
    earlier = document.sentences[max(sentence.id - N_BEFORE, 0) : sentence.id]
    told: list[str] = []
    for one in earlier:
        if one.kind is SentenceKind.PROSE and one.heading == sentence.heading:
            told.append(document.sentence_text(one.id))
        else:
            told.clear()
    return " ".join(told)
