"""The span reader: the few words of the evidence that answer, where there are such words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from docqa.engine.retrievers.retriever import Retriever
    from docqa.engine.types import Document, Evidence


@dataclass(frozen=True, slots=True)
class AnswerSpan:
    """The words of one evidence sentence that answer."""

    evidence: Evidence
    start: int
    """First character, counted in the text of the sentence."""
    end: int
    """One past the last."""
    confidence: float
    """Probability in [0, 1] that these words answer, rather than the whole sentence."""

    def text(self, documents: Mapping[str, Document]) -> str:
        """The words, verbatim."""
        document = documents[self.evidence.document_id]
        return document.sentence_text(self.evidence.sentence_id)[self.start : self.end]


@runtime_checkable
class SpanReader(Protocol):
    """Finds the words that answer in sentences that a retriever found."""

    def find(
        self, question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
    ) -> AnswerSpan | None:
        """The words that answer; None where the sentences answer as a whole or not at all.

        Args:
            question: As the user wrote it.
            documents: By id; at least those that the evidence names.
            evidence: What may answer, best first.
        """
        ...

    def answers(
        self, question: str, document: Document, sentence_ids: Sequence[int]
    ) -> list[float]:
        """Logits that sentences answer, by some of their words or as a whole.

        Args:
            question: As the user wrote it.
            document: Whose sentences they are.
            sentence_ids: Which to read.
        """
        ...


def reader_of(retriever: Retriever) -> SpanReader | None:
    """The reader that a retriever's checkpoint carries, if it carries one."""
    reader: SpanReader | None = getattr(retriever, "span_reader", None)
    return reader
