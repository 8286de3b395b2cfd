"""Training examples of the span reader: a question, a sentence, and where the answer stands in it.

Most questions give two: the sentence with the answer, and one that comes near the question but
does not answer it (`near_misses.py`). Many give a third: the sentence with the answer, asked for
something else (`docqa.trainer.templates.swaps`), and table rows one for which no figure is an
answer (`figureless.py` there). Questions of another document that this one does not answer are put
to what comes near them here (`foreign.py` there). A sentence that answers as a whole ("How does
...?") teaches to leave it whole. Some questions are cut to their telling words, as people type them
too and as `docqa.engine.hops` reads on.
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
from docqa.engine.question.wording import in_words_of
from docqa.engine.reader_window import NO_PART, ReaderWindow, WindowMaker
from docqa.engine.statements.line_items import label_of
from docqa.engine.types import Document, SentenceKind
from docqa.engine.words import telling_words
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion, read_documents
from docqa.trainer.heads.near_misses import NearMisses
from docqa.trainer.templates.figureless import ask_no_figure
from docqa.trainer.templates.foreign import ask_foreign
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


@dataclass(frozen=True, slots=True)
class Shares:
    """How often a question gives an example of each kind besides its answer."""

    negative: float = 0.0
    """Put to a sentence without the answer."""
    swapped: float = 0.0
    """Put to the sentence with the answer with one thing exchanged."""
    figureless: float = 0.0
    """Of the rows with an answer: put to a question that no figure answers."""
    foreign: float = 0.0
    """Questions of the document before that are put to this one, for each of its own, at most."""
    keyword: float = 0.0
    """The telling words of the question alone are read."""


def read_examples(
    files: Sequence[Path],
    tokenizer: Tokenizer,
    *,
    limits: Mapping[str, int],
    seed: int,
    shares: Shares,
    vectors: SentenceVectors | None = None,
    on_file: OnFile | None = None,
) -> Iterator[ReaderExample]:
    """Examples of the questions of some files.

    Args:
        files: Labelled documents.
        tokenizer: Of the checkpoint.
        limits: Most questions by source; a source not named gives all.
        seed: Of the draws.
        shares: What is made besides the answers.
        vectors: Of the checkpoint's encoder, which finds sentences without the answer too.
        on_file: Called with the file's name and the documents read so far.
    """
    for path in files:
        chooser = random.Random(f"{seed} {path.name}")
        kept = _share_kept(path, limits)
        before: LabelledDocument | None = None
        for n_done, labelled in enumerate(read_documents(path), 1):
            other, before = before, labelled
            asked = [q for q in labelled.questions if chooser.random() < kept]
            if not asked or not labelled.document.sentences:
                continue
            if shares.foreign and other is not None:
                asked += ask_foreign(labelled, other, shares.foreign * kept, chooser)
            yield from _examples_of(labelled, asked, shares, tokenizer, vectors, chooser)
            if on_file is not None:
                on_file(path.name, n_done)


def _examples_of(
    labelled: LabelledDocument,
    asked: Sequence[LabelledQuestion],
    shares: Shares,
    tokenizer: Tokenizer,
    vectors: SentenceVectors | None,
    chooser: random.Random,
) -> Iterator[ReaderExample]:
    """Examples of some questions on one document."""
    swap = Swapper(labelled, of_sentence=True)
    near_misses = NearMisses(labelled, asked, tokenizer, vectors)
    for number, question in enumerate(asked):
        is_cut = chooser.random() < shares.keyword
        put = _Put(labelled, _as_read(question.question, is_cut), tokenizer)
        if question.evidence:
            sentence_id, spans = _draw(answer_places(labelled, question), chooser)
            yield put(sentence_id, spans, answers=True)
            swapped = chooser.random() < shares.swapped and swap(question, chooser)
            if swapped:
                put_swapped = _Put(labelled, _as_read(swapped, is_cut), tokenizer)
                yield put_swapped(sentence_id, (), answers=False)
            figureless = chooser.random() < shares.figureless and _ask_no_figure(
                labelled.document, sentence_id, chooser
            )
            if figureless:
                yield _Put(labelled, figureless, tokenizer)(sentence_id, (), answers=False)
        if not question.evidence or chooser.random() < shares.negative:
            for sentence_id in near_misses.draw(number, chooser):
                yield put(sentence_id, (), answers=False)


def _as_read(question: str, is_cut: bool) -> str:
    return " ".join(telling_words(question)) if is_cut else question


def _ask_no_figure(document: Document, sentence_id: int, chooser: random.Random) -> str | None:
    if document.sentences[sentence_id].kind is not SentenceKind.ROW:
        return None
    return ask_no_figure(label_of(document.sentence_text(sentence_id)), chooser)


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
