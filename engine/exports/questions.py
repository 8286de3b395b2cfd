"""What is exported: questions as the history keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docqa.engine.library.record import Record, RecordedDocument


@dataclass(frozen=True, slots=True)
class ExportedQuestion:
    """A question with its answer, and where it stands in the history."""

    record: Record
    number: int | None = None
    """In the history; None before it is kept."""
    asked_at: str | None = None
    """UTC, ISO 8601."""


def documents_of(questions: Sequence[ExportedQuestion]) -> list[RecordedDocument]:
    """Every document the questions were asked of, once, in the order they came up."""
    documents = (document for one in questions for document in one.record.documents)
    return list({document.id: document for document in documents}.values())


def evidence_documents(questions: Sequence[ExportedQuestion]) -> list[RecordedDocument]:
    """Those of them that the answers have evidence from."""
    with_evidence = {e.document_id for one in questions for e in one.record.evidence}
    return [document for document in documents_of(questions) if document.id in with_evidence]
