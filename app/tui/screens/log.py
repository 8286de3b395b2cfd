"""The log screen: what happened in this session, and a report of it for whoever helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from docqa.app.tui.clipboard import copy_text
from docqa.app.tui.session_log import Level, LogLine, SessionLog

LOOK_SECONDS = 0.5
MAX_SHOWN = 500
"""Lines on the screen, the last ones; the file has more."""
STYLES = {
    Level.DEBUG: "dim",
    Level.INFO: "$text-primary",
    Level.WARNING: "$text-warning",
    Level.ERROR: "bold $text-error",
}


class LogScreen(ModalScreen[None]):
    """Shows the lines of a session log and follows it."""

    DEFAULT_CSS = """
    LogScreen {
        align: center middle;
        #log-box {
            width: 94%; height: 90%;
            background: $surface; border: round $border;
            border-title-color: $text-accent; border-subtitle-color: $text-muted;
        }
        #log-scroll { padding: 0 1; scrollbar-size-vertical: 1; }
        #log-lines { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="log.close"),
        Binding("w", "only_problems", "Only problems", id="log.problems"),
        Binding("c", "copy", "Copy debug info", id="log.copy"),
    ]

    class Copied(Message):
        """The report should go to the clipboard."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, log: SessionLog, report: Callable[[], str]) -> None:
        """Show a log.

        Args:
            log: Its lines are shown, also those that come while it is open.
            report: Makes the text that `c` copies.
        """
        super().__init__()
        self.session_log = log
        self.report = report
        self.lowest = Level.DEBUG
        self._n_seen = 0

    def compose(self) -> ComposeResult:
        with Vertical(id="log-box") as box:
            box.border_title = "Log"
            place = str(self.session_log.file or "kept in memory only")
            box.border_subtitle = Content(_short(place))
            with VerticalScroll(id="log-scroll"):
                yield Static(id="log-lines")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the screen and follow the log."""
        self.query_one("#log-scroll").focus()
        self._show()
        self.set_interval(LOOK_SECONDS, self._follow)

    def action_only_problems(self) -> None:
        """Hide what went as it should, or show it again."""
        self.lowest = Level.DEBUG if self.lowest == Level.WARNING else Level.WARNING
        self._show()

    def action_copy(self) -> None:
        """Copy versions, settings and the last lines, for a report of a fault."""
        self.post_message(self.Copied(self.report()))

    @on(Copied)
    def to_clipboard(self, event: Copied) -> None:
        """Put the report on the clipboard and say so."""
        copy_text(self.app, event.text)
        self.notify("Versions, settings and the last lines are on the clipboard.", title="Copied")

    def _follow(self) -> None:
        if self.session_log.n_written != self._n_seen:
            self._show()

    def _show(self) -> None:
        """Draw the last lines; stay at the end unless the reader has scrolled up."""
        self._n_seen = self.session_log.n_written
        shown = [line for line in self.session_log.lines if line.level >= self.lowest]
        scroll = self.query_one("#log-scroll", VerticalScroll)
        at_end = scroll.scroll_offset.y >= scroll.max_scroll_y - 1
        lines = self.query_one("#log-lines", Static)
        if shown:
            lines.update(Content("\n").join(map(_render, shown[-MAX_SHOWN:])))
        else:
            only_problems = self.lowest == Level.WARNING
            lines.update("Nothing has gone wrong." if only_problems else "Nothing yet.")
        if at_end:
            scroll.scroll_end(animate=False)


def _render(line: LogLine) -> Content:
    return Content.assemble(
        (f"{line.at:%H:%M:%S} ", "dim"),
        (f"{line.level.name.lower():<8}", STYLES[line.level]),
        line.text,
    )


def _short(path: str) -> str:
    return path if len(path) <= 70 else "…" + path[-69:]
