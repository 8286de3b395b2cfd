"""The document with its evidence: text, search inside it, pages to go to, quotes to copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.markup import escape
from textual.message import Message
from textual.validation import Integer
from textual.widgets import Input, Static

from docqa.app.terminal import fit, one_line
from docqa.app.tui.widgets.page_ink import Marks
from docqa.app.tui.widgets.page_search import PageSearch
from docqa.app.tui.widgets.page_text import PageText
from docqa.engine.quote import quote_sentence, quote_text
from docqa.engine.types import Document, Evidence, Page

EMPTY = "The document opens here when you choose one, or a citation of an answer."


class DocumentPanel(Vertical):
    """One document at a time. Holds no engine: what it shows is given to it."""

    DEFAULT_CSS = """
    DocumentPanel {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        background: $surface;
        &:focus-within { border: round $border; border-title-color: $text-primary; }
        & > #nothing { padding: 1 2; color: $text-muted; height: 1fr; }
        & > PageText { height: 1fr; display: none; }
        & > #go-to { dock: bottom; height: 1; padding: 0 1; display: none; background: $panel; }
        &.-open {
            & > #nothing { display: none; }
            & > PageText { display: block; }
        }
        &.-going > #go-to { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "Next", tooltip="Next evidence or hit", id="document.next"),
        Binding("p,N", "step(-1)", "Previous", id="document.previous"),
        Binding("g", "go_to", "Page", tooltip="Go to page", id="document.go_to"),
        Binding("slash", "search", "Search", id="document.search"),
        Binding("c", "copy", "Copy", tooltip="Copy quote", id="document.copy"),
        Binding("i", "image", "Image", tooltip="Page image", id="document.image"),
        Binding("left_square_bracket", "page(-1)", "Page back", show=False, id="document.back"),
        Binding("right_square_bracket", "page(1)", "Page on", show=False, id="document.forward"),
        Binding("escape", "close_fields", "Close", show=False, id="document.close"),
    ]
    HELP_TITLE = "The document"
    HELP = """
    Sentences the retriever chose are tinted, the more the better they rank; the number beside
    them is the rank. `n` and `p` walk through them, best first, or through the hits of a search
    while one is open. A click on a sentence chooses it, and `c` copies it with title and page.
    """

    class EvidenceShown(Message):
        """Another sentence of evidence is looked at."""

        def __init__(self, evidence: Evidence) -> None:
            super().__init__()
            self.evidence = evidence

    class EvidenceElsewhere(Message):
        """The next evidence is in another document: show that, then the same evidence."""

        def __init__(self, evidence: Sequence[Evidence], current: int) -> None:
            super().__init__()
            self.evidence = evidence
            self.current = current

    class Copied(Message):
        """Words to put on the clipboard."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._document: Document | None = None
        self._title = ""
        self._n_pages = 0
        self._n_read: int | None = None
        self._evidence: tuple[Evidence, ...] = ()
        self._current: int | None = None
        self._clicked: int | None = None

    def compose(self) -> ComposeResult:
        yield Static(EMPTY, id="nothing")
        yield PageText()
        yield Input(
            id="go-to",
            compact=True,
            type="integer",
            valid_empty=True,
            validate_on=["submitted"],
        )
        yield PageSearch()

    @property
    def text(self) -> PageText:
        """The pages."""
        return self.query_one(PageText)

    @property
    def document(self) -> Document | None:
        """The document that is open, once it is read."""
        return self._document

    @property
    def current_evidence(self) -> Evidence | None:
        """The evidence that is looked at."""
        return None if self._current is None else self._evidence[self._current]

    # What the application shows

    def show(self, document: Document, page: int = 1) -> None:
        """Open a document at a page. Evidence shown before is forgotten."""
        same = self._document is not None and self._document.id == document.id
        self._title, self._n_pages, self._n_read = document.title, len(document.pages), None
        self._forget_evidence()
        if not same:
            self._document = document
            self.text.show_document(document)
            self.query_one(PageSearch).set_pages(document.pages)
        self.add_class("-open")
        self._mark()
        self.text.go_to(page)
        self._update_titles()

    def show_evidence(self, evidence: Sequence[Evidence], current: int = 0) -> None:
        """Tint evidence, and go to one of it.

        Args:
            evidence: Best first; that of other documents is stepped to, not tinted.
            current: Which to go to.
        """
        self._evidence = tuple(evidence)
        self._current = None
        self._clicked = None
        if self._evidence:
            self._go_to_evidence(min(current, len(self._evidence) - 1))
        else:
            self._mark()
            self._update_titles()

    def show_partial(self, title: str, pages: Sequence[Page], n_pages: int) -> None:
        """Show the pages read so far of a file that is still being read."""
        more = self._document is None and self._title == title and self._n_read is not None
        self._document, self._title = None, title
        self._n_pages, self._n_read = n_pages, len(pages)
        if not more:
            self._forget_evidence()
        self.add_class("-open")
        self.text.show_pages(pages, n_pages, keep_place=more)
        self.query_one(PageSearch).set_pages(pages)
        self._update_titles()

    def clear(self) -> None:
        """Close the document."""
        self._document, self._title, self._n_pages, self._n_read = None, "", 0, None
        self._forget_evidence()
        self.action_close_fields()
        self.query_one(PageSearch).set_pages(())
        self.text.clear()
        self.remove_class("-open")
        self._update_titles()

    def start_search(self, words: str = "") -> None:
        """Open the search, and search for words if any are given."""
        if self._n_pages:
            self.remove_class("-going")
            self.query_one(PageSearch).open(self.text.pages, words, max(self.text.page, 1))

    # Evidence

    def _forget_evidence(self) -> None:
        self._evidence, self._current, self._clicked = (), None, None

    def _go_to_evidence(self, index: int) -> None:
        evidence = self._evidence[index]
        document = self._document
        if document is None or evidence.document_id != document.id:
            self.post_message(self.EvidenceElsewhere(self._evidence, index))
            return
        self._current, self._clicked = index, None
        self._mark()
        sentence = document.sentences[evidence.sentence_id]
        self.text.go_to(sentence.page, sentence.start, centre=True)
        self._update_titles()
        self.post_message(self.EvidenceShown(evidence))

    def _mark(self) -> None:
        """Tell the text what to tint."""
        search = self.query_one(PageSearch)
        here = None if self._document is None else self._document.id
        current = self.current_evidence
        before = self.text.marks
        self.text.set_marks(
            Marks(
                ranks={e.sentence_id: e.rank for e in self._evidence if e.document_id == here},
                current=None if current is None else current.sentence_id,
                clicked=self._clicked,
                hits=search.findings.places if search.is_open else (),
                current_hit=before.current_hit if search.is_open else None,
            )
        )

    def action_step(self, by: int) -> None:
        """On to the next hit while a search is open, else to the next evidence."""
        search = self.query_one(PageSearch)
        if search.is_open and search.findings.places:
            search.step(by)
        elif self._evidence:
            start = -1 if self._current is None and by > 0 else self._current or 0
            self._go_to_evidence((start + by) % len(self._evidence))
        elif self._n_pages:
            self.notify("No evidence is shown here. Ask a question about the document first.")

    # Search and pages

    def action_search(self) -> None:
        self.start_search()

    @on(PageSearch.HitShown)
    def _on_hit(self, event: PageSearch.HitShown) -> None:
        event.stop()
        marks = self.text.marks
        self.text.set_marks(
            Marks(marks.ranks, marks.current, marks.clicked, event.findings.places, event.current)
        )
        if event.current is not None:
            self.text.go_to(event.current.page, event.current.start, centre=True)

    @on(PageSearch.Closed)
    def _on_search_closed(self, event: PageSearch.Closed) -> None:
        event.stop()
        self.text.focus()

    def action_page(self, by: int) -> None:
        """One page on or back."""
        if self._n_pages:
            self.text.go_to(min(max(self.text.page + by, 1), len(self.text.pages)))

    def action_go_to(self) -> None:
        """Ask for the number of a page."""
        if not self._n_pages:
            return
        field = self.query_one("#go-to", Input)
        field.value = ""
        field.placeholder = f"Go to page, 1 to {len(self.text.pages):,}"
        field.validators = [Integer(1, len(self.text.pages))]
        self.add_class("-going")
        field.focus()

    @on(Input.Submitted, "#go-to")
    def _on_page_given(self, event: Input.Submitted) -> None:
        event.stop()
        n_pages = len(self.text.pages)
        if not event.value:
            self.action_close_fields()
        elif event.validation_result is not None and not event.validation_result.is_valid:
            self.notify(
                f"There is no page {event.value}: {one_line(self._title)} has {n_pages:,} "
                f"{'page' if n_pages == 1 else 'pages'}"
                f"{' so far' if self._n_read is not None else ''}.",
                severity="warning",
                markup=False,
            )
        else:
            self.action_close_fields()
            self.text.go_to(int(event.value))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the screen's where there is nothing to close: it takes a question back."""
        if action == "close_fields":
            return self.has_class("-going") or self.query_one(PageSearch).is_open
        return True

    def action_close_fields(self) -> None:
        """Close the field for a page number, or the search."""
        search = self.query_one(PageSearch)
        if self.has_class("-going"):
            self.remove_class("-going")
            self.text.focus()
        elif search.is_open:
            search.action_close()

    # Quotes and images

    @on(PageText.SentenceClicked)
    def _on_sentence(self, event: PageText.SentenceClicked) -> None:
        event.stop()
        for index, evidence in enumerate(self._evidence):
            here = self._document is not None and evidence.document_id == self._document.id
            if here and evidence.sentence_id == event.sentence_id:
                self._current, self._clicked = index, None
                self.post_message(self.EvidenceShown(evidence))
                break
        else:
            self._clicked = event.sentence_id
        self._mark()
        self._update_titles()

    def action_copy(self) -> None:
        """Copy what is selected, else the sentence clicked, else the evidence looked at."""
        quote = self.quote()
        if quote:
            self.post_message(self.Copied(quote))
        elif self._n_pages:
            self.notify("Nothing to copy: select words, click a sentence, or press n for evidence.")

    def quote(self) -> str:
        """The quotation that would be copied, with title and page."""
        selected = self.text.selected()
        if selected:
            words = " ".join(text for _, text in selected)
            return quote_text(words, "", self._title, selected[0][0], selected[-1][0])
        current = self.current_evidence
        sentence = current.sentence_id if current and self._clicked is None else self._clicked
        if self._document is None or sentence is None:
            return ""
        return quote_sentence(self._document, sentence)

    def action_image(self) -> None:
        """See the page as it is printed."""
        if self._document is None:
            if self._n_read is not None:
                self.notify("The page images are there when the whole file has been read.")
            return
        from docqa.app.tui.screens.page_image import PageImageScreen

        current = self.current_evidence
        self.app.push_screen(
            PageImageScreen(
                self._document,
                max(self.text.page, 1),
                self._evidence,
                None if current is None else current.sentence_id,
            ),
            self._on_image_closed,
        )

    def _on_image_closed(self, page: int | None) -> None:
        """The text goes on where the images were left."""
        if page is not None and page != self.text.page:
            self.text.go_to(page)

    # Titles

    @on(PageText.PageShown)
    def _on_page_shown(self, event: PageText.PageShown) -> None:
        event.stop()
        self._update_titles()

    def on_resize(self) -> None:
        self._update_titles()

    def _update_titles(self) -> None:
        room = max(self.size.width - 4, 10)
        title = fit(one_line(self._title), room)
        self.border_title = escape(title) if title else "Document"
        self.border_subtitle = fit(self._place(), room)

    def _place(self) -> str:
        """Where the reader is: page, evidence, and how much is read."""
        if not self._n_pages:
            return ""
        parts = [f"p. {max(self.text.page, 1):,} of {self._n_pages:,}"]
        if self._n_read is not None:
            parts.append(f"reading: {self._n_read:,} pages so far")
        current = self.current_evidence
        if current is not None:
            parts.append(f"evidence {current.rank} of {len(self._evidence)}")
        elif self._evidence:
            parts.append(f"{len(self._evidence)} sentences of evidence: n")
        return " · ".join(parts)
