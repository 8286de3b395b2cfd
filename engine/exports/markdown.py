"""An answer or a conversation as Markdown: what was asked, what was said, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from docqa.engine.exports.control_characters import clean
from docqa.engine.exports.highlights import N_CLOSEST
from docqa.engine.exports.questions import ExportedQuestion, documents_of
from docqa.engine.ingest.sentences import CELL_SEPARATOR
from docqa.engine.library.record import Record, RecordedDocument, RecordedEvidence

_MARKS = re.compile(r"([\\`*_\[\]<>|~$])")
_LINE_MARKS = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)]))", re.MULTILINE)
_ACTIVE = r"<(?=[A-Za-z/!?])|!(?=\[)|\](?=[(:])"
"""What would load, run or lead somewhere when a model wrote it: HTML, images and links."""
_ESCAPED = r"\\[!-/:-@\[-`{-~]"
"""A mark with a backslash before it is text already; with another one it would be none."""
_SPACE = re.compile(r"\s+")


def questions_markdown(questions: Sequence[ExportedQuestion], title: str = "") -> str:
    """Markdown of one question, or of several as a conversation.

    Args:
        questions: In the order they are to be read.
        title: Of a conversation; empty = named after its documents.
    """
    if len(questions) == 1 and not title:
        return clean("\n".join(_question(questions[0], level=1))) + "\n"
    titles = ", ".join(document.title for document in documents_of(questions))
    lines = [f"# {escaped(title or f'Questions about {titles}')}", ""]
    for question in questions:
        lines += [*_question(question, level=2), ""]
    return clean("\n".join(lines))


def _question(question: ExportedQuestion, level: int) -> Iterator[str]:
    record = question.record
    yield f"{'#' * level} {escaped(_line(record.question))}"
    yield ""
    yield f"*{_origin(question)}*"
    yield ""
    if record.abstained:
        yield f"**No answer.** {escaped(record.answer)}"
        yield from _passages("Closest passages", record, record.evidence[:N_CLOSEST], level)
    else:
        yield answer_markdown(record)
        if record.unsupported:
            yield ""
            yield "**Unsupported:** the answer cites none of the evidence."
        yield from _passages("Cited", record, [e for e in record.evidence if e.cited], level)
        rest = [e for e in record.evidence if not e.cited]
        yield from _passages("Also found", record, rest, level)
    yield ""
    yield _foot(record)


def answer_markdown(record: Record) -> str:
    """The answer: a model's Markdown without HTML, images and links, quotations as a list."""
    if record.generator != "extractive":
        return disarmed(record.answer)
    lines = [escaped(line) for line in record.answer.splitlines() if line.strip()]
    return lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)


def disarmed(text: str, active: str = _ACTIVE) -> str:
    """A model's Markdown in which nothing is active: a backslash before what would be.

    Args:
        text: As the model wrote it.
        active: A pattern of what would be.
    """
    return re.sub(
        f"{_ESCAPED}|{active}",
        lambda found: found[0] if found[0].startswith("\\") else f"\\{found[0]}",
        text,
    )


def _passages(
    title: str, record: Record, passages: Sequence[RecordedEvidence], level: int
) -> Iterator[str]:
    """Evidence as paragraphs: numbers of a list would be renumbered, and these are ranks."""
    if not passages:
        return
    yield ""
    yield f"{'#' * (level + 1)} {title}"
    for evidence in passages:
        place = evidence.place
        if len(record.documents) > 1:
            place = f"{escaped(record.title_of(evidence.document_id))}, {place}"
        heading = f" · § {escaped(_line(evidence.heading))}" if evidence.heading else ""
        yield ""
        hop = f" · found by reading {evidence.hop}" if evidence.hop > 1 else ""
        yield f"**\\[{evidence.rank}\\] {place}**{heading} · score {evidence.score:.3f}{hop}"
        yield ""
        yield from (f"> {line}" for line in _evidence_text(evidence))


def _evidence_text(evidence: RecordedEvidence) -> Iterator[str]:
    """A sentence as it is; a table row under the names of its columns."""
    cells = evidence.text.split(CELL_SEPARATOR.strip())
    names = evidence.header.split(CELL_SEPARATOR.strip()) if evidence.header else []
    if len(names) == len(cells) - 1:
        names = ["", *names]
    if len(cells) < 2 or len(names) != len(cells):
        if evidence.header:
            yield f"{escaped(_line(evidence.header))}  "
        yield escaped(_line(evidence.text))
        return
    yield _row(names)
    yield _row(["---", *["---:"] * (len(cells) - 1)], raw=True)
    yield _row(cells)


def _row(cells: Sequence[str], *, raw: bool = False) -> str:
    return f"| {' | '.join(cell if raw else escaped(_line(cell)) for cell in cells)} |"


def _origin(question: ExportedQuestion) -> str:
    record = question.record
    titles = "; ".join(_described(document) for document in record.documents)
    number = "" if question.number is None else f"Question {question.number}, "
    when = "" if question.asked_at is None else f"{question.asked_at[:16].replace('T', ' ')} UTC, "
    asked = f"{number}{when}asked of {titles}."
    return asked[0].upper() + asked[1:]


def _described(document: RecordedDocument) -> str:
    pages = "1 page" if document.n_pages == 1 else f"{document.n_pages:,} pages"
    unread = ", ".join(map(str, document.unread_pages[:10]))
    more = ", …" * (len(document.unread_pages) > 10)
    missing = f"; not read: p. {unread}{more}" if unread else ""
    return f"{escaped(document.title)} ({pages}{missing})"


def _foot(record: Record) -> str:
    reading = record.reading
    checkpoint = f" ({reading.checkpoint} checkpoint)" if reading.checkpoint else ""
    model = f" ({record.model})" if record.model else ""
    further = ", then ".join(f"“{escaped(_line(one))}”" for one in reading.further)
    again = f", again for {further}," if further else ""
    return (
        f"*Read by {escaped(reading.name + checkpoint)} on {escaped(reading.device)}{again} in "
        f"{reading.seconds:.1f} s; answered by {escaped(record.generator + model)}. "
        f"Confidence {record.confidence:.0%}. Pages count from the first of the file.*"
    )


def escaped(text: str) -> str:
    """A text that Markdown shows as it is."""
    return _LINE_MARKS.sub(r"\1\\\2", _MARKS.sub(r"\\\1", text))


def _line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
