"""The document panel as a reader uses it: evidence, search, pages, quotes, partial documents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any
from unittest.mock import Mock

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Label, OptionList

from docqa.app.tui.screens.page_image import PageImageScreen
from docqa.app.tui.widgets import page_stack
from docqa.app.tui.widgets.document_panel import DocumentPanel
from docqa.app.tui.widgets.page_ink import Ink, paint
from docqa.app.tui.widgets.page_layout import lay_out
from docqa.app.tui.widgets.page_search import PageSearch
from docqa.app.tui.widgets.page_text import GUTTER, PageText
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.types import Document, Evidence, Page, Sentence
from tests.pdfs import SAMPLE, read

SECONDS = 60


class Desk(App[None]):
    """An app with nothing but the panel; keeps what the panel says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Message] = []

    def compose(self) -> ComposeResult:
        yield DocumentPanel()

    def on_document_panel_evidence_shown(self, event: Message) -> None:
        self.said.append(event)

    def on_document_panel_evidence_elsewhere(self, event: Message) -> None:
        self.said.append(event)

    def on_document_panel_copied(self, event: Message) -> None:
        self.said.append(event)

    @property
    def panel(self) -> DocumentPanel:
        return self.query_one(DocumentPanel)

    @property
    def screen_text(self) -> str:
        """What stands on the screen, line by line."""
        width, height = self.size
        lines = self.screen._compositor.render_strips(self.size)
        assert len(lines) == height
        return "\n".join(strip.text[:width].rstrip() for strip in lines)

    @property
    def toasts(self) -> str:
        return "\n".join(notification.message for notification in self._notifications)


Body = Callable[[Desk, Pilot[Any]], Awaitable[None]]


def at_desk(body: Body, size: tuple[int, int] = (80, 30), app: Desk | None = None) -> None:
    async def run() -> None:
        desk = app or Desk()
        async with desk.run_test(size=size) as pilot:
            await body(desk, pilot)

    asyncio.run(run())


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {SECONDS} s in vain")
        await pilot.pause(0.02)


@cache
def sample() -> Document:
    return read(SAMPLE)


def sentence(words: str) -> Sentence:
    document = sample()
    return next(s for s in document.sentences if words in document.sentence_text(s.id))


def evidence(*words: str, document_id: str | None = None) -> list[Evidence]:
    return [
        Evidence(document_id or sample().id, sentence(one).id, 5.0 - n, n + 1)
        for n, one in enumerate(words)
    ]


FOUND = ("Purchase of new vessels", "To pay for the vessels", "Vessels under construction")


async def show(app: Desk, pilot: Pilot[Any]) -> None:
    app.panel.show(sample())
    app.panel.show_evidence(evidence(*FOUND))
    app.panel.text.focus()
    await pilot.pause()


def inks_of(app: Desk, words: str) -> set[Ink]:
    """How the words on the screen are drawn."""
    place = sentence(words)
    on_page = [s for s in sample().sentences if s.page == place.page]
    inks = paint(sample().pages[place.page - 1], on_page, app.panel.text.marks)
    return {Ink(ink) for ink in inks[place.start : place.end]}


def test_the_first_evidence_is_in_view_and_stands_out() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        await show(app, pilot)
        assert app.panel.border_title == sample().title
        assert app.panel.border_subtitle == "p. 9 of 13 · evidence 1 of 3"
        line = next(row for row in app.screen_text.splitlines() if "Purchase of new" in row)
        assert " 1▌ " in line  # its rank, in the gutter
        assert "(18,640)  (6,200)" in line
        assert inks_of(app, FOUND[0]) == {Ink.CURRENT}
        assert inks_of(app, FOUND[1]) == {Ink.STRONG}
        assert inks_of(app, "Dividends paid") == {Ink.PLAIN}
        (said,) = app.said
        assert isinstance(said, DocumentPanel.EvidenceShown)
        assert said.evidence.rank == 1

    at_desk(body)


def test_n_and_p_walk_through_the_evidence_and_round() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        await show(app, pilot)
        for key, rank, page, words in (
            ("n", 2, 6, "To pay for the vessels"),
            ("n", 3, 10, "Vessels under construction"),
            ("n", 1, 9, "Purchase of new vessels"),
            ("p", 3, 10, "Vessels under construction"),
        ):
            await pilot.press(key)
            await pilot.pause()
            assert app.panel.border_subtitle == f"p. {page} of 13 · evidence {rank} of 3"
            assert words in app.screen_text
            assert inks_of(app, words) == {Ink.CURRENT}

    at_desk(body)


def test_evidence_of_another_document_is_asked_for() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(sample())
        mixed = [*evidence(FOUND[0]), *evidence(FOUND[1], document_id="other")]
        app.panel.show_evidence(mixed)
        app.panel.text.focus()
        await pilot.press("n")
        await pilot.pause()
        said = app.said[-1]
        assert isinstance(said, DocumentPanel.EvidenceElsewhere)
        assert said.current == 1
        assert said.evidence[1].document_id == "other"

    at_desk(body)


def test_evidence_is_brought_into_view_when_the_panel_gets_its_size_later() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.display = False
        await pilot.pause()
        await show(app, pilot)
        app.panel.display = True
        await until(pilot, lambda: "Purchase of new vessels" in app.screen_text)

    at_desk(body)


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 12)])
def test_what_is_at_the_top_stays_there_when_the_width_changes(size: tuple[int, int]) -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(sample(), page=6)
        app.panel.text.focus()
        await pilot.pause()
        await pilot.press("down", "down", "down")  # from here on the reader scrolls
        await pilot.pause()
        place = app.panel.text.first_in_view()
        await pilot.resize_terminal(*size)
        await pilot.pause()
        assert place is not None
        now = app.panel.text.first_in_view()
        assert now is not None
        assert now[0] == place[0]
        assert abs(now[1] - place[1]) < 200  # the same line, cut at another word

    at_desk(body)


def test_search_lists_hits_by_page_and_steps_through_them() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        await show(app, pilot)
        await pilot.press("slash", *"mutual bank")
        search = app.panel.query_one(PageSearch)
        await until(pilot, lambda: search.findings.places)
        await pilot.pause()
        pages = [place.page for place in search.findings.places]
        listed = search.query_one(OptionList)
        assert listed.option_count == len(pages)
        assert "Sound Mutual Bank" in str(listed.get_option_at_index(0).prompt)
        count = search.query_one("#count", Label)
        at = next(n for n, page in enumerate(pages) if page >= 9)
        assert f"{at + 1} of {len(pages)} on " in str(count.content)
        await pilot.press("enter")
        await pilot.pause()
        assert app.panel.text.page == pages[(at + 1) % len(pages)]
        assert "Sound Mutual Bank" in app.screen_text
        app.panel.text.focus()
        await pilot.press("N")
        await pilot.pause()
        assert app.panel.text.page == pages[at]
        await pilot.press("escape")
        await pilot.pause()
        assert not search.is_open
        await pilot.press("n")  # evidence again
        await pilot.pause()
        assert "evidence 2 of 3" in str(app.panel.border_subtitle)

    at_desk(body)


def test_a_search_without_hits_says_so_and_a_started_search_is_done() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(sample())
        app.panel.start_search("dividend")
        search = app.panel.query_one(PageSearch)
        await until(pilot, lambda: search.findings.places)
        search.query_one(Input).value = "no such words anywhere"
        await until(pilot, lambda: not search.findings.places)
        await pilot.pause()
        assert str(search.query_one("#count", Label).content) == "no hits"
        assert not search.query_one(OptionList).display

    at_desk(body)


def test_a_hit_is_chosen_from_the_list() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(sample())
        app.panel.start_search("dividend")
        search = app.panel.query_one(PageSearch)
        await until(pilot, lambda: search.findings.places)
        await pilot.press("down", "end", "enter")
        await pilot.pause()
        assert app.panel.text.page == search.findings.places[-1].page
        assert app.panel.text.marks.current_hit == search.findings.places[-1]

    at_desk(body)


def test_go_to_a_page_and_past_the_end() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(sample())
        app.panel.text.focus()
        await pilot.press("g", "1", "2", "enter")
        await pilot.pause()
        assert app.panel.text.page == 12
        assert "page 12 of 13" in app.screen_text
        assert app.focused is app.panel.text
        await pilot.press("g", "9", "9", "enter")
        await pilot.pause()
        assert "There is no page 99" in app.toasts
        assert "has 13 pages" in app.toasts
        await pilot.press("escape")
        assert app.focused is app.panel.text
        await pilot.press("left_square_bracket")
        await pilot.pause()
        assert app.panel.text.page == 11

    at_desk(body)


def test_copy_takes_the_evidence_the_clicked_sentence_or_the_selected_words() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        await show(app, pilot)
        await pilot.press("c")
        await pilot.pause()
        said = app.said[-1]
        assert isinstance(said, DocumentPanel.Copied)
        assert said.text == (
            "“Purchase of new vessels | (18,640) | (6,200)” [columns: Year ended December 31, "
            f"(In thousands) | 2024 | 2023] — {sample().title}, p. 9"
        )
        row = next(
            n for n, line in enumerate(app.screen_text.splitlines()) if "Terminal impro" in line
        )
        inside = app.panel.text.region
        await pilot.click(PageText, offset=Offset(GUTTER + 3, row - inside.y))
        await pilot.pause()
        assert app.panel.quote().startswith("“Terminal improvements | (2,385) | (1,710)”")
        assert inks_of(app, "Terminal improvements") == {Ink.MARKED}
        await pilot.mouse_down(PageText, offset=Offset(GUTTER, row - inside.y))
        await pilot.hover(PageText, offset=Offset(GUTTER + 7, row - inside.y))
        await pilot.mouse_up(PageText, offset=Offset(GUTTER + 7, row - inside.y))
        await pilot.pause()
        assert app.panel.quote() == f"“Terminal” — {sample().title}, p. 9"
        assert app.screen.get_selected_text() == "Terminal"

    at_desk(body)


def test_a_click_on_evidence_makes_it_current() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(sample())
        app.panel.show_evidence(evidence("Purchase of new vessels", "Other equipment"))
        await pilot.pause()
        rows = app.screen_text.splitlines()
        row = next(n for n, line in enumerate(rows) if "Other equipment" in line)
        await pilot.click(PageText, offset=Offset(GUTTER + 3, row - app.panel.text.region.y))
        await pilot.pause()
        assert app.panel.current_evidence is not None
        assert app.panel.current_evidence.rank == 2

    at_desk(body)


def test_nothing_to_copy_says_what_to_do() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(sample())
        app.panel.text.focus()
        await pilot.press("c", "n")
        await pilot.pause()
        assert "Nothing to copy" in app.toasts
        assert "No evidence is shown here" in app.toasts

    at_desk(body)


def test_pages_can_be_read_and_searched_while_the_rest_comes_in() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        pages = sample().pages
        app.panel.show_partial("report.pdf", pages[:2], 13)
        app.panel.text.focus()
        await pilot.pause()
        assert app.panel.border_title == "report.pdf"
        assert app.panel.border_subtitle == "p. 1 of 13 · reading: 2 pages so far"
        assert "page 1 of 13" in app.screen_text
        await pilot.press("down", "down")
        place = app.panel.text.first_in_view()
        app.panel.start_search("dividend")
        search = app.panel.query_one(PageSearch)
        await until(pilot, lambda: search.findings.places)
        n_found = len(search.findings.places)
        app.panel.show_partial("report.pdf", pages[:9], 13)
        await pilot.pause()
        assert len(search.findings.places) > n_found
        assert place is not None
        app.panel.show(sample())
        await pilot.pause()
        assert app.panel.border_title == sample().title

    at_desk(body)


def test_more_pages_do_not_move_what_is_being_read() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        pages = sample().pages
        app.panel.show_partial("report.pdf", pages[:3], 13)
        app.panel.text.focus()
        await pilot.pause()
        await pilot.press("pagedown")
        await pilot.pause()
        place = app.panel.text.first_in_view()
        app.panel.show_partial("report.pdf", pages[:10], 13)
        await pilot.pause()
        assert app.panel.text.first_in_view() == place

    at_desk(body)


def test_an_empty_panel_and_a_cleared_one() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        assert "The document opens here" in app.screen_text
        await show(app, pilot)
        app.panel.clear()
        await pilot.pause()
        assert "The document opens here" in app.screen_text
        app.panel.start_search("x")
        assert not app.panel.query_one(PageSearch).is_open
        assert app.panel.quote() == ""

    at_desk(body)


def test_words_of_a_document_are_no_markup() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        document = document_from_text("[bold]See[/] [red]1[/red] here.", title="[blink]T[/blink]")
        app.panel.show(document)
        app.panel.start_search("see")
        await pilot.pause()
        assert "[bold]See[/] [red]1[/red] here." in app.screen_text
        assert "[blink]T[/blink]" in app.screen_text

    at_desk(body)


@pytest.mark.parametrize("variable", ["NO_COLOR", ""])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
def test_evidence_looks_different_in_every_theme(
    monkeypatch: pytest.MonkeyPatch, variable: str, theme: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")

    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.theme = theme
        await show(app, pilot)
        text = app.panel.text
        plain = text.rich_style
        current = text.ink_style(Ink.CURRENT)
        strong = text.ink_style(Ink.STRONG)
        hit = text.ink_style(Ink.CURRENT_HIT)
        if variable:  # colours are gone: the rest must differ
            colourless = [style.without_color for style in (plain, current, strong, hit)]
            assert len({str(style) for style in colourless}) == 4
        else:
            assert len({str(style) for style in (plain, current, strong, hit)}) == 4

    at_desk(body)


def test_the_page_image_opens_and_closes_where_it_was_left() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        await show(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, PageImageScreen))
        await pilot.press("right_square_bracket", "right_square_bracket", "escape")
        await until(pilot, lambda: app.panel.text.page == 11)

    at_desk(body)


def test_a_frame_of_a_long_document_draws_the_lines_in_view_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that it takes no longer than of a short one; `docqa bench tui` measures how long."""
    text = " ".join(["The quick “brown” fox jumps over the lazy dog."] * 60)
    table = "\n".join(f"Net revenue of region {n} | {n},123 | {n},456" for n in range(20))
    page = document_from_text(f"Results\n{text}\n{table}\n{text}", title="long")
    pages = tuple(Page(number, page.text) for number in range(1, 401))
    n_each = len(page.sentences)
    sentences = tuple(
        Sentence(number * n_each + s.id, number + 1, s.start, s.end, s.kind)
        for number in range(400)
        for s in page.sentences
    )
    document = Document("f" * 64, "long", None, pages, sentences, "test/1")

    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(document)
        await pilot.pause()
        view = app.panel.text
        await until(pilot, lambda: view.is_measured)
        laid_out, drawn = Mock(wraps=lay_out), Mock(wraps=view._draw)
        monkeypatch.setattr(page_stack, "lay_out", laid_out)
        monkeypatch.setattr(view, "_draw", drawn)
        for step in range(1, 21):
            drawn.reset_mock()
            view.scroll_to(y=(step * 7919) % view.max_scroll_y, animate=False, force=True)
            await pilot.pause()
            app.screen._compositor.render_strips(app.size)
            assert 0 < drawn.call_count <= view.size.height
        laid_out.assert_not_called()

    at_desk(body, size=(200, 60))


def test_ranks_of_three_digits_fit_the_gutter() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        app.panel.show(sample())
        row = sentence("Purchase of new vessels")
        app.panel.show_evidence([Evidence(sample().id, row.id, 0.1, 123)])
        await pilot.pause()
        line = next(text for text in app.screen_text.splitlines() if "Purchase of new" in text)
        assert line.startswith("│123▌Purchase of new vessels")

    at_desk(body)


def test_a_cleared_panel_may_change_its_size() -> None:
    async def body(app: Desk, pilot: Pilot[Any]) -> None:
        await show(app, pilot)
        app.panel.clear()
        await pilot.resize_terminal(60, 20)
        app.panel.add_class("-open")  # as when it is shown again before the next document
        await pilot.pause()
        assert app.panel.text.page == 0
        app.panel.show(sample())
        await pilot.pause()
        assert app.panel.text.page == 1

    at_desk(body)
