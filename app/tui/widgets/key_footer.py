"""The keys of the moment, below everything."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer


class KeyFooter(Footer):
    """Textual's footer whose key for help keeps its place where the others do not all fit."""

    DEFAULT_CSS = """
    KeyFooter .-help { dock: right; background: $footer-background; }
    """

    def compose(self) -> ComposeResult:
        for key in super().compose():
            key.set_class(getattr(key, "action", "") == "help", "-help")
            yield key
