"""The help screen: every key there is, found by typing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from docqa.app.tui.key_sections import KeyRow, KeySection

KEYS_WIDTH = 18
NAME_FROM_WIDTH = 90
"""Narrower terminals do not show the names for the setting `keymap`."""


class HelpScreen(ModalScreen[None]):
    """Lists what can be done on the screen it was opened from."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        #help-box {
            width: 96; max-width: 96%; height: 90%;
            background: $surface; border: round $border; padding: 0 1;
            border-title-color: $text-accent; border-subtitle-color: $text-muted;
        }
        #help-filter { border: none; height: 1; margin: 1 1; padding: 0 1; background: $panel; }
        #help-keys { height: 1fr; scrollbar-size-vertical: 1; }
        .help-title { color: $text-accent; text-style: bold; padding: 0 1; }
        .help-about { color: $text-muted; padding: 0 1; }
        .help-rows { padding: 0 1 1 1; }
        #help-none { color: $text-muted; padding: 1; display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="help.close"),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", show=False),
        Binding("pagedown", "scroll(10)", "Page down", show=False),
    ]

    def __init__(self, sections: Sequence[KeySection]) -> None:
        """Show what `key_sections` found on the screen below."""
        super().__init__()
        self.sections = tuple(sections)
        descriptions = (row.description for section in sections for row in section.rows)
        self.widest = max(map(len, descriptions), default=0)

    def compose(self) -> ComposeResult:
        with Vertical(id="help-box") as box:
            box.border_title = "Help"
            box.border_subtitle = "Esc closes · names are for the setting keymap"
            yield Input(placeholder="Type to find a key or an action", id="help-filter")
            with VerticalScroll(id="help-keys", can_focus=False):
                for number, section in enumerate(self.sections):
                    with Vertical(id=f"help-section-{number}") as part:
                        part.styles.height = "auto"
                        yield Static(Content(section.title), classes="help-title")
                        if section.help:
                            yield Static(Content(section.help), classes="help-about")
                        yield Static(self._table(section.rows), classes="help-rows")
                yield Static("No key or action with these words.", id="help-none")

    @on(Input.Changed, "#help-filter")
    def filter_rows(self, event: Input.Changed) -> None:
        """Show the rows with all the words that were typed."""
        words = event.value.lower().split()
        n_shown = 0
        for number, section in enumerate(self.sections):
            rows = [row for row in section.rows if _fits(row, section, words)]
            part = self.query_one(f"#help-section-{number}")
            part.display = bool(rows)
            part.query_one(".help-rows", Static).update(self._table(rows))
            n_shown += len(rows)
        self.query_one("#help-none").display = not n_shown

    def on_resize(self) -> None:
        """Show the names where there is room."""
        self.filter_rows(Input.Changed(self.query_one(Input), self.query_one(Input).value))

    def action_scroll(self, n_lines: int) -> None:
        """Scroll while the cursor stays in the filter."""
        self.query_one("#help-keys").scroll_relative(y=n_lines, animate=False)

    def _table(self, rows: Sequence[KeyRow]) -> Content:
        with_names = self.app.size.width >= NAME_FROM_WIDTH
        lines = []
        for row in rows:
            keys = "  ".join(row.keys)
            parts: list[str | tuple[str, str]] = [
                (f"{keys:<{KEYS_WIDTH}}", "bold $text-primary"),
                f" {row.description:<{self.widest}}",
            ]
            if with_names and row.id:
                parts.append((f"   {row.id}", "dim"))
            lines.append(Content.assemble(*parts))
        return Content("\n").join(lines)


def _fits(row: KeyRow, section: KeySection, words: list[str]) -> bool:
    haystack = " ".join([*row.keys, row.description, row.id, section.title]).lower()
    return all(word in haystack for word in words)
