"""The evidence of questions as marks to make in a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docqa.engine.exports.questions import ExportedQuestion
from docqa.engine.record import Record, RecordedEvidence
from docqa.engine.types import Box, Document

N_CLOSEST = 5
"""Passages shown where the answer is that the documents do not say."""


@dataclass(frozen=True, slots=True)
class Highlight:
    """A sentence to mark, with what is noted there."""

    page: int
    text: str
    box: Box | None
    """Where it stands on the page as shown; None when only its text is known."""
    cited: bool
    """Whether an answer cites it, or was only given it."""
    subject: str
    note: str


def highlights_of(
    questions: Sequence[ExportedQuestion], document_id: str, document: Document | None
) -> list[Highlight]:
    """One highlight a sentence, however many of the questions found it.

    Args:
        questions: Whose evidence is marked.
        document_id: Of the document to mark.
        document: As the library holds it; None when it left the library.
    """
    found: dict[tuple[int, int, int], list[tuple[ExportedQuestion, RecordedEvidence]]] = {}
    for question in questions:
        for evidence in _worth_marking(question.record):
            if evidence.document_id == document_id:
                place = (evidence.page, evidence.start, evidence.end)
                found.setdefault(place, []).append((question, evidence))
    return [_highlight(found[place], document) for place in sorted(found)]


def _worth_marking(record: Record) -> Sequence[RecordedEvidence]:
    """The evidence; of a question without an answer, the closest passages only."""
    return record.evidence[:N_CLOSEST] if record.abstained else record.evidence


def _highlight(
    finds: Sequence[tuple[ExportedQuestion, RecordedEvidence]], document: Document | None
) -> Highlight:
    question, evidence = finds[0]
    return Highlight(
        page=evidence.page,
        text=evidence.text,
        box=_box(evidence, document),
        cited=any(one.cited for _, one in finds),
        subject=f"Evidence {evidence.rank}: {question.record.question}",
        note="\n\n".join(_note(*find) for find in finds),
    )


def _note(question: ExportedQuestion, evidence: RecordedEvidence) -> str:
    n_evidence = len(question.record.evidence)
    cited = "cited in the answer" if evidence.cited else "not cited"
    hop = f", found by reading {evidence.hop}" if evidence.hop > 1 else ""
    return (
        f"Question: {question.record.question}\n"
        f"Evidence {evidence.rank} of {n_evidence} (score {evidence.score:.3f}){hop}, {cited}."
    )


def _box(evidence: RecordedEvidence, document: Document | None) -> Box | None:
    """The box of the sentence, if the library still cuts it as it did for the question."""
    if document is None or evidence.sentence_id >= len(document.sentences):
        return None
    sentence = document.sentences[evidence.sentence_id]
    place = (sentence.page, sentence.start, sentence.end)
    return sentence.box if place == (evidence.page, evidence.start, evidence.end) else None
