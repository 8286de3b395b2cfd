"""The main screen: library, conversation and document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer, Static

if TYPE_CHECKING:
    from docqa.app.config import Settings
    from docqa.app.session_log import SessionLog


class MainScreen(Screen[None]):
    """Three panes."""

    def __init__(self, settings: Settings, session_log: SessionLog) -> None:
        super().__init__()
        self.settings = settings
        self.session_log = session_log

    def compose(self) -> ComposeResult:
        with Horizontal(id="panes"):
            yield Static("Library", id="library")
            yield Static("Conversation", id="conversation")
            yield Static("Document", id="document")
        yield Footer()
