"""The terminal application: `docqa` without a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from docqa.app.guarded import GuardedApp, run_guarded
from docqa.app.keymap import parse_keymap
from docqa.app.palette import DocqaCommands
from docqa.app.screens.main import MainScreen
from docqa.app.session_log import SessionLog, open_session_log
from docqa.app.themes import native_colours, use_theme

if TYPE_CHECKING:
    from docqa.app.config import Settings


class DocqaApp(GuardedApp):
    """A library, a conversation and a document beside each other."""

    TITLE = "docqa"
    COMMANDS = App.COMMANDS | {lambda: DocqaCommands}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", id="quit", priority=True),
        Binding("f1,question_mark", "help", "Help", id="help"),
        Binding("f2,ctrl+t", "settings", "Settings", id="settings", priority=True),
        Binding("ctrl+l", "log", "Log", id="log", show=False, priority=True),
    ]

    def __init__(self, settings: Settings, session_log: SessionLog | None = None) -> None:
        """An app that has not started.

        Args:
            settings: What it runs with.
            session_log: Where it notes what happens; None = only in memory.
        """
        super().__init__(ansi_color=native_colours())
        self.settings = settings
        self.session_log = session_log or SessionLog()

    def on_mount(self) -> None:
        """Dress, then show the main screen."""
        complaint = use_theme(self, self.settings.theme)
        if complaint:
            self.notify(complaint, severity="warning", markup=False)
        self.set_keymap(parse_keymap(self.settings.keymap))
        self.push_screen(MainScreen(self.settings, self.session_log))


def run_app(settings: Settings) -> int:
    """Run the application until it is quit.

    Returns:
        The exit code.
    """
    log = open_session_log()
    try:
        return run_guarded(DocqaApp(settings, log))
    finally:
        log.close()
