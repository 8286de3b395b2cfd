"""The main screen: library, conversation and document beside each other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from docqa.app.tui import messages
from docqa.app.tui.screens.shelf import ShelfScreen
from docqa.app.tui.settings_changed import SettingsChanged
from docqa.app.tui.widgets.conversation import Conversation
from docqa.app.tui.widgets.document_panel import DocumentPanel
from docqa.app.tui.widgets.key_footer import KeyFooter
from docqa.app.tui.widgets.library_panel import LibraryPanel
from docqa.app.tui.widgets.pane_tabs import PANES, PaneTabs
from docqa.app.tui.widgets.panes import Panes
from docqa.app.tui.widgets.question_input import QuestionInput
from docqa.app.tui.widgets.welcome import Welcome
from docqa.engine.errors import DocqaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docqa.app.config import Settings
    from docqa.app.jobs.process import EngineProcess
    from docqa.app.tui.session_log import SessionLog
    from docqa.app.tui.widgets.answer_card import AnswerCard
    from docqa.engine.library.history import UnansweredQuestion
    from docqa.engine.library.record import Record
    from docqa.engine.library.store import Store
    from docqa.engine.types import Evidence

N_REMEMBERED = 200
"""Earlier questions that the arrow keys bring back."""
N_CARDS = 20
"""Questions of an earlier conversation that are shown; `docqa history list` has all."""
INTERRUPTED = "docqa was ended before the answer was there."


class MainScreen(ShelfScreen):
    """Asks and shows answers; the library is the business of `ShelfScreen`."""

    AUTO_FOCUS = ""  # the question gets it; the library in between would style all twice
    DEFAULT_CLASSES = "-show-conversation"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (110, "-three"),
        (160, "-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+f", "find", "Find", id="find", priority=True),
        Binding("ctrl+e", "export", "Export", id="export", priority=True),
        Binding("slash", "filter_library", "Filter library", id="filter", show=False),
        Binding("ctrl+n", "new_conversation", "New", id="conversation.new", priority=True),
        Binding(
            "ctrl+r", "conversations", "Earlier conversations", id="conversation.list", show=False
        ),
        Binding("escape", "cancel", "Cancel", id="cancel", show=False),
        Binding("tab", "next_pane(1)", "Next pane", id="pane.next", show=False, priority=True),
        Binding(
            "shift+tab", "next_pane(-1)", "Pane before", id="pane.back", show=False, priority=True
        ),
    ]

    conversation_id: int | None = None
    """None until something is asked in it."""

    def __init__(
        self, settings: Settings, session_log: SessionLog, engine: EngineProcess | None = None
    ) -> None:
        """See `ShelfScreen`."""
        super().__init__(settings, session_log, engine)
        self._noting = asyncio.Lock()
        """Questions are noted one after another, so that the first begins the conversation."""

    def compose(self) -> ComposeResult:
        yield PaneTabs()
        with Panes(id="panes"):
            yield LibraryPanel(id="library")
            with Vertical(id="talk"):
                with Conversation(id="conversation"):
                    yield Welcome()
                yield QuestionInput(id="question")
            yield DocumentPanel(id="document")
        yield KeyFooter(show_command_palette=False)

    def on_mount(self) -> None:
        """Show at once, and fill in what the library holds."""
        self.show_pane("conversation")
        self.query_one(QuestionInput).focus()
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        self.reload_library(first=True)
        self.go_on()

    async def on_unmount(self) -> None:
        """Stop all work."""
        self.forget_removed()
        await asyncio.to_thread(self.desk.close)

    @property
    def conversation(self) -> Conversation:
        return self.query_one(Conversation)

    @on(SettingsChanged)
    def settings_changed(self, event: SettingsChanged) -> None:
        """Ask with other settings from now on; models are loaded when a question needs them."""
        self.settings = event.settings
        self.desk.asking.settings_changed()

    # The conversation

    @work(exclusive=True, group="conversation")
    async def go_on(self, conversation_id: int | None = None) -> None:
        """Show a conversation; None = the last one, where something was left unanswered."""

        def look(
            store: Store,
        ) -> tuple[int | None, list[tuple[int, Record]], list[UnansweredQuestion], list[str]]:
            last = store.conversations(n_conversations=1)
            number = conversation_id or (last[0].id if last else None)
            recent = store.recent_questions(n_questions=N_REMEMBERED)
            if number is None:
                return None, [], [], recent
            return number, store.records_of(number), store.unanswered(number), recent

        number, records, unanswered, recent = await self.fetch(look)
        self.query_one(QuestionInput).remember(recent)
        if conversation_id is None and self.conversation.cards:
            return  # somebody was quicker and has asked already
        self.conversation_id = number
        await self._show_cards(records, unanswered)

    async def _show_cards(
        self, records: Sequence[tuple[int, Record]], unanswered: Sequence[UnansweredQuestion]
    ) -> None:
        from docqa.app.tui.widgets.answer_card import AnswerCard

        await self.conversation.restart()
        self.query_one(Welcome).display = not (records or unanswered)
        for number, record in records[-N_CARDS:]:
            ids = [one.id for one in record.documents]
            card = AnswerCard(record.question, ids, root=self.conversation.root)
            await self.conversation.add(card)
            await card.finish(number, record)
        for question in unanswered:
            root = self.conversation.root
            card = AnswerCard(question.question, question.document_ids, question.id, root=root)
            await self.conversation.add(card)
            await card.fail(question.reason or INTERRUPTED)

    async def action_new_conversation(self) -> None:
        """Begin a conversation; the one before stays in the history."""
        if self.conversation.last_running() is not None:
            self.notify("A question is being answered. Esc takes it back.", severity="warning")
            return
        self.conversation_id = None
        await self.conversation.restart()
        self.query_one(Welcome).display = True
        self.show_pane("conversation")
        self.query_one(QuestionInput).focus()

    @work
    async def action_conversations(self) -> None:
        """Go on with an earlier conversation."""
        from docqa.app.tui.screens.conversations import ConversationsScreen

        if self.conversation.last_running() is not None:
            self.notify("A question is being answered. Esc takes it back.", severity="warning")
            return
        found = await self.fetch(lambda store: store.conversations())
        if not found:
            self.notify("There is no earlier conversation.")
            return
        chosen = await self.app.push_screen_wait(ConversationsScreen(found))
        if chosen is not None:
            self.go_on(chosen)

    # Asking

    @on(QuestionInput.Begun)
    def writing_begun(self) -> None:
        """Load the models while the question is being written."""
        if self.library.scope:
            self.desk.asking.prepare(self.settings)

    @on(QuestionInput.Asked)
    async def asked(self, event: QuestionInput.Asked) -> None:
        """Ask; a question that comes while another is read waits for its turn."""
        if not self.library.scope:
            documents = [entry for entry in self.library.entries if entry.is_document]
            self.notify(
                "No document is chosen. Enter on one in the library asks it."
                if documents
                else "The library is empty. Ctrl+O adds a document.",
                severity="warning",
            )
            return
        self.query_one(QuestionInput).taken(event.question)
        self.ask(event.question, self.library.scope)

    @work(group="ask")
    async def ask(self, question: str, document_ids: tuple[str, ...]) -> None:
        """Put a question into the library, on the screen and to the engine."""
        from docqa.app.tui.widgets.answer_card import AnswerCard

        self.query_one(Welcome).display = False
        card = AnswerCard(question, document_ids, root=self.conversation.root)
        await self.conversation.add(card)
        try:
            async with self._noting:
                if self.conversation_id is None:
                    start = self.desk.shelf.run(lambda store: store.start_conversation())
                    self.conversation_id = await start
                card.unanswered_id = await self.desk.asking.note(
                    question, document_ids, self.conversation_id
                )
        except DocqaError as error:
            await card.remove()
            self.query_one(QuestionInput).put_back(question)
            self.complain(error)
            return
        if not card.is_attached:  # taken back already
            self.desk.asking.cancel(card.unanswered_id)
            return
        self._hand_over(card)

    def _hand_over(self, card: AnswerCard) -> None:
        assert card.unanswered_id is not None
        assert self.conversation_id is not None
        self.desk.asking.hand_over(
            card.unanswered_id,
            card.question,
            card.root,
            card.document_ids,
            self.conversation_id,
            self.settings,
        )

    async def action_cancel(self) -> None:
        """Take back the question asked last; with none running, go to the field."""
        card = self.conversation.last_running()
        field = self.query_one(QuestionInput)
        if card is None:
            self.show_pane("conversation")
            field.focus()
            return
        if card.unanswered_id is not None:
            self.desk.asking.cancel(card.unanswered_id)
        await card.remove()
        self.query_one(Welcome).display = not self.conversation.cards
        field.put_back(card.question)
        field.focus()

    # What comes of it

    def _card(self, message: messages.QuestionMessage) -> AnswerCard | None:
        return self.conversation.card_of(message.unanswered_id)

    @on(messages.ModelsLoading)
    def models_loading(self, event: messages.ModelsLoading) -> None:
        """Say why nothing moves yet."""
        if card := self._card(event):
            card.load_models()

    @on(messages.ReadingProgress)
    def reading_progress(self, event: messages.ReadingProgress) -> None:
        """Show where the model is and what it found."""
        if card := self._card(event):
            card.read_on(event.at)

    @on(messages.EvidenceFound)
    def evidence_found(self, event: messages.EvidenceFound) -> None:
        """Show what the answer stands on."""
        if card := self._card(event):
            card.choose(event.evidence, self.settings.generator)

    @on(messages.TextAdded)
    async def text_added(self, event: messages.TextAdded) -> None:
        """Show the answer as it comes."""
        if card := self._card(event):
            await card.add_text(event.text, self.settings.generator)

    @on(messages.QuestionAnswered)
    @work
    async def question_answered(self, event: messages.QuestionAnswered) -> None:
        """Show the answer as the library has it."""
        card = self._card(event)
        if card is None:
            return  # taken back a moment too late; the history has it
        record = await self.fetch(lambda store: store.record(event.number))
        await card.finish(event.number, record)
        self.show_evidence(card.evidence, 0)
        self.reload_library()

    @on(messages.QuestionFailed)
    async def question_failed(self, event: messages.QuestionFailed) -> None:
        """Say why there is no answer."""
        if card := self._card(event):
            await card.fail(f"{event.reason} {event.hint}".strip())
            self.notify(f"{event.reason} {event.hint}", severity="error", timeout=12, markup=False)

    async def on_answer_card_ask_again(self, event: AnswerCard.AskAgain) -> None:
        """Ask a question again that has no answer."""
        card = event.card
        assert card.unanswered_id is not None
        card.wait_again()
        self._hand_over(card)
        self.query_one(QuestionInput).focus()

    # Evidence in the document

    def on_answer_card_citation_opened(self, event: AnswerCard.CitationOpened) -> None:
        """Show a cited sentence."""
        self.show_evidence(event.evidence, event.current)
        self.reveal_document()

    @work(exclusive=True, group="document")
    async def show_evidence(self, evidence: tuple[Evidence, ...], current: int) -> None:
        """Show a sentence in its document, the others of the answer tinted."""
        if not evidence:
            return
        document = await self.load_document(evidence[current].document_id)
        self.panel.show(document, document.sentences[evidence[current].sentence_id].page)
        self.panel.show_evidence(evidence, current)

    @on(DocumentPanel.EvidenceElsewhere)
    def evidence_elsewhere(self, event: DocumentPanel.EvidenceElsewhere) -> None:
        """The next sentence stands in another document."""
        self.show_evidence(tuple(event.evidence), event.current)

    @on(DocumentPanel.Copied)
    def copied(self, event: DocumentPanel.Copied) -> None:
        """Put words on the clipboard."""
        from docqa.app.tui.clipboard import copy_text

        copy_text(self.app, event.text)
        self.notify("Copied, with title and page.")

    # Panes

    def show_pane(self, name: str) -> None:
        """Bring a pane to the front where there is room for one only."""
        self.update_classes({f"-show-{pane}": pane == name for pane in PANES})
        self.query_one(PaneTabs).current = name

    def reveal_document(self) -> None:
        """Bring the document to the front; beside the others it is there already."""
        if self.has_class("-narrow"):
            self.show_pane("document")
            self.panel.text.focus()

    @on(PaneTabs.Chosen)
    def pane_chosen(self, event: PaneTabs.Chosen) -> None:
        """A pane was clicked."""
        self.show_pane(event.name)
        stops = self._stops()
        stops[{"library": 0, "conversation": -2, "document": -1}[event.name]].focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The pane that has the focus is the one to see."""
        ids = {node.id for node in event.widget.ancestors_with_self}
        if "library" in ids:
            self.show_pane("library")
        elif "document" in ids:
            self.show_pane("document")
        elif "talk" in ids:
            self.show_pane("conversation")

    def action_next_pane(self, by: int) -> None:
        """To the next place to be: library, evidence, question, document."""
        stops = self._stops()
        at = next((i for i, stop in enumerate(stops) if self._is_in(stop)), -1)
        self.show_pane(self._pane_of(stops[(at + by) % len(stops)]))
        stops[(at + by) % len(stops)].focus()

    def _stops(self) -> list[Widget]:
        """Where Tab goes, in order; what is not there is left out."""
        welcome = self.query_one(Welcome)
        found = [
            self.library.query_one("#library-list"),
            *(welcome.query("Button") if welcome.has_class("-no-document") else ()),
            self.conversation.stop,
            self.query_one(QuestionInput),
            self.panel.text,
        ]
        if self.query_one(Panes).has_class("-no-library") and not self.has_class("-narrow"):
            found.pop(0)
        return [stop for stop in found if stop is not None]

    def _is_in(self, stop: Widget) -> bool:
        focused = self.focused
        if focused is None:
            return False
        if self.panel in focused.ancestors_with_self:
            return stop is self.panel.text
        if self.library in focused.ancestors_with_self:
            return stop.id == "library-list"
        return stop is focused

    def _pane_of(self, widget: Widget) -> str:
        if self.library in widget.ancestors_with_self:
            return "library"
        return "document" if self.panel in widget.ancestors_with_self else "conversation"

    def action_find(self) -> None:
        """Search in the document."""
        self.show_pane("document")
        if self.panel.has_class("-open"):
            self.panel.start_search()
        else:
            self.notify("No document is open. Enter on one in the library opens it.")

    def action_filter_library(self) -> None:
        """Type what to look for in the library; in an empty one, the path of a file to add."""
        if not self.library.entries:
            self.choose_files(Path("/"))
            return
        self.show_pane("library")
        self.library.start_filter()

    # Taking away

    @work
    async def action_export(self) -> None:
        """Write answers to a file."""
        from docqa.app.tui.screens.export import ExportScreen
        from docqa.engine.exports.questions import ExportedQuestion

        answered = [card for card in self.conversation.cards if card.record is not None]
        if not answered:
            self.notify("There is no answer to export yet.", severity="warning")
            return
        looked_at = next((i for i, card in enumerate(answered) if card.has_focus_within), None)
        times = await self.fetch(lambda store: store.asked_times())
        questions = [
            ExportedQuestion(card.record, card.number, times.get(card.number or 0))
            for card in answered
            if card.record
        ]
        self.app.push_screen(ExportScreen(questions, self.desk.shelf.path, chosen=looked_at))
