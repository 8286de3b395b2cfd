"""Take away: an answer or a conversation, as Markdown, JSON or highlights in a copy of the PDF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Input, Label, RadioButton, RadioSet, Select, Static

from docqa.app.terminal import fit, one_line
from docqa.engine.errors import DocqaError
from docqa.engine.exports.questions import ExportedQuestion, evidence_documents
from docqa.engine.exports.write import ExportFormat, Written, export_file
from docqa.engine.library.record import RecordedDocument
from docqa.engine.paths import exists, expand, is_file

FORMATS = {
    ExportFormat.MARKDOWN: "Markdown, to read",
    ExportFormat.JSON: "JSON, for programs",
    ExportFormat.PDF: "PDF: a copy with the evidence highlighted",
}
N_NAME_CHARS = 60
"""Most characters of a file name that is proposed."""


class Choice(RadioButton):
    """A radio button that shows without colours whether it is chosen."""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]
        return "●" if self.value else " "


class Tick(Checkbox):
    """A check box that shows without colours whether it is ticked."""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]
        return "X" if self.value else " "


class ExportScreen(ModalScreen[Written | None]):
    """Asks what, in which format and where; writes the file, and closes with what was written."""

    DEFAULT_CSS = """
    ExportScreen {
        align: center middle;
        & > Vertical {
            width: 76; max-width: 100%; height: auto; max-height: 100%;
            background: $surface; border: round $border; padding: 0 1;
            border-title-color: $text-primary;
        }
        & VerticalScroll { height: auto; }
        & .name { color: $text-muted; margin: 1 0 0 0; }
        & RadioSet { border: none; padding: 0; background: transparent; width: 1fr; }
        & Input { background: $panel; }
        & #error { color: $text-error; height: auto; display: none; margin: 1 0 0 0; }
        & #replace, & #password, & #document { display: none; margin: 1 0 0 0; }
        & .-shown { display: block !important; }
        & Horizontal { height: auto; margin: 1 0 0 0; align-horizontal: right; }
        & Button { margin: 0 0 0 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="export.cancel"),
        Binding("ctrl+s", "export", "Export", id="export.write", priority=True),
    ]

    class Finished(Message):
        """The file was written, or not and why."""

        def __init__(self, written: Written | None, error: str, locked: bool) -> None:
            super().__init__()
            self.written = written
            self.error = error
            self.locked = locked

    def __init__(
        self,
        questions: Sequence[ExportedQuestion],
        library: Path,
        *,
        chosen: int | None = None,
        title: str = "",
        folder: Path | None = None,
    ) -> None:
        """A screen for a conversation.

        Args:
            questions: All of the conversation that have an answer, in order; at least one.
            library: The library's file, to look the documents up in.
            chosen: Index of the answer that was looked at; None = the last.
            title: Of the conversation.
            folder: Where the file goes unless another is named; None = the current folder.
        """
        super().__init__()
        if not questions:
            raise ValueError("there is nothing to export")
        self._questions = tuple(questions)
        self._chosen = len(questions) - 1 if chosen is None else chosen
        self._library = library
        self._title = title
        self._folder = folder or Path.cwd()
        self._proposed = ""
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Export"
            with VerticalScroll(can_focus=False):
                yield Label("What", classes="name")
                with RadioSet(id="what", compact=True):
                    question = self._questions[self._chosen].record.question
                    yield Choice(self._label(f"This answer: {question}"), value=True)
                    if len(self._questions) > 1:
                        yield Choice(f"The conversation: {len(self._questions)} answers")
                yield Label("As", classes="name")
                with RadioSet(id="format", compact=True):
                    for form, label in FORMATS.items():
                        yield Choice(label, value=form is ExportFormat.MARKDOWN)
                yield Select[str]([], prompt="Which document?", id="document", compact=True)
                yield Label("Where", classes="name")
                yield Input(id="path", compact=True)
                yield Tick("Replace the file that is there", id="replace", compact=True)
                yield Input(
                    placeholder="Password of the PDF", password=True, id="password", compact=True
                )
                yield Static(id="error", markup=False)
            with Horizontal():
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Export", variant="primary", id="write", compact=True)

    def on_mount(self) -> None:
        self._propose()
        self.query_one("#format", RadioSet).focus()

    @staticmethod
    def _label(text: str) -> Content:
        return Content(fit(one_line(text), 66))

    # What was chosen

    @property
    def chosen_questions(self) -> tuple[ExportedQuestion, ...]:
        """The questions to export."""
        if self.query_one("#what", RadioSet).pressed_index == 1:
            return self._questions
        return (self._questions[self._chosen],)

    @property
    def chosen_format(self) -> ExportFormat:
        return list(FORMATS)[max(self.query_one("#format", RadioSet).pressed_index, 0)]

    @property
    def path(self) -> Path:
        """Where to; a bare name is in the proposed folder."""
        path = expand(self.query_one("#path", Input).value.strip())
        return path if path.is_absolute() else self._folder / path

    @on(RadioSet.Changed)
    def _on_choice(self) -> None:
        self._show_error("")
        self._propose()
        self._offer_documents()

    def _propose(self) -> None:
        """Propose a name, or give the one that was typed the ending of the format."""
        field = self.query_one("#path", Input)
        suffix = f".{self.chosen_format}"
        if field.value in ("", self._proposed):
            self._proposed = str(_unused(self._folder / (self._file_stem() + suffix)))
            field.value = self._proposed
            field.cursor_position = len(field.value)
        elif (path := Path(field.value)).name:
            field.value = str(path.with_suffix(suffix))

    def _file_stem(self) -> str:
        """A file name: the document's, and for one answer the question's first words."""
        questions = self.chosen_questions
        document = questions[0].record.documents[0].title if questions[0].record.documents else ""
        words = document if len(questions) > 1 else f"{document} {questions[0].record.question}"
        name = re.sub(r"[^\w]+", "-", one_line(words).lower()).strip("-")
        return name[:N_NAME_CHARS].rstrip("-") or "answer"

    def _offer_documents(self) -> None:
        """Ask for a document where a PDF could be that of several."""
        select = self.query_one("#document", Select)
        documents = self._pdf_documents()
        needed = self.chosen_format is ExportFormat.PDF and len(documents) > 1
        select.set_class(needed, "-shown")
        if needed:
            select.set_options([(Text(fit(one_line(d.title), 66)), d.id) for d in documents])
            select.value = documents[0].id

    def _pdf_documents(self) -> list[RecordedDocument]:
        documents = evidence_documents(self.chosen_questions)
        return [d for d in documents if d.path and d.path.lower().endswith(".pdf")]

    @on(Input.Changed, "#path")
    def _on_path(self) -> None:
        is_there = is_file(self.path)
        self.query_one("#replace").set_class(is_there, "-shown")
        if not is_there:
            self.query_one("#replace", Checkbox).value = False

    # Writing

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Close without a file."""
        self.dismiss(None)

    @on(Input.Submitted)
    @on(Button.Pressed, "#write")
    def action_export(self) -> None:
        """Write the file."""
        if self._busy:
            return
        if not self.query_one("#path", Input).value.strip():
            self._show_error("Name a file.")
            return
        select = self.query_one("#document", Select)
        self._busy = True
        self._show_error("")
        self._write(
            self.chosen_questions,
            self.chosen_format,
            self.path,
            str(select.value) if select.has_class("-shown") else "",
            self.query_one("#password", Input).value or None,
            self.query_one("#replace", Checkbox).value,
        )

    @work(thread=True, exit_on_error=False, group="export")
    def _write(
        self,
        questions: tuple[ExportedQuestion, ...],
        form: ExportFormat,
        path: Path,
        reference: str,
        password: str | None,
        overwrite: bool,
    ) -> None:
        from docqa.engine.library.source_file import load_kept
        from docqa.engine.library.store import Store

        try:
            with Store(self._library) as store:
                written = export_file(
                    questions,
                    form,
                    path,
                    load=lambda document_id: load_kept(store, document_id),
                    reference=reference,
                    title=self._title if len(questions) > 1 else "",
                    password=password,
                    overwrite=overwrite,
                )
        except DocqaError as error:
            locked = "password" in error.message
            self.post_message(self.Finished(None, str(error), locked))
        else:
            self.post_message(self.Finished(written, "", False))

    def on_export_screen_finished(self, event: Finished) -> None:
        """Close with the file, or say why there is none."""
        self._busy = False
        if event.written is not None:
            self.notify(event.written.summary, markup=False)
            if event.written.warning:
                self.notify(event.written.warning, severity="warning", markup=False)
            self.dismiss(event.written)
            return
        self._show_error(event.error)
        self._on_path()
        if event.locked:
            password = self.query_one("#password", Input)
            password.add_class("-shown")
            password.focus()

    def _show_error(self, error: str) -> None:
        shown = self.query_one("#error", Static)
        shown.update(error)
        shown.set_class(bool(error), "-shown")


def _unused(path: Path) -> Path:
    """A path at which there is nothing: `name.md`, `name-2.md`, …"""
    found, number = path, 1
    while exists(found):
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found
