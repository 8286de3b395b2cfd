"""The three panes beside each other, and the keys that make them wider or narrower."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from docqa.app.tui.pane_sizes import PaneSizes, load_sizes, save_sizes

STEP = 0.05


class Panes(Horizontal):
    """Library, conversation and document; their widths are kept for the next start."""

    HELP_TITLE = "Panes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "toggle_library", "Hide or show the library", show=False, id="panes.library"),
        Binding(
            "alt+left", f"move_border({STEP})", "Wider document", show=False, id="panes.document"
        ),
        Binding(
            "alt+right", f"move_border(-{STEP})", "Wider conversation", show=False, id="panes.talk"
        ),
    ]
    DEFAULT_CSS = """
    Panes.-no-library > #library { display: none; }
    """

    sizes = PaneSizes()

    def on_mount(self) -> None:
        """As wide as last time."""
        self.sizes = load_sizes()
        self._apply()

    def action_move_border(self, by: float) -> None:
        """Move the border between conversation and document."""
        talk, document = (self.query_one(name).size.width for name in ("#talk", "#document"))
        self._set(self.sizes.moved(by, document / max(talk + document, 1)))

    def action_toggle_library(self) -> None:
        """Hide the library, or show it again."""
        self._set(replace(self.sizes, has_library=not self.sizes.has_library))
        if not self.sizes.has_library:
            self.screen.query_one("#question").focus()

    def _set(self, sizes: PaneSizes) -> None:
        if sizes != self.sizes:
            self.sizes = sizes
            self._apply()
            save_sizes(sizes)

    def _apply(self) -> None:
        self.set_class(not self.sizes.has_library, "-no-library")
        share = self.sizes.document_share
        if share is not None:
            self.query_one("#document").styles.width = f"{share / (1 - share):.3f}fr"
