"""Questions that a document does not answer: those that it does, with one thing exchanged.

`Who won the race in 1998?` becomes `Who won the race in 2003?` where another sentence of the
document names 2003, and `the largest` becomes `the smallest`. Nearly every word still stands in
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
"""The new thing stands in no sentence this near to the answer."""
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
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")
_NUMBER = re.compile(r"(?<![\d.,$])\d{1,3}(?![\d.,%])")
_NAME = re.compile(r"(?<=[\w,;:] )[A-Z][\w.’'-]*[\w](?: (?:of (?:the )?)?[A-Z][\w.’'-]*[\w])*")
KINDS = (_YEAR, _NUMBER, _NAME)
_MADE_OPPOSITE = 0.35
"""Share of the questions with a word that has an opposite where that is exchanged."""


def ask_swaps(document: LabelledDocument, chance: random.Random) -> Iterator[TemplateQuestion]:
    """At most `PER_DOCUMENT` questions without an answer.

    Args:
        document: With questions that it answers.
        chance: Draws the questions and what is put into them.
    """
    texts = [document.document.sentence_text(one.id) for one in document.document.sentences]
    things = [_things(texts, kind) for kind in KINDS]
    questions = [one for one in document.questions if one.evidence]
    chance.shuffle(questions)
    n_made = 0
    for question in questions:
        if n_made == PER_DOCUMENT:
            return
        swapped = _swapped(question.question, _around(document, question, texts), things, chance)
        if swapped:
            yield TemplateQuestion(swapped, ())
            n_made += 1


def _things(texts: list[str], kind: re.Pattern[str]) -> dict[int, list[str]]:
    """What of a kind the sentences name, by its number of words."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for text in texts:
        for thing in kind.findall(text):
            found[len(thing.split())].add(thing)
    return {n_words: sorted(some) for n_words, some in found.items()}


def _around(document: LabelledDocument, question: LabelledQuestion, texts: list[str]) -> str:
    """The sentences that answer, and those beside them."""
    ids = {i for span in question.evidence for i in document.sentences_of(span)}
    near = {i + step for i in ids for step in range(-NEAR, NEAR + 1)}
    return " ".join(texts[i] for i in sorted(near) if 0 <= i < len(texts))


def _swapped(
    question: str, around: str, things: list[dict[int, list[str]]], chance: random.Random
) -> str | None:
    """A question with one thing exchanged; None where nothing can be."""
    opposite = _with_opposite(question, around)
    if opposite and chance.random() < _MADE_OPPOSITE:
        return opposite
    known = f"{question} {around}".lower()
    for kind, others in zip(KINDS, things, strict=True):
        named = list(kind.finditer(question))
        if not named:
            continue
        old = chance.choice(named)
        fitting = [
            thing for thing in others.get(len(old[0].split()), ()) if thing.lower() not in known
        ]
        if fitting:
            return question[: old.start()] + chance.choice(fitting) + question[old.end() :]
    return opposite


def _with_opposite(question: str, around: str) -> str | None:
    for pair in OPPOSITES:
        for word, other in (pair, pair[::-1]):
            found = re.search(rf"\b{word}\b", question)
            if found and not re.search(rf"\b{other}\b", around):
                return question[: found.start()] + other + question[found.end() :]
    return None
