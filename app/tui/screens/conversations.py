"""Lists earlier conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from docqa.app.terminal import one_line
from docqa.engine.library.history import Conversation


class ConversationsScreen(ModalScreen[int | None]):
    """Gives back the conversation to go on with."""

    DEFAULT_CSS = """
    ConversationsScreen {
        align: center middle;
        #talks-box {
            width: 90; max-width: 96%; height: 80%;
            background: $surface; border: round $border;
            border-title-color: $text-accent; border-subtitle-color: $text-muted;
        }
        Input { border: none; height: 1; margin: 1 1; padding: 0 1; background: $panel; }
        OptionList { height: 1fr; border: none; background: $surface; &:focus { border: none; } }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", id="conversations.close"),
        Binding("down", "to_list", "To the list", show=False),
    ]

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        """Offer conversations, the last one first."""
        super().__init__()
        self._all = tuple(conversations)
        self._shown: list[Conversation] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="talks-box") as box:
            box.border_title = "Conversations"
            box.border_subtitle = "Enter goes on with one · Esc closes"
            yield Input(placeholder="Type words of the first question")
            yield OptionList(markup=False)

    def on_mount(self) -> None:
        """Show all."""
        self._show("")

    @on(Input.Changed)
    def filter(self, event: Input.Changed) -> None:
        """Show those with the words."""
        self._show(event.value)

    @on(Input.Submitted)
    def first(self) -> None:
        """Take the first."""
        if self._shown:
            self.dismiss(self._shown[0].id)

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Take one."""
        self.dismiss(self._shown[event.option_index].id)

    def action_to_list(self) -> None:
        """From the words to the list."""
        self.query_one(OptionList).focus()

    def _show(self, words: str) -> None:
        wanted = words.casefold().split()
        self._shown = [
            one for one in self._all if all(w in one.first_question.casefold() for w in wanted)
        ]
        self.query_one(OptionList).set_options(Option(_line(one)) for one in self._shown)


def _line(one: Conversation) -> Content:
    count = "1 question" if one.n_questions == 1 else f"{one.n_questions:,} questions"
    return Content.assemble(
        (f"{one.started_at[:10]}  ", "dim"),
        one_line(one.first_question),
        (f"  {count}", "dim"),
    )
