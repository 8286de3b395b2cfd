"""Sentences that come near a question and do not answer it, which a reader must learn to leave.

A checkpoint's reader sees what its retriever puts highest. Of that BM25 gives those that share the
question's words, and the encoder head those that say something like it in other words.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.device import choose_dtype
from docqa.engine.evidence import ranking
from docqa.engine.mamba2.checkpoint import load_model
from docqa.engine.mamba2.sentence_vectors import SentenceVectors
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.packing import tokenize_document
from docqa.engine.types import SentenceKind
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion

N_NEAR = 8
"""A near miss is drawn from so many of the best, by each way to find them."""


class NearMisses:
    """Finds them for questions on one document."""

    def __init__(
        self,
        labelled: LabelledDocument,
        questions: Sequence[LabelledQuestion],
        tokenizer: Tokenizer,
        vectors: SentenceVectors | None,
        most: int = N_NEAR,
        n_compared: int = 0,
    ) -> None:
        """
        Args:
            labelled: The document.
            questions: That are asked of it.
            tokenizer: Of the checkpoint.
            vectors: Of its encoder, if it has one.
            most: So many of the best are taken, by each way to find them.
            n_compared: Its encoder reads so many sentences, drawn by lot, and not all of a novel;
                0 = all.
        """
        self._most = most
        self._labelled = labelled
        self._questions = questions
        self._asked = [in_words_of(labelled.document, one.question) for one in questions]
        self._bm25 = BM25Retriever()
        self._cosines = (
            None
            if vectors is None
            else _cosines(self._asked, labelled, tokenizer, vectors, n_compared)
        )

    def draw(self, number: int, chooser: random.Random) -> list[int]:
        """One of them, or none where there is none."""
        found = self.of(number)
        return [chooser.choice(found)] if found else []

    def of(self, number: int) -> list[int]:
        """The best sentences for a question that are no evidence and do not hold the answer.

        Args:
            number: Of the question.
        """
        return sorted({i for scores in self._scores(number) for i in self._near(number, scores)})

    def following(self, number: int) -> list[int]:
        """The sentences right after evidence that are none and do not hold the answer.

        Args:
            number: Of the question.
        """
        after = {i + 1 for i in self._evidence(number)}
        return self._that_do_not_answer(number, sorted(after))

    def _scores(self, number: int) -> Iterator[NDArray[np.float32]]:
        yield self._bm25.score(self._asked[number], self._labelled.document)
        if self._cosines is not None:
            yield self._cosines[number]

    def _near(self, number: int, scores: NDArray[np.float32]) -> list[int]:
        """The best by some scores that do not answer."""
        best = ranking(scores)[: 3 * self._most]
        compared = [int(i) for i in best if np.isfinite(scores[i])]
        return self._that_do_not_answer(number, compared)[: self._most]

    def _evidence(self, number: int) -> set[int]:
        spans = self._questions[number].evidence
        return {i for span in spans for i in self._labelled.sentences_of(span)}

    def _that_do_not_answer(self, number: int, sentence_ids: Iterable[int]) -> list[int]:
        """Of some sentences those that are no heading, do not repeat evidence, hold no answer."""
        document = self._labelled.document
        answers = [answer.lower() for answer in self._questions[number].answers]
        telling = {document.sentence_text(i).lower() for i in self._evidence(number)}
        kept = []
        for i in sentence_ids:
            if i == len(document.sentences) or document.sentences[i].kind is SentenceKind.HEADING:
                continue
            text = document.sentence_text(i).lower()
            if text not in telling and not any(answer in text for answer in answers):
                kept.append(i)
        return kept


def checkpoint_vectors(checkpoint: Path, place: torch.device) -> SentenceVectors | None:
    """Those of a checkpoint's encoder, if it has one, made as fast as when it is asked."""
    model = load_model(checkpoint, choose_dtype(place), without=["reader"]).to(place)
    return None if model.encoder is None else SentenceVectors(model)


def _cosines(
    asked: Sequence[str],
    labelled: LabelledDocument,
    tokenizer: Tokenizer,
    vectors: SentenceVectors,
    n_compared: int,
) -> NDArray[np.float32]:
    """(q, s) how near each question comes to each sentence; -inf to those that are not compared."""
    tokens = tokenize_document(labelled.document, tokenizer)
    n_sentences = len(tokens.sentence_ends)
    compared: Sequence[int] = range(n_sentences)
    if 0 < n_compared < n_sentences:
        compared = sorted(random.Random(labelled.id).sample(compared, n_compared))
    sentences = vectors.rows(tokens, compared)
    encodings = tokenizer.encode_batch(list(asked), add_special_tokens=False)
    questions = [np.asarray(one.ids, np.int32) for one in encodings]
    near = np.full((len(questions), n_sentences), -np.inf, np.float32)
    near[:, compared] = (vectors.encode(questions) @ vectors.encode(sentences).T).cpu().numpy()
    return near
