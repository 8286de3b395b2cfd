"""Every export goes through here: what, in which format, to which file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from docqa.engine.errors import ConfigError, ExportError
from docqa.engine.exports.files import check_target, write_text
from docqa.engine.exports.highlights import highlights_of
from docqa.engine.exports.markdown import questions_markdown
from docqa.engine.exports.questions import ExportedQuestion, evidence_documents
from docqa.engine.exports.record_json import questions_json
from docqa.engine.library.record import RecordedDocument
from docqa.engine.library.source_file import original_bytes
from docqa.engine.types import Document

LoadDocument = Callable[[str], Document | None]
"""The document of an id, if the library still has it."""


class ExportFormat(StrEnum):
    """What an export is."""

    MARKDOWN = "md"
    JSON = "json"
    PDF = "pdf"
    """A copy of the document with the evidence highlighted."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was exported."""

    path: Path
    summary: str
    """For a person, one sentence."""
    warning: str = ""


def export_text(questions: Sequence[ExportedQuestion], form: ExportFormat, title: str = "") -> str:
    """Questions as Markdown or JSON."""
    if form is ExportFormat.JSON:
        return questions_json(questions)
    return questions_markdown(questions, title)


def export_file(
    questions: Sequence[ExportedQuestion],
    form: ExportFormat,
    out: Path,
    *,
    load: LoadDocument,
    reference: str = "",
    title: str = "",
    password: str | None = None,
    overwrite: bool = False,
) -> Written:
    """Write questions to a file.

    Args:
        questions: In the order they are to be read.
        form: As what.
        out: The file.
        load: Finds a document in the library.
        reference: For a PDF: id or title of the document, where there are several.
        title: Of a conversation.
        password: Opens an encrypted PDF.
        overwrite: Whether a file at `out` may be replaced.

    Raises:
        ExportError: When it cannot be written.
        ConfigError: When it is not clear which document is meant.
    """
    check_target(out, overwrite=overwrite)
    if form is not ExportFormat.PDF:
        write_text(out, export_text(questions, form, title), overwrite=overwrite)
        n_questions = "1 question" if len(questions) == 1 else f"{len(questions)} questions"
        return Written(out, f"Wrote {n_questions} to {out}.")
    from docqa.engine.exports.annotated_pdf import annotate_pdf  # loads MuPDF

    chosen = choose_document(questions, reference)
    stored = load(chosen.id)
    path = stored.path if stored is not None else chosen.path
    highlights = highlights_of(questions, chosen.id, stored)
    copy = annotate_pdf(
        original_bytes(path, chosen.title, chosen.id),
        highlights,
        out,
        title=chosen.title,
        password=password,
        overwrite=overwrite,
    )
    n_cited = sum(highlight.cited for highlight in highlights)
    return Written(
        out,
        f"Wrote {out}: {copy.n_highlights} highlights in a copy of {chosen.title}, "
        f"{n_cited} of them cited.",
        _unplaced(copy.unplaced_pages),
    )


def choose_document(questions: Sequence[ExportedQuestion], reference: str) -> RecordedDocument:
    """The document whose PDF is to be marked.

    Raises:
        ExportError: When there is no evidence to mark.
        ConfigError: When none or several fit.
    """
    candidates = evidence_documents(questions)
    if not candidates:
        raise ExportError("There is no evidence to mark.", "Export it as Markdown instead.")
    if not reference:
        fitting = candidates
    else:
        folded = reference.casefold()
        fitting = [
            one
            for one in candidates
            if one.id.startswith(folded) or folded in (one.title.casefold(), one.path)
        ] or [one for one in candidates if folded in one.title.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    named = "; ".join(f"{one.title} ({one.id[:12]})" for one in candidates)
    if not fitting:
        raise ConfigError(f"No evidence is from {reference!r}; it is from: {named}.")
    raise ConfigError(f"The evidence is from {len(fitting)} documents: {named}.", "Choose one.")


def _unplaced(pages: Sequence[int]) -> str:
    if not pages:
        return ""
    named = ", ".join(map(str, sorted(set(pages))))
    return f"{len(pages)} sentences could not be found again on their pages (p. {named})."
