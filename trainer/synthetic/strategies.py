"""How a question is made: three ways, each told from its first call to its evidence.

link   a passage; what in the excerpt is connected to it; a question about the farthest connection
chunk  a passage; a question about it
pair   a passage and the one most like it; a question about both

A way is a generator: it yields a call, is sent the reply, and returns the question or raises
`Unusable`. It does nothing but depend on its replies, so it is begun anew for every stage and
after every interruption, and goes as far as there are replies (`docqa.trainer.synthetic.stages`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from docqa.engine.generators.language_model.model import estimate
from docqa.engine.generators.language_model.prompts import (
    Item,
    Messages,
    ask_for,
    defuse,
    show_items,
)
from docqa.engine.types import Document
from docqa.trainer.calls.call import Call
from docqa.trainer.synthetic.drops import Reason, Unusable
from docqa.trainer.synthetic.excerpts import Excerpt
from docqa.trainer.synthetic.places import (
    LONG_PASSAGE_SENTENCES,
    MIN_DISTANCE,
    N_AROUND_PASSAGE,
    N_AROUND_SENTENCE,
    N_OTHERS,
    PASSAGE_SENTENCES,
    around,
    choose,
    distance,
    most_alike,
    others,
    passages,
)
from docqa.trainer.synthetic.reading import (
    Connection,
    read_connections,
    read_question,
    read_sentences,
)

CONNECTION, QUESTION, SENTENCES = "connection", "question", "sentences"
STAGES = {
    "link": (CONNECTION, QUESTION, SENTENCES),
    "chunk": (QUESTION, SENTENCES),
    "pair": (QUESTION, SENTENCES),
}
"""The calls of each way, in their order."""
QUESTION_WORDS = range(4, 41)

_BOILERPLATE = re.compile(r"gutenberg|copyright", re.IGNORECASE)
_POINTS_AT_TEXT = re.compile(
    r"\b(?:the|this|these|those|both|each|two|given|above|provided|following|first|second)\s+"
    r"(?:(?:two|given|above|provided|following|first|second)\s+)?"
    r"(?:sentences?|passages?|excerpts?|texts?|chunks?|units?|snippets?|notes?)\b"
    r"|\bsentences?\s+\d|\[\d+\]|\baccording to the (?:document|text|author|narrat\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SyntheticQuestion:
    """A question with the sentences that answer it."""

    question: str
    answer: str
    """Empty where the model gave none."""
    sentences: tuple[int, ...]
    """Ids in the excerpt's document."""
    distance: int
    """Sentences between the two places; 0 where there is one."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What calls are made with."""

    reply_tokens: int
    """Most tokens of a reply."""
    prompt_tokens: int
    """Most tokens of a prompt; 0 = no limit is known."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question to be made from an excerpt."""

    excerpt: Excerpt
    number: int
    """From 0, among the attempts on this excerpt."""
    passage: range
    asking: Asking

    @property
    def document(self) -> Document:
        return self.excerpt.document

    @property
    def key(self) -> str:
        """Its name in every stage."""
        return f"{self.excerpt.id}/{self.number}"

    def call(self, stage: str, messages: Messages) -> Call:
        return Call(stage, self.key, messages, self.asking.reply_tokens)

    def ask(
        self, template: str, sentence_ids: Sequence[int], question: str = "", **fields: str
    ) -> Messages:
        """A prompt that offers sentences under their numbers."""
        items = self._items(sentence_ids)
        by_id = {self.document.id: self.document}
        return ask_for(f"synthetic-{template}", question, by_id, items, **fields)

    def show(self, sentence_ids: Sequence[int]) -> str:
        """Sentences under their numbers, to stand beside those that are offered."""
        return show_items({self.document.id: self.document}, self._items(sentence_ids))

    def _items(self, sentence_ids: Sequence[int]) -> list[Item]:
        return [Item(number_of(i), self.document.id, i) for i in sentence_ids]


Making: TypeAlias = Generator[Call, str, SyntheticQuestion]
"""Yields calls, is sent the text of each reply, returns the question."""


def attempts(
    excerpt: Excerpt, strategy: str, n_questions: int, seed: int, asking: Asking
) -> list[Attempt]:
    """The questions to be made from an excerpt; none where it is too short."""
    n_sentences = LONG_PASSAGE_SENTENCES if strategy == "chunk" else PASSAGE_SENTENCES
    runs = passages(excerpt.document, n_sentences)
    if strategy != "chunk" and len(excerpt.document.sentences) < n_sentences + MIN_DISTANCE:
        return []
    chosen = choose(runs, n_questions, f"{seed} {strategy} {excerpt.id}")
    return [Attempt(excerpt, number, run, asking) for number, run in enumerate(chosen)]


def link(attempt: Attempt) -> Making:
    """A question that two distant places answer together."""
    document, passage = attempt.document, attempt.passage
    offered = _that_fit(attempt)
    reply = yield attempt.call(CONNECTION, _connection_prompt(attempt, offered))
    far = _farthest(read_connections(reply, list(map(number_of, offered))), passage)
    if _BOILERPLATE.search(far.reason):
        raise Unusable(Reason.BOILERPLATE)
    reply = yield attempt.call(QUESTION, attempt.ask("question-link", (), note=defuse(far.reason)))
    there = id_of(far.number)
    first = around(document, passage, N_AROUND_PASSAGE)
    second = around(document, range(there, there + 1), N_AROUND_SENTENCE)
    return (yield from _with_evidence(attempt, reply, first, second, distance(there, passage)))


def chunk(attempt: Attempt) -> Making:
    """A question that one passage answers."""
    reply = yield attempt.call(QUESTION, attempt.ask("question-chunk", attempt.passage))
    place = around(attempt.document, attempt.passage, N_AROUND_PASSAGE)
    return (yield from _with_evidence(attempt, reply, place, None, 0))


def pair(attempt: Attempt) -> Making:
    """A question that two passages alike answer together."""
    document, passage = attempt.document, attempt.passage
    other = most_alike(document, passage, passages(document, PASSAGE_SENTENCES))
    if other is None:
        raise Unusable(Reason.TOO_SHORT)
    prompt = attempt.ask("question-pair", other, passage=attempt.show(passage))
    reply = yield attempt.call(QUESTION, prompt)
    first = around(document, passage, N_AROUND_PASSAGE)
    second = around(document, other, N_AROUND_PASSAGE)
    apart = min(distance(other.start, passage), distance(other[-1], passage))
    return (yield from _with_evidence(attempt, reply, first, second, apart))


WAYS: dict[str, Callable[[Attempt], Making]] = {"link": link, "chunk": chunk, "pair": pair}


def number_of(sentence_id: int) -> int:
    """The number a sentence is shown under."""
    return sentence_id + 1


def id_of(number: int) -> int:
    """The sentence shown under a number."""
    return number - 1


def _with_evidence(
    attempt: Attempt, reply: str, first: range, second: range | None, apart: int
) -> Making:
    """Read the question, and let the model say which sentences of its places answer it."""
    question = read_question(reply)
    if len(question.split()) not in QUESTION_WORDS:
        raise Unusable(Reason.TOO_LONG)
    if _POINTS_AT_TEXT.search(question):
        raise Unusable(Reason.POINTS_AT_TEXT)
    offered = sorted({*first, *(second or ())})
    reply = yield attempt.call(SENTENCES, attempt.ask("sentences", offered, question))
    numbers, answer = read_sentences(reply, list(map(number_of, offered)))
    chosen = tuple(map(id_of, numbers))
    if second is not None and not (set(chosen) & set(first) and set(chosen) & set(second)):
        raise Unusable(Reason.ONE_PLACE)
    if len(chosen) == len(offered):
        raise Unusable(Reason.ALL_NAMED)
    return SyntheticQuestion(question, answer, chosen, apart)


def _farthest(connections: Sequence[Connection], passage: range) -> Connection:
    """The connection farthest from the passage.

    Raises:
        Unusable: When even that is too near.
    """
    far = max(connections, key=lambda one: distance(id_of(one.number), passage))
    if distance(id_of(far.number), passage) < MIN_DISTANCE:
        raise Unusable(Reason.TOO_NEAR)
    return far


def _that_fit(attempt: Attempt) -> list[int]:
    """As many sentences around the passage as the model's window holds."""
    n_others = N_OTHERS
    while True:
        offered = others(attempt.document, attempt.passage, n_others)
        prompt = _connection_prompt(attempt, offered)
        if n_others <= MIN_DISTANCE or _fits(prompt, attempt.asking.prompt_tokens):
            return offered
        n_others = min(n_others, len(offered)) * 4 // 5


def _fits(prompt: Messages, limit: int) -> bool:
    """Whether a prompt has at most so many tokens (0 = any); no token has less than a byte."""
    n_bytes = sum(len(one["content"].encode()) for one in prompt)
    return not limit or n_bytes < limit or estimate(prompt).at_most <= limit


def _connection_prompt(attempt: Attempt, offered: Sequence[int]) -> Messages:
    return attempt.ask("connection", offered, passage=attempt.show(attempt.passage))
