"""The terminal application: `docqa` without a command."""

from __future__ import annotations

import gc
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from docqa.app.tui.clean_lines import CleanLines
from docqa.app.tui.guarded import GuardedApp, run_guarded
from docqa.app.tui.keymap import parse_keymap
from docqa.app.tui.session_log import SessionLog, open_session_log
from docqa.app.tui.settings_changed import SettingsChanged
from docqa.app.tui.terminal_images import prepare_images
from docqa.app.tui.themes import native_colours, use_theme
from docqa.app.tui.widgets.skeleton import Skeleton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.command import Provider
    from textual.filter import LineFilter

    from docqa.app.config import Settings
    from docqa.app.jobs.process import EngineProcess


def _commands() -> type[Provider]:
    from docqa.app.tui.palette import DocqaCommands

    return DocqaCommands


class DocqaApp(GuardedApp):
    """A library, a conversation and a document beside each other.

    Its frames stand at once; what goes into them is imported while they are looked at.
    """

    TITLE = "docqa"
    CSS_PATH = str(files("docqa.assets").joinpath("docqa.tcss"))
    COMMANDS: ClassVar[set[Any]] = {_commands}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", id="quit", priority=True),
        Binding("f1,question_mark", "help", "Help", id="help"),
        Binding("f2,ctrl+t", "settings", "Settings", id="settings", priority=True),
        Binding("ctrl+l", "log", "Log", id="log", show=False, priority=True),
    ]

    def __init__(
        self,
        settings: Settings,
        session_log: SessionLog | None = None,
        engine: EngineProcess | None = None,
    ) -> None:
        """An app that has not started.

        Args:
            settings: What it runs with.
            session_log: Where it notes what happens; None = only in memory.
            engine: A process to ask, closed by somebody else; None = one of its own.
        """
        super().__init__(ansi_color=native_colours())
        self.settings = settings
        self.session_log = session_log or SessionLog()
        self._engine = engine
        self._early_keys: list[events.Key] | None = []
        self._clean_lines = CleanLines()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through on its way to the terminal."""
        return [*super().get_line_filters(), self._clean_lines]

    def compose(self) -> ComposeResult:
        yield Skeleton()

    def on_mount(self) -> None:
        """Dress, then show the main screen."""
        complaint = use_theme(self, self.settings.theme)
        if complaint:
            self.notify(complaint, severity="warning", markup=False)
        self.session_log.info(f"docqa opened, theme {self.theme}")
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        from docqa.app.tui.screens.main import MainScreen

        self.push_screen(MainScreen(self.settings, self.session_log, self._engine))
        self.use_keymap(self.settings.keymap)
        self._name_server()
        self.call_after_refresh(self._press_early_keys)

    def on_key(self, event: events.Key) -> None:
        """Keep what is typed while there are only frames."""
        if self._early_keys is not None:
            self._early_keys.append(event)

    def _press_early_keys(self) -> None:
        early, self._early_keys = self._early_keys or [], None
        for event in early:
            self.post_message(events.Key(event.key, event.character))
        if not self.is_headless:
            # What is loaded by now stays: without this the collector walks through all modules
            # in the middle of scrolling, for 80 to 200 ms.
            self.call_after_refresh(gc.freeze)

    def _name_server(self) -> None:
        """Say which server is asked, where a file of this folder decides it."""
        from docqa.app.session import server_notice

        notice = server_notice(self.settings)
        if notice:
            self.notify(notice, severity="warning", markup=False)

    def use_keymap(self, setting: str) -> None:
        """Take the reader's keys, and say which of their names mean nothing."""
        from docqa.app.tui.key_sections import action_names

        keymap = parse_keymap(setting)
        self.set_keymap(keymap)
        unknown = sorted(set(keymap) - action_names()) if keymap else []
        if unknown:
            self.notify(
                f"The setting keymap names actions that do not exist: {', '.join(unknown)}. "
                "F1 shows the names.",
                severity="warning",
                markup=False,
            )

    def action_help(self) -> None:
        """Show the keys of the screen."""
        from docqa.app.tui.key_sections import key_sections
        from docqa.app.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(key_sections(self.screen)))

    def action_log(self) -> None:
        """Show what happened."""
        from docqa.app.tui.screens.log import LogScreen

        self.push_screen(LogScreen(self.session_log, self.debug_info))

    def action_settings(self) -> None:
        """Change the settings; the main screen takes the new ones."""
        from docqa.app.tui.screens.settings import SettingsScreen

        self.push_screen(SettingsScreen(self.settings), self.use_settings)

    def use_settings(self, settings: Settings | None) -> None:
        """Run with other settings from now on; None = nothing was changed."""
        if settings is None:
            return
        self.settings = settings
        use_theme(self, settings.theme)
        self.use_keymap(settings.keymap)
        self._name_server()
        self.session_log.info("settings changed")
        self.screen.post_message(SettingsChanged(settings))

    def debug_info(self) -> str:
        """What a report of a fault needs."""
        from docqa.app.tui.debug_info import debug_info

        size, colours = self.size, self.console.color_system
        seen = {"size": f"{size.width}x{size.height}", "colours": colours, "theme": self.theme}
        return debug_info(self.settings, self.session_log, seen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Open no dialog of the app over an open one, nor before there is anything."""
        if action in ("help", "log", "settings"):
            return self._early_keys is None and not isinstance(self.screen, ModalScreen)
        return True


def run_app(settings: Settings) -> int:
    """Run the application until it is quit.

    Returns:
        The exit code.
    """
    log = open_session_log()
    prepare_images()
    try:
        return run_guarded(DocqaApp(settings, log))
    finally:
        log.close()
