"""Library, documents, retriever and generator of `docqa ask`: opened once, asked any number."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from docqa.app.session import load_models, open_documents, open_generator, open_library

if TYPE_CHECKING:
    from docqa.app.config import Settings
    from docqa.app.diagnostics import Narrator
    from docqa.engine.generators.base import LoadedGenerator
    from docqa.engine.library.record import Record
    from docqa.engine.library.store import Store
    from docqa.engine.retrievers.retriever import Retriever
    from docqa.engine.types import Document


@dataclass(slots=True)
class Answering:
    """What questions are answered with, and from."""

    settings: Settings
    store: Store
    documents: Sequence[Document]
    retriever: Retriever
    generator: LoadedGenerator
    narrator: Narrator
    ingest_seconds: float
    """Time spent opening the documents; charged to the first question."""
    started: float
    """When work on the next question began, as `time.perf_counter` counts."""

    def question_before(self) -> str:
        """The last question asked of the document that stands on its own; may be empty."""
        from docqa.engine.question.follow_up import root_of

        return root_of(self.store.questions_of(self.documents[0].id))

    def answer(
        self, question: str, on_text: Callable[[str], None] | None = None, *, root: str = ""
    ) -> tuple[Record, int]:
        """Answer a question and keep it.

        Args:
            question: As it was asked.
            on_text: Called with each further piece of the answer.
            root: The question before it that it may lean on; empty where there is none.

        Returns:
            The record, and its number in the history.
        """
        from docqa.engine import pipeline
        from docqa.engine.library.record import make_record
        from docqa.engine.question.follow_up import with_context

        settings, narrator = self.settings, self.narrator
        count = pipeline.TokenCount(
            self.retriever, narrator.reading({d.id: d for d in self.documents})
        )
        question = pipeline.checked_question(question)
        read = with_context(question, root)
        if read != question:
            narrator.say(f"Read together with the question before it: {root}")
        answer = pipeline.ask(
            read,
            self.documents,
            self.retriever,
            self.generator,
            n_words=settings.word_limit,
            top_k=settings.sentence_limit,
            hops=settings.hop_limit,
            on_progress=count,
            on_evidence=lambda *_: narrator.asking(self.generator.model),
            on_text=on_text,
        )
        narrator.clear()
        record = make_record(
            replace(answer, question=question),
            self.documents,
            n_tokens=count.n_tokens,
            model=self.generator.model,
            strategy=settings.strategy,
            ingest_seconds=self.ingest_seconds,
            total_seconds=time.perf_counter() - self.started,
        )
        number = self.store.add_record(record)
        self.ingest_seconds, self.started = 0.0, time.perf_counter()
        return record, number


@contextmanager
def open_answering(
    settings: Settings, references: Sequence[str], narrator: Narrator, password: str | None
) -> Iterator[Answering]:
    """Open all that questions need, in the order in which something can be missing."""
    started = time.perf_counter()
    generator = open_generator(settings, on_step=narrator.writing)
    generator.check()  # a missing model is said before a long document is read
    with open_library(settings) as store:
        documents = open_documents(references, store, narrator, password)
        ingest_seconds = time.perf_counter() - started
        retriever, _ = load_models(settings, store, generator=generator)
        yield Answering(
            settings, store, documents, retriever, generator, narrator, ingest_seconds, started
        )
