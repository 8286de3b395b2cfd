"""The sentences an answer stands on, best first; Enter opens one in its document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from docqa.app.terminal import fit, one_line

N_SHOWN = 3
"""Lines shown where nothing is cited, until more are asked for."""


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """A sentence as the list shows it."""

    document_id: str
    title: str
    sentence_id: int
    page: int
    text: str
    rank: int
    is_cited: bool = False
    hop: int = 1
    """The reading that found it, from 1."""


class EvidenceList(OptionList):
    """Cited sentences, the others behind a last line; `↳` was found by reading on."""

    HELP_TITLE = "Evidence"
    HELP = (
        "Enter opens the sentence in the document; n and p walk through all of them. "
        "↳ was found by reading again for what the first reading named."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open in document", id="evidence.open"),
        Binding("n", "walk(1)", "Next", id="evidence.next"),
        Binding("p", "walk(-1)", "Previous", id="evidence.previous", show=False),
        Binding("up", "cursor_up", "Up", show=False),
        Binding("down", "cursor_down", "Down", show=False),
    ]
    DEFAULT_CSS = """
    EvidenceList {
        height: auto; max-height: 12; border: none; padding: 0 1; margin: 0;
        background: transparent; scrollbar-size-vertical: 1; display: none;
        &.-some { display: block; }
        &:focus { border: none; background: $surface; }
    }
    """

    @dataclass
    class Opened(Message):
        """A sentence is to be shown in its document."""

        evidence_list: EvidenceList
        index: int

    @dataclass
    class LeftUp(Message):
        """The cursor went up from the first line."""

        evidence_list: EvidenceList

    @dataclass
    class LeftDown(Message):
        """The cursor went down from the last line."""

        evidence_list: EvidenceList

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.lines: tuple[EvidenceLine, ...] = ()
        self._is_open = False
        self._is_live = False

    def show(self, lines: Sequence[EvidenceLine], *, is_live: bool = False) -> None:
        """Show evidence, best first.

        Args:
            lines: What was found.
            is_live: More is coming: all are shown, and nothing is behind a last line.
        """
        self.lines = tuple(lines)
        self._is_live = is_live
        self._draw()

    @property
    def shown(self) -> list[int]:
        """Positions in `lines` of what is shown."""
        if self._is_open or self._is_live:
            return list(range(len(self.lines)))
        cited = [number for number, line in enumerate(self.lines) if line.is_cited]
        return cited or list(range(min(N_SHOWN, len(self.lines))))

    def mark(self, document_id: str, sentence_id: int) -> None:
        """Put the cursor on a sentence that is shown elsewhere."""
        for number, index in enumerate(self.shown):
            line = self.lines[index]
            if (line.document_id, line.sentence_id) == (document_id, sentence_id):
                self.highlighted = number

    def on_focus(self) -> None:
        """Begin with the best."""
        if self.highlighted is None and self.option_count:
            self.highlighted = 0

    def on_resize(self) -> None:
        """Lines are cut to the width."""
        self._draw()

    @on(OptionList.OptionSelected)
    def selected(self, event: OptionList.OptionSelected) -> None:
        """Open a sentence, or what is behind the last line."""
        event.stop()
        shown = self.shown
        if event.option_index < len(shown):
            self.post_message(self.Opened(self, shown[event.option_index]))
        else:
            self._is_open = not self._is_open
            self._draw()

    def action_walk(self, by: int) -> None:
        """Open the next or the previous sentence."""
        shown = self.shown
        if shown:
            at = -1 if self.highlighted is None and by > 0 else self.highlighted or 0
            self.highlighted = (at + by) % len(shown)
            self.post_message(self.Opened(self, shown[self.highlighted]))

    def action_cursor_up(self) -> None:
        """Up, out of the list from its first line."""
        if self.highlighted in (None, 0):
            self.post_message(self.LeftUp(self))
        else:
            super().action_cursor_up()

    def action_cursor_down(self) -> None:
        """Down, out of the list from its last line."""
        if self.highlighted is not None and self.highlighted >= self.option_count - 1:
            self.post_message(self.LeftDown(self))
        else:
            super().action_cursor_down()

    def _draw(self) -> None:
        at = self.highlighted
        shown = self.shown
        options = [Option(self._prompt(self.lines[index])) for index in shown]
        n_behind = len(self.lines) - len(shown)
        if n_behind:
            options.append(Option(Content.styled(f"▸ {n_behind:,} more found", "dim")))
        elif self._is_open and not self._is_live:
            options.append(Option(Content.styled("▾ only the best", "dim")))
        self.set_options(options)
        if options and at is not None:
            self.highlighted = min(at, len(options) - 1)
        self.set_class(bool(options), "-some")

    def _prompt(self, line: EvidenceLine) -> Content:
        """One line: rank, page and words."""
        several = len({one.document_id for one in self.lines}) > 1
        place = f"p. {line.page}"
        if several:
            place = f"{fit(one_line(line.title), 18)}, {place}"
        head = f"{line.rank:>2} {place:<6} {'↳ ' if line.hop > 1 else ''}"
        room = max(self.size.width - 1 - len(head), 12)
        return Content.assemble(
            (head, "bold $text-accent" if line.is_cited else "dim"),
            fit(one_line(line.text), room),
        )
