"""The conversation: questions with their answers, the last one at the bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from docqa.app.tui.widgets.evidence_list import EvidenceList

if TYPE_CHECKING:
    from textual.widget import Widget

    from docqa.app.tui.widgets.answer_card import (
        AnswerCard,  # brings Markdown: after the first frame
    )


class Conversation(VerticalScroll, can_focus=False):
    """Cards in the order of asking; it stays at the end unless the reader scrolls up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
    ]
    DEFAULT_CSS = """
    Conversation { padding: 0 1; scrollbar-size-vertical: 1; }
    """

    @property
    def cards(self) -> list[AnswerCard]:
        """All of them, the first asked first."""
        return cast("list[AnswerCard]", list(self.query_children("AnswerCard")))

    async def add(self, card: AnswerCard) -> None:
        """Show a further question."""
        await self.mount(card)
        self.anchor()

    async def restart(self) -> None:
        """Show none."""
        await self.remove_children("AnswerCard")

    @property
    def root(self) -> str:
        """The last question that stands on its own; the next may lean on it."""
        from docqa.engine.question.follow_up import root_of

        return root_of(card.question for card in reversed(self.cards))

    def card_of(self, unanswered_id: int) -> AnswerCard | None:
        """The card of a question that is not answered."""
        return next((card for card in self.cards if card.unanswered_id == unanswered_id), None)

    def last_running(self) -> AnswerCard | None:
        """The question asked last of those that can still be answered."""
        return next((card for card in reversed(self.cards) if card.is_running), None)

    @property
    def stop(self) -> Widget | None:
        """Where the keys go in it: to what can be done with the last question, if anything."""
        for card in reversed(self.cards):
            if card.can_be_asked_again:
                return card.query_one("Button")
            if card.evidence_list.lines:
                return card.evidence_list
        return None

    @on(EvidenceList.LeftUp)
    def to_previous(self, event: EvidenceList.LeftUp) -> None:
        """From the evidence of one answer to that of the answer before."""
        event.stop()
        self._go(event.evidence_list, -1)

    @on(EvidenceList.LeftDown)
    def to_next(self, event: EvidenceList.LeftDown) -> None:
        """From the evidence of one answer to that of the answer after."""
        event.stop()
        self._go(event.evidence_list, 1)

    def _go(self, start: EvidenceList, by: int) -> None:
        lists = [card.evidence_list for card in self.cards if card.evidence_list.lines]
        at = lists.index(start) + by
        if 0 <= at < len(lists):
            lists[at].focus()
            lists[at].highlighted = 0 if by > 0 else lists[at].option_count - 1
