"""What stands where answers will stand, before anything was asked."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

SAMPLE_QUESTION = "How much did the purchase of new vessels cost in 2024?"


class Welcome(Vertical):
    """Says what to do first: add a document, or open the sample; then ask."""

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    Welcome {
        height: auto; padding: 1 2;
        Static { height: auto; margin-bottom: 1; }
        Button { display: none; margin-bottom: 1; width: 30; background: $panel; }
        Button:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
        &.-no-document Button { display: block; }
    }
    """

    class SampleAsked(Message):
        """The sample document is to be opened."""

    class AddAsked(Message):
        """Files are to be chosen."""

    def compose(self) -> ComposeResult:
        yield Static(id="welcome-text")
        yield Button("Open the sample document", id="welcome-sample", compact=True)
        yield Button("Add a document of yours", id="welcome-add", compact=True)

    @property
    def first_button(self) -> Button:
        """What a new reader is most likely to want."""
        return self.query_one("#welcome-sample", Button)

    def show(self, n_documents: int, title: str) -> None:
        """Fit the words to the library.

        Args:
            n_documents: How many there are.
            title: Of what is asked; empty = nothing.
        """
        self.set_class(not n_documents, "-no-document")
        self.query_one("#welcome-text", Static).update(self._text(n_documents, title))

    def _text(self, n_documents: int, title: str) -> Content:
        if not n_documents:
            return Content.assemble(
                ("Ask long documents on this machine.\n\n", "bold"),
                "A question is read together with the whole document, and answered from the "
                "sentences that matter, each with its page. Nothing leaves this machine.\n\n",
                "Add a PDF, text or Markdown file: Ctrl+O, or drop it on this window.",
            )
        if not title:
            return Content("Choose a document in the library: Enter asks it, Space asks it too.")
        return Content.assemble(
            ("Ask a question about ", ""),
            (title, "bold"),
            (".\n\nEnter asks, Esc takes the question back while it is read.", ""),
        )

    @on(Button.Pressed, "#welcome-sample")
    def sample(self, event: Button.Pressed) -> None:
        """Open the sample."""
        event.stop()
        self.post_message(self.SampleAsked())

    @on(Button.Pressed, "#welcome-add")
    def add(self, event: Button.Pressed) -> None:
        """Choose files."""
        event.stop()
        self.post_message(self.AddAsked())
