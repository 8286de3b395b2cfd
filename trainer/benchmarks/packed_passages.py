"""Questions with passages made of labelled documents: the right paragraph among misleading ones.

The other passages are those of other documents in the file that share most words with the
question, rare words counting more, and hold no answer. They stand in a random order that is the
same wherever the right one is put.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docqa.engine.words import question_stems, stems
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion, read_documents

N_PASSAGES = 20
PLACES = (0, 4, 9, 14, 19)
"""Those of the published files with 20 passages, counted from 0."""
MAX_QUESTIONS = 200
"""Of each file, chosen by their text; each is asked once for every place."""
PASSAGE_WORDS = range(15, 301)
"""A shorter paragraph is hardly one, a longer one is most of the document."""

_PARAGRAPH = re.compile(r"\S(?:.*?\S)??(?=\s*\n\s*\n|\s*\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph under its title."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class PassageQuestion:
    """A question with passages of which one is right, or several are."""

    question: str
    answers: tuple[str, ...]
    passages: tuple[Passage, ...]
    spans: tuple[tuple[int, int, int], ...]
    """What answers: number of the passage, start and end in its text."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A labelled question whose evidence is in one paragraph."""

    labelled: LabelledQuestion
    paragraph: int
    spans: tuple[tuple[int, int], ...]
    """In the paragraph."""


def pack_passages(path: Path) -> Iterator[PassageQuestion]:
    """Ask the questions of a labelled file with the right paragraph at every place.

    Left out are questions whose evidence is longer than a paragraph, and those with too few
    paragraphs in other documents.
    """
    paragraphs = _Paragraphs()
    asked = [one for document in read_documents(path) for one in paragraphs.add(document)]
    asked.sort(key=lambda one: hashlib.sha256(one.labelled.question.encode()).digest())
    for one in asked[:MAX_QUESTIONS]:
        others = paragraphs.misleading(one, N_PASSAGES - 1)
        if len(others) < N_PASSAGES - 1:
            continue
        random.Random(one.labelled.question).shuffle(others)
        right = paragraphs.passages[one.paragraph]
        for place in PLACES:
            yield PassageQuestion(
                one.labelled.question,
                one.labelled.answers,
                (*others[:place], right, *others[place:]),
                tuple((place, start, end) for start, end in one.spans),
            )


class _Paragraphs:
    """The paragraphs of all documents, found by the words in them."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []
        self._documents: list[str] = []
        """The document each is from."""
        self._with: defaultdict[str, list[int]] = defaultdict(list)
        """By stem, the paragraphs that have it."""

    def add(self, labelled: LabelledDocument) -> list[_Asked]:
        """Take the paragraphs of a document.

        Returns:
            Its questions whose evidence is in one of them.
        """
        starts, first = [], len(self.passages)
        for found in _PARAGRAPH.finditer(labelled.text):
            if len(found.group().split()) not in PASSAGE_WORDS:
                continue
            for stem in set(stems(found.group())):
                self._with[stem].append(len(self.passages))
            starts.append(found.start())
            self.passages.append(Passage(labelled.title, found.group()))
            self._documents.append(labelled.id)
        asked = []
        for question in labelled.questions:
            if not question.evidence:
                continue
            i = bisect_right(starts, min(start for start, _ in question.evidence)) - 1
            end = max(end for _, end in question.evidence)
            if i >= 0 and end <= starts[i] + len(self.passages[first + i].text):
                spans = tuple((a - starts[i], b - starts[i]) for a, b in question.evidence)
                asked.append(_Asked(question, first + i, spans))
        return asked

    def misleading(self, asked: _Asked, n: int) -> list[Passage]:
        """The paragraphs of other documents that are most like an answer and are none."""
        weights: defaultdict[int, float] = defaultdict(float)
        for stem in question_stems(asked.labelled.question):
            with_it = self._with.get(stem, ())
            for i in with_it:
                weights[i] += math.log(len(self.passages) / len(with_it))
        answers = [answer.lower() for answer in asked.labelled.answers if answer.strip()]
        own = self._documents[asked.paragraph]
        found: list[Passage] = []
        for i in sorted(range(len(self.passages)), key=lambda i: -weights.get(i, 0.0)):
            text = self.passages[i].text.lower()
            if self._documents[i] != own and not any(answer in text for answer in answers):
                found.append(self.passages[i])
                if len(found) == n:
                    break
        return found
