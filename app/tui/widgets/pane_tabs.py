"""Names of the panes, where there is room for one only."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

PANES = ("library", "conversation", "document")


class PaneTabs(Widget):
    """A line with the names; the one that is shown stands out, a click shows another."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PaneTabs { height: 1; display: none; background: $panel; }
    """

    current: reactive[str] = reactive("conversation")

    @dataclass
    class Chosen(Message):
        """A pane is to be shown."""

        name: str

    def render(self) -> Content:
        """The names, and the key that goes through them."""
        parts: list[tuple[str, str]] = []
        for name in PANES:
            style = "bold $text-accent reverse" if name == self.current else "dim"
            parts.append((f" {name.capitalize()} ", style))
        hint = "Tab "
        gap = self.size.width - sum(len(text) for text, _ in parts) - len(hint)
        return Content.assemble(*parts, " " * max(gap, 0), (hint, "dim"))

    def on_click(self, event: events.Click) -> None:
        """Show the pane whose name was clicked."""
        end = 0
        for name in PANES:
            end += len(name) + 2
            if event.x < end:
                self.post_message(self.Chosen(name))
                return
