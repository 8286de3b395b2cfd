"""Questions that a document does not answer: those that it does, with one thing exchanged.

`Who won the race in 1998?` becomes `Who won the race in 2003?` where another sentence of the
document names 2003, `the largest` becomes `the smallest`, `did` becomes `didn't`, and a word gives
way to another that the document has between the same neighbours. Nearly every word still stands in
the sentence that answered, which is what makes such questions hard (the writers of Rajpurkar et
al. 2018, arXiv 1806.03822, did much the same). Now and then the document answers the new one too.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator

from docqa.trainer.dataset import LabelledDocument, LabelledQuestion
from docqa.trainer.templates.rules import TemplateQuestion

PER_DOCUMENT = 25
NEAR = 1
"""The new thing stands in no sentence this near to the answer, where a document is asked."""
REACH = 3
"""Sentences to each side of the answer whose things are put into what is asked of it alone."""
OPPOSITES = (
    ("first", "last"),
    ("highest", "lowest"),
    ("largest", "smallest"),
    ("biggest", "smallest"),
    ("longest", "shortest"),
    ("oldest", "youngest"),
    ("best", "worst"),
    ("most", "least"),
    ("maximum", "minimum"),
    ("before", "after"),
    ("more", "fewer"),
    ("increase", "decrease"),
    ("increased", "decreased"),
    ("won", "lost"),
    ("begin", "end"),
    ("began", "ended"),
    ("north", "south"),
    ("northern", "southern"),
    ("east", "west"),
    ("eastern", "western"),
    ("men", "women"),
    ("male", "female"),
    ("rich", "poor"),
    ("inside", "outside"),
    ("allowed", "forbidden"),
    ("bought", "sold"),
    ("support", "oppose"),
    ("supported", "opposed"),
)
_YEAR = re.compile(r"(?:\b|(?<=\bFY))(?:1[0-9]|20)\d\d\b")
_NUMBER = re.compile(r"(?<![\d.,$])\d{1,3}(?![\d.,%])")
_NAME = re.compile(r"(?<=[\w,;:] )[A-Z][\w.’'-]*[\w](?: (?:of (?:the )?)?[A-Z][\w.’'-]*[\w])*")
_AMOUNT = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d.,%])")
_COUNT = re.compile(r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty)\b")
_ORDINAL = re.compile(r"\b(?:second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\b")
KINDS = (_YEAR, _NUMBER, _AMOUNT, _COUNT, _ORDINAL, _NAME)
_MADE_OPPOSITE = 0.35
"""Share of the questions with a word that has an opposite where that is exchanged."""
_DENIED = 0.1
"""Share of the questions that are denied where they can be."""
_CLOSE = 0.6
"""Share of the exchanges that take something from within `REACH` where they may and can."""
_OTHER_WORD = 0.4
"""Share of the others in which a word gives way before a name or number does."""
_AUXILIARY = re.compile(r"\b(?:did|does|do|was|were|is|are|could|has|have|had|would|should)\b")
_NEGATION = re.compile(
    r"\b(?:not|no|never|without|none|nobody|nothing|nor|neither)\b|n['’]t\b", re.IGNORECASE
)
_DENIAL = re.compile(r"n['’]t\b| not\b")
_WORD = re.compile(r"[^\W\d_]+")
_COMMON_START = 4
"""Words alike in so many first letters may mean the same."""


def ask_swaps(document: LabelledDocument, chance: random.Random) -> Iterator[TemplateQuestion]:
    """At most `PER_DOCUMENT` questions without an answer.

    Args:
        document: With questions that it answers.
        chance: Draws the questions and what is put into them.
    """
    swap = Swapper(document)
    questions = [one for one in document.questions if one.evidence]
    chance.shuffle(questions)
    n_made = 0
    for question in questions:
        if n_made == PER_DOCUMENT:
            return
        swapped = swap(question, chance)
        if swapped:
            yield TemplateQuestion(swapped, ())
            n_made += 1


class Swapper:
    """Makes questions that a document does not answer of those that it does."""

    def __init__(self, document: LabelledDocument, *, of_sentence: bool = False) -> None:
        """
        Args:
            document: With questions that it answers.
            of_sentence: The questions are put to the sentence that answered and to no other, so
                that names from beside it may be put in: they stand there in another role.
        """
        self._document = document
        self._of_sentence = of_sentence
        self._texts = [
            document.document.sentence_text(one.id) for one in document.document.sentences
        ]
        self._things = [_things(self._texts, kind) for kind in KINDS]
        self._between = _between(self._texts)

    def __call__(self, question: LabelledQuestion, chance: random.Random) -> str | None:
        """The question with one thing exchanged; None where nothing can be.

        Args:
            question: One with evidence.
            chance: Draws what is exchanged and what for.
        """
        asked = question.question
        around = self._around(question, 0 if self._of_sentence else NEAR)
        opposite = _with_opposite(asked, around)
        if opposite and chance.random() < _MADE_OPPOSITE:
            return opposite
        denied = _denied(asked, around)
        if denied and chance.random() < _DENIED:
            return denied
        close = ""
        if self._of_sentence and chance.random() < _CLOSE:
            close = self._around(question, REACH)
        ways = [self._with_other_thing, self._with_other_word]
        if chance.random() < _OTHER_WORD:
            ways.reverse()
        for way in ways:
            swapped = way(asked, around, close, chance)
            if swapped:
                return swapped
        return opposite

    def _around(self, question: LabelledQuestion, reach: int) -> str:
        """The sentences that answer, what stands above them, and so many to each side of them."""
        ids = {i for span in question.evidence for i in self._document.sentences_of(span)}
        near = {i + step for i in ids for step in range(-reach, reach + 1)}
        sentences = self._document.document.sentences
        # a row has a figure for each year that its header names
        near |= {header for i in ids if (header := sentences[i].header) is not None}
        return " ".join(self._texts[i] for i in sorted(near) if 0 <= i < len(self._texts))

    def _with_other_thing(
        self, question: str, around: str, close: str, chance: random.Random
    ) -> str | None:
        """A year, a number or a name exchanged, for one of `close` if any of it fits."""
        known = f"{question} {around}".lower()
        for kind, others in zip(KINDS, self._things, strict=True):
            named = list(kind.finditer(question))
            if not named:
                continue
            old = chance.choice(named)
            fitting = [
                thing for thing in others.get(len(old[0].split()), ()) if thing.lower() not in known
            ]
            if fitting:
                new = chance.choice([thing for thing in fitting if thing in close] or fitting)
                return question[: old.start()] + new + question[old.end() :]
        return None

    def _with_other_word(
        self, question: str, around: str, close: str, chance: random.Random
    ) -> str | None:
        """A word exchanged for one that the document has between the same neighbours."""
        words = list(_WORD.finditer(question))
        near = {word.lower() for word in _WORD.findall(f"{question} {around}")}
        starts = {word[:_COMMON_START] for word in near}
        places: list[tuple[re.Match[str], list[str]]] = []
        for before, word, after in zip(words, words[1:], words[2:], strict=False):
            if len(word[0]) >= _COMMON_START and word[0].islower():
                others = self._between.get((before[0].lower(), after[0].lower()), ())
                fitting = [one for one in others if one[:_COMMON_START] not in starts]
                if fitting:
                    places.append((word, fitting))
        if not places:
            return None
        old, fitting = chance.choice(places)
        new = chance.choice([word for word in fitting if f" {word} " in close] or fitting)
        return question[: old.start()] + new + question[old.end() :]


def _things(texts: list[str], kind: re.Pattern[str]) -> dict[int, list[str]]:
    """What of a kind the sentences name, by its number of words."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for text in texts:
        for thing in kind.findall(text):
            found[len(thing.split())].add(thing)
    return {n_words: sorted(some) for n_words, some in found.items()}


def _between(texts: list[str]) -> dict[tuple[str, str], list[str]]:
    """The longer words without a capital, by the words before and after them."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for text in texts:
        words = _WORD.findall(text)
        for before, word, after in zip(words, words[1:], words[2:], strict=False):
            if len(word) >= _COMMON_START and word.islower():
                found[before.lower(), after.lower()].add(word)
    return {neighbours: sorted(some) for neighbours, some in found.items()}


def _denied(question: str, around: str) -> str | None:
    """`Who didn't win?`, where nothing near the answer is denied; where it is, the reverse."""
    denial = _DENIAL.search(question)
    if denial is not None and _NEGATION.search(around):
        return question[: denial.start()] + question[denial.end() :]
    auxiliary = _AUXILIARY.search(question)
    if auxiliary is None or _NEGATION.search(question) or _NEGATION.search(around):
        return None
    return f"{question[: auxiliary.end()]}n't{question[auxiliary.end() :]}"


def _with_opposite(question: str, around: str) -> str | None:
    for pair in OPPOSITES:
        for word, other in (pair, pair[::-1]):
            found = re.search(rf"\b{word}\b", question)
            if found and not re.search(rf"\b{other}\b", around):
                return question[: found.start()] + other + question[found.end() :]
    return None
