"""A question and its answer, in the engine process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from docqa.app.config import Settings
from docqa.app.jobs.protocol import (
    Answered,
    AskRequest,
    Event,
    EvidenceChosen,
    FoundSentence,
    Prepared,
    PrepareRequest,
    Preparing,
    ReadingAt,
    TextPiece,
)
from docqa.app.terminal import one_line
from docqa.engine import pipeline
from docqa.engine.errors import Cancelled
from docqa.engine.exports.control_characters import clean
from docqa.engine.library.record import make_record
from docqa.engine.question.follow_up import with_context

if TYPE_CHECKING:
    from docqa.app.jobs.models import LoadedModels, ModelShelf
    from docqa.engine.retrievers.retriever import Progress
    from docqa.engine.types import Document, Evidence

EVENT_SECONDS = 0.1
BEST_SECONDS = 0.25
"""The best sentences are looked for this often; it takes a pass over all scores."""
N_BEST = 5
MAX_CHARS = 400
"""Of a sentence, as it is shown while reading."""


def prepare(request: PrepareRequest, shelf: ModelShelf, emit: Callable[[Event], None]) -> None:
    """Load the models of the settings."""
    shelf.models(request.library, request.settings)
    emit(Prepared(request.job))


def answer(
    request: AskRequest,
    shelf: ModelShelf,
    emit: Callable[[Event], None],
    is_cancelled: Callable[[], bool],
) -> None:
    """Answer a question, and store the answer before it is told."""
    started = time.perf_counter()
    if not shelf.has_models(request.library, request.settings):
        emit(Preparing(request.job))
    models = shelf.models(request.library, request.settings)
    documents = shelf.documents(request.library, request.document_ids)
    opened_seconds = time.perf_counter() - started
    if is_cancelled():
        raise Cancelled
    settings = Settings(**request.settings)
    by_id = {document.id: document for document in documents}
    watch = _ReadingWatch(request.job, documents, models, emit)
    count = pipeline.TokenCount(models.retriever, watch)
    found = pipeline.ask(
        with_context(request.question, request.root),
        documents,
        models.retriever,
        models.generator,
        n_words=settings.word_limit,
        top_k=settings.sentence_limit,
        hops=settings.hop_limit,
        on_progress=count,
        on_evidence=lambda evidence, confidence: emit(
            EvidenceChosen(request.job, _shown(evidence, by_id), confidence)
        ),
        on_text=lambda text: emit(TextPiece(request.job, clean(text))),
        is_cancelled=is_cancelled,
    )
    record = make_record(
        replace(found, question=pipeline.checked_question(request.question)),
        documents,
        n_tokens=count.n_tokens,
        model=models.generator.model,
        strategy=settings.strategy,
        ingest_seconds=opened_seconds,
        total_seconds=time.perf_counter() - started,
    )
    if is_cancelled():
        raise Cancelled
    number = shelf.store(request.library).add_record(
        record, conversation_id=request.conversation_id, unanswered_id=request.unanswered_id
    )
    emit(Answered(request.job, number))


class _ReadingWatch:
    """Turns the retriever's progress into events, few enough for a screen to follow."""

    def __init__(
        self,
        job: int,
        documents: Sequence[Document],
        models: LoadedModels,
        emit: Callable[[Event], None],
    ) -> None:
        self._job = job
        self._documents = list(documents)
        self._reads_tokens = models.retriever.checkpoint is not None
        self._emit = emit
        self._started = time.perf_counter()
        self._told_at = self._looked_at = 0.0
        self._hop = 1
        self._read: dict[str, int] = {}
        self._known_tokens: dict[str, int] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.hop != self._hop:
            self._begin_again(progress.hop)
        self._read[progress.document_id] = progress.n_tokens_read
        self._known_tokens[progress.document_id] = progress.n_tokens
        now = time.perf_counter()
        is_last = progress.n_tokens_read >= progress.n_tokens
        if now - self._told_at >= EVENT_SECONDS or is_last:
            self._told_at = now
            self._emit(self._event(progress, now))

    def _begin_again(self, hop: int) -> None:
        """A further reading: what is read, and how fast, counts from its beginning."""
        self._hop, self._read = hop, {}
        self._started = time.perf_counter()

    def _event(self, progress: Progress, now: float) -> ReadingAt:
        number = next(i for i, d in enumerate(self._documents) if d.id == progress.document_id)
        document = self._documents[number]
        n_read, n_all = sum(self._read.values()), self._n_tokens()
        speed = n_read / max(now - self._started, 1e-6)
        return ReadingAt(
            self._job,
            clean(document.title),
            number + 1,
            len(self._documents),
            _page_at(document, progress),
            len(document.pages),
            n_read if self._reads_tokens else 0,
            min(n_read / max(n_all, 1), 1.0),
            speed if self._reads_tokens else 0.0,
            max(n_all - n_read, 0) / max(speed, 1e-6),
            self._best(document, progress, now),
            progress.hop,
        )

    def _n_tokens(self) -> int:
        """Of all documents; those not begun are taken to have as many a word as the others."""
        known = sum(self._known_tokens.values())
        n_words = sum(d.n_words for d in self._documents if d.id in self._known_tokens)
        rest = sum(d.n_words for d in self._documents if d.id not in self._known_tokens)
        return known + round(rest * known / max(n_words, 1))

    def _best(
        self, document: Document, progress: Progress, now: float
    ) -> tuple[FoundSentence, ...] | None:
        if now - self._looked_at < BEST_SECONDS or not progress.n_sentences_read:
            return None
        self._looked_at = now
        scores = progress.scores[: progress.n_sentences_read]
        n_best = min(N_BEST, len(scores))
        best = np.argpartition(-scores, n_best - 1)[:n_best]
        ranked = sorted((int(one) for one in best), key=lambda one: (-scores[one], one))
        return tuple(
            _found(document, sentence_id, float(scores[sentence_id]), rank, progress.hop)
            for rank, sentence_id in enumerate(ranked, 1)
        )


def _page_at(document: Document, progress: Progress) -> int:
    """The page that is being read."""
    if not document.sentences:
        return len(document.pages)
    last = min(max(progress.n_sentences_read, 1), len(document.sentences)) - 1
    return document.sentences[last].page


def _shown(evidence: tuple[Evidence, ...], by_id: dict[str, Document]) -> tuple[FoundSentence, ...]:
    return tuple(
        _found(by_id[one.document_id], one.sentence_id, one.score, one.rank, one.hop)
        for one in evidence
    )


def _found(
    document: Document, sentence_id: int, score: float, rank: int, hop: int
) -> FoundSentence:
    text = one_line(document.sentence_text(sentence_id))[:MAX_CHARS]
    page = document.sentences[sentence_id].page
    title = clean(document.title)
    return FoundSentence(document.id, title, sentence_id, page, text, score, rank, hop)
