"""Asks for the password of an encrypted PDF."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class PasswordScreen(ModalScreen[str | None]):
    """Gives back what was typed, or None. It is kept nowhere."""

    DEFAULT_CSS = """
    PasswordScreen {
        align: center middle;
        #password-box {
            width: 64; max-width: 96%; height: auto;
            background: $surface; border: round $border; padding: 1 2;
            border-title-color: $text-accent; border-subtitle-color: $text-muted;
        }
        #password-why { height: auto; margin-bottom: 1; }
        Input { border: none; height: 1; padding: 0 1; background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="password.cancel"),
    ]

    def __init__(self, name: str, why: str) -> None:
        """Ask for the password of a file.

        Args:
            name: Of the file.
            why: What happened when it was opened without, or with another.
        """
        super().__init__()
        self._file_name = name
        self._why = why

    def compose(self) -> ComposeResult:
        with Vertical(id="password-box") as box:
            box.border_title = "Password"
            box.border_subtitle = "Enter opens · Esc cancels · it is not kept"
            yield Static(Content(self._why), id="password-why")
            yield Input(password=True, placeholder=f"Password of {self._file_name}")

    @on(Input.Submitted)
    def given(self, event: Input.Submitted) -> None:
        """Try it."""
        if event.value:
            self.dismiss(event.value)
