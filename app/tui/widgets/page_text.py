"""The text of a document, page under page, with its evidence tinted. Draws lines on demand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from docqa.app.tui.widgets.page_ink import EVIDENCE, Ink, Marks, paint
from docqa.app.tui.widgets.page_stack import N_ABOVE, PageStack, Place
from docqa.engine.types import Document, Page, Sentence

GUTTER = 4
"""Columns on the left, for the ranks of evidence."""
FIRST_SECONDS, STEP_SECONDS = 0.03, 0.01
"""How long pages are laid out before the first frame, and between two frames."""

N_DRAWN = 600
"""Lines that are kept as they were drawn: some screens full."""


class PageText(ScrollView, can_focus=True):
    """Pages of text to scroll through."""

    DEFAULT_CSS = """
    PageText {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        background: $surface;
        color: $foreground;
        & .page-text--ruler { color: $text-muted; }
        & .page-text--notice { color: $text-warning; text-style: italic; }
        & .page-text--furniture { color: $text-muted; }
        & .page-text--heading { color: $text-primary; text-style: bold; }
        & .page-text--weak { background: $warning 10%; }
        & .page-text--medium { background: $warning 20%; }
        & .page-text--strong { background: $warning 35%; }
        & .page-text--marked { text-style: underline; }
        & .page-text--current { background: $success 50%; text-style: bold; }
        & .page-text--hit { background: $primary 45%; }
        & .page-text--current-hit { background: $primary; color: $text; text-style: bold; }
        & .page-text--gutter { color: $text-warning; }
        & .page-text--gutter-current { color: $text-success; text-style: bold; }
        &:ansi {
            & .page-text--weak, & .page-text--medium, & .page-text--strong {
                background: ansi_default; text-style: underline;
            }
            & .page-text--strong { color: ansi_yellow; }
            & .page-text--current {
                background: ansi_default; color: ansi_green; text-style: bold reverse;
            }
            & .page-text--hit, & .page-text--current-hit {
                background: ansi_default; color: ansi_cyan; text-style: reverse;
            }
            & .page-text--current-hit { text-style: bold reverse underline; }
        }
        &:nocolor {
            & .page-text--medium, & .page-text--strong { text-style: underline; }
            & .page-text--current { text-style: bold reverse; }
            & .page-text--hit { text-style: underline; }
            & .page-text--current-hit { text-style: reverse; }
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "page-text--ruler",
        "page-text--notice",
        "page-text--gutter",
        "page-text--gutter-current",
        *(ink.style for ink in Ink),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="document.down"),
        Binding("k", "scroll_up", "Up", show=False, id="document.up"),
        Binding("space", "page_down", "Page down", show=False, id="document.page_down"),
    ]

    class PageShown(Message):
        """Another page came into view."""

        def __init__(self, page: int) -> None:
            super().__init__()
            self.page = page

    class SentenceClicked(Message):
        """A sentence was clicked."""

        def __init__(self, sentence_id: int) -> None:
            super().__init__()
            self.sentence_id = sentence_id

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._pages: Sequence[Page] = ()
        self._sentences: Sequence[Sentence] = ()
        self._n_pages = 0
        self._stack = PageStack((), (), 1)
        self._marks = Marks()
        self._inks: dict[int, bytes] = {}
        self._strips: dict[tuple[int, int], Strip] = {}
        self._target: tuple[int, int, bool] | None = None
        self._page = 0
        self.is_measured = False
        """Whether all pages are laid out, so that the scroll bar is exact."""

    # What is shown

    @property
    def page(self) -> int:
        """Number of the page in view; 0 without pages."""
        return self._page

    @property
    def pages(self) -> Sequence[Page]:
        """The pages that can be shown."""
        return self._pages

    @property
    def marks(self) -> Marks:
        """What is marked."""
        return self._marks

    def show_document(self, document: Document) -> None:
        """Show a document, from its first page."""
        self._show(document.pages, document.sentences, len(document.pages))
        self.go_to(1)

    def show_pages(self, pages: Sequence[Page], n_pages: int, *, keep_place: bool) -> None:
        """Show the pages read so far of a document that is still being read.

        Args:
            pages: From the first on.
            n_pages: In all.
            keep_place: Whether it is the document shown before, with more pages.
        """
        self._show(pages, (), n_pages, keep_marks=keep_place)
        if not keep_place:
            self.go_to(1)

    def clear(self) -> None:
        """Show nothing."""
        self._target = None
        self._show((), (), 0)
        self._page = 0

    def _show(
        self,
        pages: Sequence[Page],
        sentences: Sequence[Sentence],
        n_pages: int,
        *,
        keep_marks: bool = False,
    ) -> None:
        self._pages, self._sentences, self._n_pages = pages, sentences, n_pages
        if not keep_marks:
            self._marks = Marks()
        self.screen.clear_selection()
        self._lay_out()

    def set_marks(self, marks: Marks) -> None:
        """Mark other sentences and words."""
        self._marks = marks
        self._forget_drawn()

    def go_to(self, page: int, offset: int = 0, *, centre: bool = False) -> None:
        """Bring a page into view, or one character of it.

        Args:
            page: Its number.
            offset: The character.
            centre: Leave a third of the lines above it, to show what it stands in.
        """
        self._target = (page - 1, offset, centre)
        if self.size.height and self._pages:
            self._scroll_to_target()

    def _scroll_to_target(self) -> None:
        if self._target is None or not self._pages:
            return
        index, offset, centre = self._target
        index = min(max(index, 0), len(self._pages) - 1)
        if offset or centre:
            y = self._stack.line_of(index, offset)
            y -= self.size.height // 3 if centre else N_ABOVE
        else:
            self._stack.layout(index)
            y = self._stack.top(index)
        self._update_virtual_size()
        self.scroll_to(y=max(y, 0), animate=False, immediate=True, force=True)
        self._note_page()

    # Layout

    def on_mount(self) -> None:
        self.watch(self.app, "theme", self._forget_drawn, init=False)

    def on_resize(self) -> None:
        """Lay out for the width there is."""
        if self._text_width() != self._stack.width:
            self._lay_out()
        elif self._target is not None:
            self._scroll_to_target()

    def _text_width(self) -> int:
        return max(self.scrollable_content_region.width - GUTTER - 1, 10)

    def _lay_out(self) -> None:
        """Lay the pages out anew; what stands at the top stays there."""
        anchor = self.first_in_view()
        self._stack = PageStack(self._pages, self._sentences, self._text_width())
        self.is_measured = False
        self._forget_drawn()
        if not self.size.height or not self._pages:
            self._update_virtual_size()
            return
        left = self._stack.measure(FIRST_SECONDS)
        self.is_measured = not left
        if self._target is not None:
            self._scroll_to_target()
        elif anchor is not None and anchor[0] < len(self._pages):
            self._update_virtual_size()
            self.scroll_to(y=self._stack.line_of(*anchor), animate=False, immediate=True)
        else:
            self._update_virtual_size()
        if left:
            self.set_timer(STEP_SECONDS, self._measure_more)

    def first_in_view(self) -> tuple[int, int] | None:
        """Page and character of the first line in view."""
        place = self._stack.at(self.scroll_offset.y)
        if place is None:
            return None
        lines = self._stack.layout(place.index).lines
        line = min(max(place.line, 0), len(lines) - 1)
        return place.index, lines[line].runs[0].start if lines[line].runs else 0

    def _measure_more(self) -> None:
        """Lay out further pages between frames; what is in view stays in place."""
        stack = self._stack
        place = stack.at(self.scroll_offset.y)
        left = stack.measure(STEP_SECONDS)
        self.is_measured = not left
        self._update_virtual_size()
        if place is not None:
            y = stack.top(place.index) + N_ABOVE + place.line
            if y != self.scroll_offset.y:
                self.scroll_to(y=y, animate=False, immediate=True, force=True)
        if left and stack is self._stack:
            self.set_timer(STEP_SECONDS, self._measure_more)

    def _update_virtual_size(self) -> None:
        self.virtual_size = Size(self._stack.width + GUTTER, self._stack.height)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._note_page()

    def _note_page(self) -> None:
        """Tell when another page is the one in view: the one a third down the screen."""
        y = min(self.scroll_offset.y + self.size.height // 3, self._stack.height - 1)
        place = self._stack.at(y)
        page = 0 if place is None else place.index + 1
        if page != self._page:
            self._page = page
            self.post_message(self.PageShown(page))

    def on_mouse_scroll_up(self) -> None:
        self._target = None

    def on_mouse_scroll_down(self) -> None:
        self._target = None

    def on_key(self) -> None:
        self._target = None

    # Drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def _forget_drawn(self) -> None:
        self._inks.clear()
        self._strips.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.scrollable_content_region.width
        if y == 0 and self._text_width() != self._stack.width:
            # Not every widget that comes into view is told its size.
            self.call_later(self.on_resize)
        row = self.scroll_offset.y + y
        place = self._stack.at(row)
        if place is None:
            return Strip.blank(width, self.rich_style)
        if self.text_selection is not None:
            return self._draw(place, row).crop_extend(0, width, self.rich_style)
        key = (place.index, place.line)
        if key not in self._strips:
            if len(self._strips) > N_DRAWN:
                self._strips.clear()
            self._strips[key] = self._draw(place, None)
        strip = self._strips[key].crop_extend(0, width, self.rich_style)
        return self._with_offsets(strip, row)

    def _with_offsets(self, strip: Strip, row: int) -> Strip:
        """Where the mouse finds which character, for selecting text."""
        return strip.apply_offsets(-GUTTER, row)

    def _draw(self, place: Place, row: int | None) -> Strip:
        """A line with its gutter; with the number of its row, the selection is drawn too."""
        layout = self._stack.layout(place.index)
        if place.line == -N_ABOVE:
            return self._draw_ruler(place.index)
        if not 0 <= place.line < len(layout.lines):
            return Strip.blank(GUTTER, self.rich_style)
        text, offsets = layout.compose(place.line)
        if not layout.lines[place.line].runs:
            style = self.get_component_rich_style("page-text--notice")
            strip = Strip([Segment(" " * GUTTER, self.rich_style), Segment(text, style)])
            return strip if row is None else self._with_offsets(strip, row)
        inks = self._line_inks(place.index, offsets)
        gutter = self._draw_gutter(place.index, offsets, inks)
        if row is not None:
            self._select(inks, row)
        segments, start = [gutter], 0
        for ink, group in groupby(inks):
            end = start + sum(1 for _ in group)
            segments.append(Segment(text[start:end], self.ink_style(Ink(ink))))
            start = end
        strip = Strip(segments)
        return strip if row is None else self._with_offsets(strip, row)

    def ink_style(self, ink: Ink) -> Style:
        """How an ink looks in the theme of the moment."""
        if ink is Ink.PLAIN:
            return self.rich_style
        if ink is Ink.SELECTED:
            return self.screen.get_component_rich_style("screen--selection")
        return self.get_component_rich_style(ink.style)

    def _draw_ruler(self, index: int) -> Strip:
        width = self.scrollable_content_region.width
        text = f" page {self._pages[index].number:,} of {self._n_pages:,} ".center(width - 1, "─")
        return Strip([Segment(text, self.get_component_rich_style("page-text--ruler"))])

    def _draw_gutter(self, index: int, offsets: Sequence[int], inks: bytearray) -> Segment:
        """The rank beside the first line of a sentence of evidence, a bar beside the others."""
        text, style = " " * GUTTER, self.rich_style
        evidence = [ink for ink in inks if ink in EVIDENCE]
        if evidence:
            is_current = Ink.CURRENT in evidence
            style = self.get_component_rich_style(
                "page-text--gutter-current" if is_current else "page-text--gutter"
            )
            text = "▌ ".rjust(GUTTER)
            for sentence in self._stack.by_page.get(self._pages[index].number, ()):
                rank = self._marks.ranks.get(sentence.id)
                if rank is not None and sentence.start in offsets:
                    text = f"{rank}▌".rjust(GUTTER - 1).ljust(GUTTER)
                    if not is_current or sentence.id == self._marks.current:
                        break
        return Segment(text, style)

    def _line_inks(self, index: int, offsets: Sequence[int]) -> bytearray:
        """The ink of every character of a line; padding is like what follows it."""
        if index not in self._inks:
            page = self._pages[index]
            self._inks[index] = paint(page, self._stack.by_page.get(page.number, ()), self._marks)
        inks = bytearray(self._inks[index][at] if at >= 0 else Ink.PLAIN for at in offsets)
        after = Ink.PLAIN
        for at in range(len(offsets) - 1, -1, -1):
            if offsets[at] >= 0:
                after = Ink(inks[at])
            elif after in EVIDENCE:
                inks[at] = after
        return inks

    # The mouse: selecting text, clicking sentences

    def _select(self, inks: bytearray, row: int) -> None:
        selection = self.text_selection
        span = None if selection is None else selection.get_span(row)
        if span is not None:
            start, end = max(span[0], 0), len(inks) if span[1] == -1 else max(span[1], 0)
            inks[start:end] = bytes([Ink.SELECTED]) * (min(end, len(inks)) - min(start, len(inks)))

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw another selection."""
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The words selected, as the pages have them: wrapped lines joined."""
        texts = [text for _, text in self._selected(selection)]
        return ("\n\n".join(texts), "\n") if texts else None

    def selected(self) -> list[tuple[int, str]]:
        """What is selected: page numbers and the words on them."""
        selection = self.text_selection
        return [] if selection is None else list(self._selected(selection))

    def _selected(self, selection: Selection) -> Iterator[tuple[int, str]]:
        first = 0 if selection.start is None else max(selection.start.y, 0)
        last = self._stack.height - 1 if selection.end is None else selection.end.y
        chosen: dict[int, list[int]] = {}
        for row in range(first, last + 1):
            place, span = self._stack.at(row), selection.get_span(row)
            if place is None or span is None or place.line < 0:
                continue
            layout = self._stack.layout(place.index)
            if place.line < len(layout.lines):
                offsets = layout.compose(place.line)[1]
                end = len(offsets) if span[1] == -1 else span[1]
                shown = (offset for offset in offsets[max(span[0], 0) : end] if offset >= 0)
                chosen.setdefault(place.index, []).extend(shown)
        for index, offsets in chosen.items():
            if offsets:
                text = self._stack.layout(index).text[min(offsets) : max(offsets) + 1]
                yield self._pages[index].number, text

    def on_click(self, event: events.Click) -> None:
        """Mark the sentence under the mouse."""
        if self.text_selection is not None:
            return
        sentence = self._sentence_at(event.x - GUTTER, self.scroll_offset.y + event.y)
        if sentence is not None:
            self.post_message(self.SentenceClicked(sentence.id))

    def _sentence_at(self, column: int, row: int) -> Sentence | None:
        place = self._stack.at(row)
        if place is None:
            return None
        layout = self._stack.layout(place.index)
        if not 0 <= place.line < len(layout.lines) or column < 0:
            return None
        offset = layout.offset_at(place.line, column)
        sentences = self._stack.by_page.get(self._pages[place.index].number, [])
        at = bisect_right([s.start for s in sentences], -1 if offset is None else offset) - 1
        if offset is None or at < 0 or offset >= sentences[at].end:
            return None
        return sentences[at]
