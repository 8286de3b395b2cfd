"""Where questions are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from docqa.app.tui.pasted_paths import pasted_paths


class QuestionInput(TextArea):
    """A field of a few lines that remembers what was asked."""

    HELP_TITLE = "Question"
    HELP = "Up and down bring back earlier questions. Files dropped here are added to the library."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "Ask", id="question.ask", priority=True),
        Binding("shift+enter,ctrl+j", "newline", "New line", id="question.newline", show=False),
        Binding("up", "earlier", "Earlier question", id="question.earlier", show=False),
        Binding("down", "later", "Later question", id="question.later", show=False),
    ]
    DEFAULT_CSS = """
    QuestionInput {
        height: auto; max-height: 8; border: round $border-blurred; padding: 0 1;
        background: transparent; scrollbar-size-vertical: 1;
        border-title-color: $text-muted; border-subtitle-color: $text-muted;
        &:focus { border: round $border; border-title-color: $text-accent; }
        & .text-area--cursor-line { background: transparent; }
    }
    """

    @dataclass
    class Asked(Message):
        """A question is to be asked."""

        question: str

    class Begun(Message):
        """Somebody begins to write."""

    @dataclass
    class FilesDropped(Message):
        """Files are to be added."""

        paths: list[Path]

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, placeholder="Ask a question")
        self.border_title = "Ask"
        self._earlier: list[str] = []
        self._at = 0
        """Which of the earlier questions is shown; their number = none."""
        self._draft = ""

    def remember(self, questions: Sequence[str]) -> None:
        """Offer earlier questions, the last one last."""
        self._earlier = list(questions)
        self._at = len(self._earlier)

    def put_back(self, question: str) -> None:
        """A question that was not answered, to be changed and asked again."""
        if not self.text.strip():
            self._set(question)

    def action_ask(self) -> None:
        """Ask what is written, letters included that were typed so fast that they still wait."""
        self.call_later(self._ask)

    def _ask(self) -> None:
        question = self.text.strip()
        if paths := pasted_paths(question):  # typed instead of dropped
            self.text = ""
            self.post_message(self.FilesDropped(paths))
        elif question:
            self.post_message(self.Asked(question))

    def taken(self, question: str) -> None:
        """The question was asked: make room for the next."""
        self._earlier = [*(one for one in self._earlier if one != question), question]
        self._at = len(self._earlier)
        self._draft = ""
        if self.text.strip() == question:
            self.text = ""

    def action_newline(self) -> None:
        """Begin a line."""
        self.insert("\n")

    def action_earlier(self) -> None:
        """Up a line; from the first one to the question before."""
        if self.cursor_location[0] > 0:
            self.action_cursor_up()
        elif self._at > 0:
            if self._at == len(self._earlier):
                self._draft = self.text
            self._at -= 1
            self._set(self._earlier[self._at])

    def action_later(self) -> None:
        """Down a line; from the last one to the question after, then to what was being written."""
        if self.cursor_location[0] < self.document.line_count - 1:
            self.action_cursor_down()
        elif self._at < len(self._earlier):
            self._at += 1
            is_draft = self._at == len(self._earlier)
            self._set(self._draft if is_draft else self._earlier[self._at])

    def on_text_area_changed(self) -> None:
        """Tell when writing begins."""
        if self.text:
            self.post_message(self.Begun())

    async def _on_paste(self, event: events.Paste) -> None:
        paths = pasted_paths(event.text)
        if paths:
            event.stop()
            event.prevent_default()
            self.post_message(self.FilesDropped(paths))

    def _set(self, text: str) -> None:
        self.text = text
        self.move_cursor(self.document.end)
