"""The evidence of questions as marks to make in a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docqa.engine.exports.questions import ExportedQuestion
from docqa.engine.library.record import Record, RecordedEvidence
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
    """One highlight a sentence, however many of the questions found it; two over a page break.

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
    return [one for place in sorted(found) for one in _highlights(found[place], document)]


def _worth_marking(record: Record) -> Sequence[RecordedEvidence]:
    """The evidence; of a question without an answer, the closest passages only."""
    return record.evidence[:N_CLOSEST] if record.abstained else record.evidence


def _highlights(
    finds: Sequence[tuple[ExportedQuestion, RecordedEvidence]], document: Document | None
) -> Iterator[Highlight]:
    """What is marked of a sentence on each of its pages."""
    question, evidence = finds[0]
    boxes = _boxes(evidence, document)
    for page, text in evidence.parts:
        yield Highlight(
            page=page,
            text=text,
            box=boxes.get(page),
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


def _boxes(evidence: RecordedEvidence, document: Document | None) -> dict[int, Box | None]:
    """The sentence's box by page, if the library still cuts it as it did for the question."""
    if document is None or evidence.sentence_id >= len(document.sentences):
        return {}
    sentence = document.sentences[evidence.sentence_id]
    place = (sentence.page, sentence.start, sentence.end)
    if place != (evidence.page, evidence.start, evidence.end):
        return {}
    return {part.page: part.box for part in sentence.parts}
