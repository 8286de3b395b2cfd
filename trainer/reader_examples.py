"""Training examples of the span reader: a question, a sentence, and where the answer stands in it.

Most questions give two: the sentence with the answer, and one that comes near the question but
does not answer it (`near_misses.py`). Many give a third: the sentence with the answer, asked for
something else (`docqa.trainer.templates.swaps`). A sentence that answers as a whole ("How does
...?") teaches to leave it whole.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from docqa.engine.mamba2.sentence_vectors import SentenceVectors
from docqa.engine.reader_window import NO_PART, ReaderWindow, WindowMaker
from docqa.engine.types import Document
from docqa.engine.wording import in_words_of
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion, read_documents
from docqa.trainer.near_misses import NearMisses
from docqa.trainer.templates.swaps import Swapper

MAX_SHARE = 0.75
"""An answer that takes more of a long sentence than this is no span of it: it stays whole."""
LONG_WORDS = 10

OnFile = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class ReaderExample:
    """A question put to one sentence, with its answer."""

    source: str
    window: ReaderWindow
    spans: tuple[tuple[int, int], ...]
    """First and last token of every place where the answer stands; none = no span."""
    answers: bool
    """Whether the sentence answers, by a span or as a whole."""


def read_examples(
    files: Sequence[Path],
    tokenizer: Tokenizer,
    *,
    limits: Mapping[str, int],
    seed: int,
    negative_share: float,
    swapped_share: float,
    vectors: SentenceVectors | None = None,
    on_file: OnFile | None = None,
) -> Iterator[ReaderExample]:
    """Examples of the questions of some files.

    Args:
        files: Labelled documents.
        tokenizer: Of the checkpoint.
        limits: Most questions by source; a source not named gives all.
        seed: Of the draws.
        negative_share: Share of the questions that give a sentence without the answer too.
        swapped_share: Share of them put to the sentence with the answer with one thing exchanged.
        vectors: Of the checkpoint's encoder, which finds sentences without the answer too.
        on_file: Called with the file's name and the documents read so far.
    """
    chooser = random.Random(seed)
    for path in files:
        kept = _share_kept(path, limits)
        for n_done, labelled in enumerate(read_documents(path), 1):
            asked = [q for q in labelled.questions if chooser.random() < kept]
            if not asked or not labelled.document.sentences:
                continue
            swap = Swapper(labelled, of_sentence=True)
            near_misses = NearMisses(labelled, asked, tokenizer, vectors)
            for number, question in enumerate(asked):
                put = _Put(labelled, question.question, tokenizer)
                if question.evidence:
                    sentence_id, spans = _draw(answer_places(labelled, question), chooser)
                    yield put(sentence_id, spans, answers=True)
                    swapped = chooser.random() < swapped_share and swap(question, chooser)
                    if swapped:
                        yield _Put(labelled, swapped, tokenizer)(sentence_id, (), answers=False)
                if not question.evidence or chooser.random() < negative_share:
                    for sentence_id in near_misses.draw(number, chooser):
                        yield put(sentence_id, (), answers=False)
            if on_file is not None:
                on_file(path.name, n_done)


class _Put:
    """Puts one question to sentences of one document, in the document's words."""

    def __init__(self, labelled: LabelledDocument, question: str, tokenizer: Tokenizer) -> None:
        self._source = labelled.source
        asked = in_words_of(labelled.document, question)
        self._maker = WindowMaker(asked, labelled.document, tokenizer)

    def __call__(
        self, sentence_id: int, spans: Sequence[tuple[int, int]], *, answers: bool
    ) -> ReaderExample:
        window = self._maker(sentence_id)
        return ReaderExample(self._source, window, tuple(token_spans(window, spans)), answers)


def answer_spans(
    labelled: LabelledDocument, question: LabelledQuestion
) -> Iterator[tuple[int, tuple[int, int]]]:
    """Evidence sentences that hold an answer word for word, and where in the sentence's text."""
    for evidence in question.evidence:
        for sentence_id in labelled.sentences_of(evidence):
            start, end = labelled.document.span(sentence_id)
            begin, stop = max(start, evidence[0]), min(end, evidence[1])
            for answer in question.answers:
                for a, b in _occurrences(answer, labelled.text, begin, stop):
                    yield sentence_id, (a - start, b - start)


def answer_places(
    labelled: LabelledDocument, question: LabelledQuestion
) -> dict[int, list[tuple[int, int]]]:
    """Every evidence sentence, with the spans of it that answer; none where it does as a whole."""
    places: dict[int, list[tuple[int, int]]] = {
        i: [] for evidence in question.evidence for i in labelled.sentences_of(evidence)
    }
    for sentence_id, span in sorted(set(answer_spans(labelled, question))):
        if _is_span(labelled.document, sentence_id, span):
            places[sentence_id].append(span)
    return places


def token_spans(
    window: ReaderWindow, spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """First and last token of spans of characters; those that no tokens cover are left out."""
    inside = window.parts != NO_PART
    for start, end in spans:
        covered = np.flatnonzero(inside & (window.starts < end) & (window.ends > start))
        if len(covered) and len(np.unique(window.parts[covered])) == 1:
            yield int(covered[0]), int(covered[-1])


def _is_span(document: Document, sentence_id: int, span: tuple[int, int]) -> bool:
    """Whether an answer is a part of its sentence rather than the sentence."""
    text = document.sentence_text(sentence_id)
    n_words, n_answer = len(text.split()), len(text[span[0] : span[1]].split())
    return n_words < LONG_WORDS or n_answer <= MAX_SHARE * n_words


def _occurrences(answer: str, text: str, begin: int, stop: int) -> Iterator[tuple[int, int]]:
    """Where an answer stands as whole words: `5` is no part of `1,577`."""
    if not answer.strip():
        return
    pattern = re.compile(re.escape(answer.strip()), re.IGNORECASE)
    for found in pattern.finditer(text, begin, stop):
        before, after = text[max(found.start() - 2, 0) : found.start()], text[found.end() :][:2]
        if not _goes_on(before[::-1], answer[:1]) and not _goes_on(after, answer[-1:]):
            yield found.span()


def _goes_on(beside: str, edge: str) -> bool:
    """Whether the word or number goes on beyond its edge."""
    if not beside or not edge.isalnum():
        return False
    return beside[0].isalnum() or (edge.isdigit() and beside[0] in ".," and beside[1:2].isdigit())


def _draw(
    places: Mapping[int, list[tuple[int, int]]], chooser: random.Random
) -> tuple[int, list[tuple[int, int]]]:
    """One evidence sentence; one with the answer in it if there is any."""
    telling = [sentence_id for sentence_id, spans in places.items() if spans]
    sentence_id = chooser.choice(telling or list(places))
    return sentence_id, places[sentence_id]


def _share_kept(path: Path, limits: Mapping[str, int]) -> float:
    """Share of a file's questions to keep, for at most as many as its source may give."""
    counts: dict[str, int] = {}
    for labelled in read_documents(path):
        counts[labelled.source] = counts.get(labelled.source, 0) + len(labelled.questions)
    shares = [limits[source] / n for source, n in counts.items() if source in limits and n]
    return min([1.0, *shares])
