"""The frames of the main screen, which stand at once while what goes into them is loaded."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static


class Skeleton(Horizontal):
    """Library, conversation and document without anything in them, where they will stand."""

    DEFAULT_CSS = """
    Skeleton {
        height: 1fr; padding: 0 0 1 0;
        & .frame {
            border: round $border-blurred; border-title-color: $text-muted;
            background: $surface; height: 1fr;
        }
        & #library-frame { width: 28; background: $background; }
        & #talk-frame { width: 1fr; }
        & #question-frame { height: 3; dock: bottom; background: $background; }
        & #document-frame { width: 1fr; }
        &.-wide #library-frame { width: 36; }
        &.-wide #document-frame { width: 1.2fr; }
        &.-narrow #library-frame, &.-narrow #document-frame { display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        width = self.app.size.width
        self.set_class(width < 110, "-narrow")
        self.set_class(width >= 160, "-wide")
        with Static(id="library-frame", classes="frame") as library:
            library.border_title = "Library"
        with Vertical(id="talk-frame"), Static(id="question-frame", classes="frame") as question:
            question.border_title = "Ask"
        yield Static(id="document-frame", classes="frame")
