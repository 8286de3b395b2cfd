"""Search inside the document: words to type, hits by page to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, OptionList

from docqa.app.terminal import one_line
from docqa.engine.find import Findings, Found, find_words
from docqa.engine.types import Page

N_LISTED = 200
"""Most hits in the list; n and N reach the others."""
BEFORE, AFTER = 28, 60
"""Characters of context around a hit."""


class PageSearch(Vertical):
    """A field for words and the list of where they stand. Searches the pages it was given."""

    DEFAULT_CSS = """
    PageSearch {
        dock: bottom;
        height: auto;
        max-height: 50%;
        background: $panel;
        padding: 0 1;
        display: none;
        & > Horizontal { height: 1; }
        & Input { width: 1fr; }
        & Label { width: auto; padding: 0 0 0 1; color: $text-muted; }
        & OptionList {
            height: auto; max-height: 7; border: none; padding: 0; background: $panel;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close search", id="search.close"),
        Binding("down", "hits", "Hits", show=False, id="search.hits"),
        Binding("shift+enter", "step(-1)", "Previous hit", show=False, id="search.previous"),
    ]

    class HitShown(Message):
        """Another hit is the current one; None when there is none."""

        def __init__(self, findings: Findings, current: Found | None) -> None:
            super().__init__()
            self.findings = findings
            self.current = current

    class Closed(Message):
        """The search is over."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._pages: Sequence[Page] = ()
        self._findings = Findings((), is_phrase=True)
        self._current = 0
        self._from_page = 1

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Input(placeholder="Search in this document", compact=True)
            yield Label("", id="count")
        yield OptionList(compact=True)

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def findings(self) -> Findings:
        return self._findings

    def open(self, pages: Sequence[Page], words: str, from_page: int) -> None:
        """Open the field, with words to begin with or those of the last search.

        Args:
            pages: What is searched.
            words: To search for; empty = as before.
            from_page: The first hit shown is on this page or after.
        """
        self.display = True
        self._pages, self._from_page = pages, from_page
        field = self.query_one(Input)
        if words and words != field.value:
            field.value = words  # searches by its Changed message
        else:
            self._search(field.value)
        field.focus()
        field.select_all()

    def set_pages(self, pages: Sequence[Page]) -> None:
        """Search other pages, or more of them, for the same words."""
        self._pages = pages
        if self.is_open:
            shown = self._shown()
            self._find(self.query_one(Input).value)
            places = self._findings.places
            self._current = places.index(shown) if shown in places else 0
            self._update()

    def step(self, by: int) -> None:
        """Go on to another hit; after the last comes the first."""
        if self._findings.places:
            self._current = (self._current + by) % len(self._findings.places)
            self._update()

    def action_step(self, by: int) -> None:
        self.step(by)

    def action_close(self) -> None:
        """Close the field and forget the hits."""
        self.display = False
        self._findings = Findings((), is_phrase=True)
        self.post_message(self.HitShown(self._findings, None))
        self.post_message(self.Closed())

    def action_hits(self) -> None:
        """Go into the list of hits."""
        if self._findings.places:
            self.query_one(OptionList).focus()

    @on(Input.Changed)
    def _on_words(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self._search(event.value)

    @on(Input.Submitted)
    def _on_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.step(1)

    @on(OptionList.OptionSelected)
    def _on_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._current = event.option_index
        self._update()

    @on(OptionList.OptionHighlighted)
    def _on_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self.query_one(OptionList).has_focus and event.option_index != self._current:
            self._current = event.option_index
            self._update()

    def _search(self, words: str) -> None:
        self._find(words)
        places = self._findings.places
        later = (n for n, place in enumerate(places) if place.page >= self._from_page)
        self._current = next(later, 0)
        self._update()

    def _find(self, words: str) -> None:
        """Find the words, and list where."""
        self._findings = find_words(self._pages, words)
        listed = self.query_one(OptionList)
        listed.clear_options()
        texts = {page.number: page.text for page in self._pages}
        places = self._findings.places[:N_LISTED]
        listed.add_options([_snippet(texts[place.page], place) for place in places])
        listed.display = bool(places)

    def _shown(self) -> Found | None:
        places = self._findings.places
        return places[self._current] if self._current < len(places) else None

    def _update(self) -> None:
        self.query_one("#count", Label).update(self._count())
        listed = self.query_one(OptionList)
        if self._current < listed.option_count:
            listed.highlighted = self._current
            self.call_after_refresh(listed.scroll_to_highlight)
        self.post_message(self.HitShown(self._findings, self._shown()))

    def _count(self) -> str:
        """How many hits, on how many pages, and which is shown."""
        places = self._findings.places
        if not places:
            return "no hits" if self.query_one(Input).value.strip() else ""
        n_pages = len({place.page for place in places})
        on = "1 page" if n_pages == 1 else f"{n_pages:,} pages"
        how = "" if self._findings.is_phrase else " (not as a phrase)"
        return f"{self._current + 1:,} of {len(places):,} on {on}{how}"


def _snippet(text: str, place: Found) -> Content:
    """A hit with its page and the words around it."""
    line_start = text.rfind("\n", 0, place.start) + 1
    start = max(line_start, place.start - BEFORE)
    if start > line_start:  # at a word
        start = max(text.find(" ", start, place.start) + 1, start)
    end = text.find("\n", place.end)
    end = min(len(text) if end < 0 else end, place.end + AFTER)
    before = "… " if start > line_start else ""
    before += one_line("x" + text[start : place.start] + "x")[1:-1]
    hit = one_line(text[place.start : place.end])
    after = one_line("x" + text[place.end : end] + "x")[1:-1]
    return Content.assemble(
        (f"p. {place.page:<5}", "$text-muted"), before, (hit, "bold $text-primary"), after
    )
