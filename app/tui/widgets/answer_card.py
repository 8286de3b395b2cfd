"""One question with its answer: while it is read, while it is written, and as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Markdown, Static
from textual.widgets.markdown import MarkdownStream

from docqa.app.answer_text import QUOTING_GENERATOR, linked_answer, linked_piece, linked_rank
from docqa.app.output import UNSUPPORTED, in_words
from docqa.app.terminal import one_line
from docqa.app.tui.widgets.evidence_list import EvidenceLine, EvidenceList
from docqa.app.tui.widgets.reading_bar import ReadingBar
from docqa.engine.question.follow_up import leans_on_another
from docqa.engine.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docqa.app.jobs.protocol import FoundSentence, ReadingAt
    from docqa.engine.library.record import Record
    from docqa.engine.types import Reading


class CardState(StrEnum):
    """How far a question is; also the card's CSS class."""

    WAITING = "-waiting"
    READING = "-reading"
    WRITING = "-writing"
    ANSWERED = "-answered"
    ABSTAINED = "-abstained"
    UNANSWERED = "-unanswered"
    """It failed, or docqa was ended."""


class AnswerCard(Vertical):
    """Shows one question. What happens to it is told by the screen."""

    DEFAULT_CSS = """
    AnswerCard {
        height: auto; margin: 0 0 1 0; padding: 0 0 0 1; border-left: outer $border-blurred;
        &:focus-within { border-left: outer $border; }
        .card-question { text-style: bold; padding: 0 1; height: auto; }
        .card-verdict { display: none; padding: 0 1; height: auto; }
        .card-foot { display: none; padding: 0 1; color: $text-muted; height: auto; }
        Markdown { display: none; padding: 0 1; margin: 0; background: transparent; height: auto; }
        Button { display: none; margin: 0 1; width: auto; }
        ReadingBar { display: none; }
        &.-waiting ReadingBar, &.-reading ReadingBar, &.-silent ReadingBar { display: block; }
        &.-writing Markdown, &.-answered Markdown { display: block; }
        &.-answered .card-foot, &.-abstained .card-foot { display: block; }
        &.-abstained {
            border-left: outer $warning;
            .card-verdict { display: block; color: $text-warning; }
        }
        &.-warned .card-verdict { display: block; color: $text-warning; }
        &.-unanswered {
            border-left: outer $error;
            .card-verdict { display: block; color: $text-error; }
            Button { display: block; }
        }
    }
    """

    @dataclass
    class CitationOpened(Message):
        """A sentence is to be shown in its document, the others of the answer beside it."""

        card: AnswerCard
        evidence: tuple[Evidence, ...]
        current: int

    @dataclass
    class AskAgain(Message):
        """A question without an answer is to be asked again."""

        card: AnswerCard

    def __init__(
        self,
        question: str,
        document_ids: Sequence[str],
        unanswered_id: int | None = None,
        *,
        root: str = "",
    ) -> None:
        """A question.

        Args:
            question: As it was asked.
            document_ids: What it is asked of.
            unanswered_id: What the library calls it until it is answered.
            root: The question before it that it may lean on; empty where there is none.
        """
        super().__init__(classes=CardState.WAITING.value)
        self.question = question
        self.root = root
        self.document_ids = tuple(document_ids)
        self.unanswered_id = unanswered_id
        self.number: int | None = None
        """Of the answered question, in the history."""
        self.record: Record | None = None
        self.state = CardState.WAITING
        self._evidence: tuple[Evidence, ...] = ()
        self._stream: MarkdownStream | None = None

    def compose(self) -> ComposeResult:
        yield Static(self._question_line(), classes="card-question")
        yield ReadingBar()
        yield Static(classes="card-verdict", markup=False)
        yield Markdown(open_links=False)
        yield EvidenceList()
        yield Button("Ask again", classes="card-again", compact=True)
        yield Static(classes="card-foot", markup=False)

    @property
    def is_running(self) -> bool:
        """Whether it still can be answered."""
        return self.state in (CardState.WAITING, CardState.READING, CardState.WRITING)

    @property
    def can_be_asked_again(self) -> bool:
        """Whether it came to nothing."""
        return self.state is CardState.UNANSWERED

    @property
    def evidence_list(self) -> EvidenceList:
        """Its sentences."""
        return self.query_one(EvidenceList)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Its sentences as the document panel takes them, best first."""
        return self._evidence

    # What happens to the question

    def load_models(self) -> None:
        """The models are being loaded."""
        self.query_one(ReadingBar).doing = "Loading the model …"

    def read_on(self, at: ReadingAt) -> None:
        """The retriever is further on."""
        self._enter(CardState.READING)
        bar = self.query_one(ReadingBar)
        bar.at = at
        if at.best is not None:
            self._show_found(at.best, is_live=True)

    def choose(self, evidence: Sequence[FoundSentence], generator: str) -> None:
        """The evidence is there; the answer follows, with a model after a while."""
        self._enter(CardState.WRITING)
        self._show_found(evidence)
        if generator != QUOTING_GENERATOR:
            bar = self.query_one(ReadingBar)
            bar.at, bar.doing = None, "The language model reads the evidence …"
            self.add_class("-silent")

    async def add_text(self, text: str, generator: str) -> None:
        """A further piece of the answer."""
        self._enter(CardState.WRITING)
        if generator == QUOTING_GENERATOR:
            return  # it comes in one piece, and as links a moment later
        self.remove_class("-silent")
        if self._stream is None:
            self._stream = Markdown.get_stream(self.query_one(Markdown))
        await self._stream.write(linked_piece(text))

    async def finish(self, number: int, record: Record) -> None:
        """The answer as it is kept."""
        self.number, self.record, self.unanswered_id = number, record, None
        await self._end_stream()
        self._evidence = tuple(
            Evidence(one.document_id, one.sentence_id, one.score, one.rank, one.hop)
            for one in record.evidence
        )
        self._show_record(record)
        self.remove_class("-silent")
        self.query_one(".card-foot", Static).update(Content(foot_line(number, record)))
        verdict = self.query_one(".card-verdict", Static)
        if record.abstained:
            verdict.update(Content(f"∅ {one_line(record.answer)}"))
            self._enter(CardState.ABSTAINED)
        else:
            doubts = doubts_about(record)
            verdict.update(Content(" ".join(doubts)))
            self.set_class(bool(doubts), "-warned")
            await self.query_one(Markdown).update(linked_answer(record))
            self._enter(CardState.ANSWERED)

    async def fail(self, reason: str) -> None:
        """There is no answer, and why."""
        await self._end_stream()
        self.remove_class("-silent")
        self.evidence_list.show(())
        self.query_one(".card-verdict", Static).update(Content(one_line(reason)))
        self._enter(CardState.UNANSWERED)

    def wait_again(self) -> None:
        """It was asked again."""
        bar = self.query_one(ReadingBar)
        bar.at, bar.doing, bar.best_pages = None, "Getting ready …", ()
        self._enter(CardState.WAITING)

    # What the reader does

    @on(Markdown.LinkClicked)
    def link_clicked(self, event: Markdown.LinkClicked) -> None:
        """Show what a citation stands for."""
        event.stop()
        rank = linked_rank(event.href)
        if rank is not None and 0 < rank <= len(self._evidence):
            self.post_message(self.CitationOpened(self, self._evidence, rank - 1))

    @on(EvidenceList.Opened)
    def evidence_opened(self, event: EvidenceList.Opened) -> None:
        """Show a sentence in its document."""
        event.stop()
        if event.index < len(self._evidence):
            self.post_message(self.CitationOpened(self, self._evidence, event.index))

    @on(Button.Pressed)
    def again(self, event: Button.Pressed) -> None:
        """Ask again."""
        event.stop()
        self.post_message(self.AskAgain(self))

    def _question_line(self) -> Content:
        leans = bool(self.root) and leans_on_another(self.question)
        with_root = f"  ↳ with “{one_line(self.root)}”" if leans else ""
        return Content.assemble(("❯ ", "$text-accent"), self.question, (with_root, "dim not bold"))

    def _enter(self, state: CardState) -> None:
        if state is not self.state:
            self.remove_class(self.state.value)
            self.add_class(state.value)
            self.state = state

    async def _end_stream(self) -> None:
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None

    def _show_found(self, found: Sequence[FoundSentence], *, is_live: bool = False) -> None:
        """Evidence of a question that has no answer yet."""
        self._evidence = tuple(
            Evidence(one.document_id, one.sentence_id, one.score, one.rank, one.hop)
            for one in found
        )
        lines = [
            EvidenceLine(
                one.document_id,
                one.title,
                one.sentence_id,
                one.page,
                one.text,
                one.rank,
                hop=one.hop,
            )
            for one in found
        ]
        self.evidence_list.show(lines, is_live=is_live)

    def _show_record(self, record: Record) -> None:
        self.evidence_list.show(
            [
                EvidenceLine(
                    one.document_id,
                    record.title_of(one.document_id),
                    one.sentence_id,
                    one.page,
                    one.text,
                    one.rank,
                    one.cited,
                    one.hop,
                )
                for one in record.evidence
            ]
        )


def doubts_about(record: Record) -> list[str]:
    """What a reader should know before relying on an answer."""
    doubts = [f"⚠ {UNSUPPORTED}"] if record.unsupported else []
    if record.writing is not None and record.writing.is_cut_off:
        doubts.append("⚠ It was cut off: let it write more tokens (F2).")
    return doubts


def foot_line(number: int, record: Record) -> str:
    """How the answer came about, in a line."""
    reading = record.reading
    parts = [f"read {reading_in_words(reading)}in {reading.seconds:.1f} s"]
    parts += [f"for the {term.term} instead of {term.name}" for term in record.terms]
    parts += [f"for {' and '.join(one.labels)} as well as {one.name}" for one in record.reworded]
    parts += [f"for {' and '.join(one.stated)} as well as {one.name}" for one in record.trade_terms]
    if reading.n_tokens:
        parts.append(f"{reading.tokens_per_second:,.0f} tokens/s")
    checkpoint = f" ({reading.checkpoint})" if reading.checkpoint else ""
    parts.append(f"{reading.name}{checkpoint} on {reading.device}")
    parts.append(f"{record.generator} {record.model}" if record.model else record.generator)
    parts += _writing_parts(record)
    parts += [f"confidence {record.confidence:.0%}", f"question {number}"]
    return " · ".join(map(one_line, parts))


def reading_in_words(reading: Reading) -> str:
    """How often the documents were read, and what for; empty where it was once."""
    if not reading.further:
        return ""
    asked = ", then ".join(f"“{further}”" for further in reading.further)
    return f"{in_words(reading.n_hops)}, again for {asked}, "


def _writing_parts(record: Record) -> list[str]:
    """How much of the evidence was used, and what a language model spent on it."""
    writing = record.writing
    n_used = len(record.evidence) if writing is None else writing.n_evidence_used
    n_words = sum(len(one.text.split()) for one in record.evidence[:n_used])
    parts = [f"{n_words:,} words of evidence"]
    if writing is not None:
        spent = ((writing.n_prompt_tokens, "↑"), (writing.n_answer_tokens, "↓"))
        tokens = " ".join(f"{sign}{n:,}" for n, sign in spent if n is not None)
        parts.append(f"written in {record.seconds.generate:.1f} s")
        parts += [f"{tokens} tokens"] if tokens else []
    return parts
