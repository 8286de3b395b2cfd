"""The export dialog and the page images, as a reader uses them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Checkbox, Input, RadioButton, Select, Static

from docqa.app.tui import terminal_images
from docqa.app.tui.screens.export import ExportScreen
from docqa.app.tui.screens.page_image import PageImageScreen
from docqa.app.tui.widgets.page_image import HalfBlockImage, half_blocks
from docqa.engine.exports.page_image import PageImage
from docqa.engine.exports.questions import ExportedQuestion
from docqa.engine.exports.write import Written
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.library.store import Store
from docqa.engine.types import Document, Evidence
from tests.pdfs import SAMPLE, asked, make_pdf, read

SECONDS = 60
NOTHING = object()


class Table(App[None]):
    """An app that opens one dialog and keeps what it gives back."""

    result: Any = NOTHING

    def __init__(self, dialog: Screen[Any]) -> None:
        super().__init__()
        self.dialog = dialog

    def on_mount(self) -> None:
        self.push_screen(self.dialog, lambda result: setattr(self, "result", result))


Body = Callable[[Any, Pilot[Any], Table], Awaitable[None]]


def opened(dialog: Screen[Any], body: Body, size: tuple[int, int] = (80, 24)) -> Any:
    """Open a dialog, do something in it, and return what it gave back."""

    async def run() -> Any:
        app = Table(dialog)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await body(dialog, pilot, app)
        return app.result

    return asyncio.run(run())


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {SECONDS} s in vain")
        await pilot.pause(0.02)


@cache
def sample() -> Document:
    return read(SAMPLE)


def found(words: str) -> int:
    document = sample()
    return next(s.id for s in document.sentences if words in document.sentence_text(s.id))


# --- exporting -------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    with Store(path) as store:
        store.add(sample())
    return path


def questions() -> list[ExportedQuestion]:
    return [
        asked(sample(), "How many employees did the company have?", 1),
        asked(sample(), "What did the company pay for new vessels?", 2),
    ]


async def choose(dialog: ExportScreen, pilot: Pilot[Any], group: str, index: int) -> None:
    dialog.query_one(f"#{group}").query(RadioButton)[index].value = True
    await pilot.pause()


def error_of(dialog: ExportScreen) -> str:
    return str(dialog.query_one("#error", Static).content)


def test_the_last_answer_goes_to_a_markdown_file_under_a_name_that_is_proposed(
    library: Path, tmp_path: Path
) -> None:
    async def body(dialog: ExportScreen, pilot: Pilot[Any], app: Table) -> None:
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.result is not NOTHING)

        assert "Wrote 1 question to " in "".join(n.message for n in app._notifications)

    written = opened(ExportScreen(questions(), library, folder=tmp_path), body)
    assert isinstance(written, Written)
    assert written.path.parent == tmp_path
    assert written.path.name.startswith("harrow-point-ferries")
    assert written.path.suffix == ".md"
    text = written.path.read_text(encoding="utf-8")
    assert text.startswith("# What did the company pay for new vessels?\n")
    assert "1 question" in written.summary


def test_a_conversation_goes_to_json(library: Path, tmp_path: Path) -> None:
    async def body(dialog: ExportScreen, pilot: Pilot[Any], app: Table) -> None:
        await choose(dialog, pilot, "what", 1)
        await choose(dialog, pilot, "format", 1)
        assert dialog.path.suffix == ".json"
        rows = [row.render().plain[1] for row in dialog.query_one("#format").query(RadioButton)]
        assert rows == [" ", "●", " "]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.result is not NOTHING)

    written = opened(ExportScreen(questions(), library, folder=tmp_path), body)
    assert [one["number"] for one in json.loads(written.path.read_text())] == [1, 2]


def test_evidence_is_highlighted_in_a_copy(library: Path, tmp_path: Path) -> None:
    async def body(dialog: ExportScreen, pilot: Pilot[Any], app: Table) -> None:
        await choose(dialog, pilot, "format", 2)
        field = dialog.query_one("#path", Input)
        field.value = "mine"
        field.focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.result is not NOTHING)

    written = opened(ExportScreen(questions(), library, chosen=0, folder=tmp_path), body)
    assert written.path == tmp_path / "mine"
    with pymupdf.open(written.path, filetype="pdf") as pdf:
        assert sum(len(list(page.annots())) for page in pdf) > 5
    assert "highlights in a copy of Harrow Point" in written.summary


def test_a_file_that_exists_is_replaced_only_when_that_is_ticked(
    library: Path, tmp_path: Path
) -> None:
    target = tmp_path / "there.md"
    target.write_text("theirs")

    async def body(dialog: ExportScreen, pilot: Pilot[Any], app: Table) -> None:
        dialog.query_one("#path", Input).value = str(target)
        await pilot.pause()
        tick = dialog.query_one("#replace", Checkbox)
        assert tick.display
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "exists already" in error_of(dialog))
        assert target.read_text() == "theirs"
        tick.value = True
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.result is not NOTHING)

    opened(ExportScreen(questions(), library, folder=tmp_path), body)
    assert target.read_text().startswith("# What did")


def test_what_goes_wrong_is_said_in_the_dialog_and_escape_closes_it(
    library: Path, tmp_path: Path
) -> None:
    async def body(dialog: ExportScreen, pilot: Pilot[Any], app: Table) -> None:
        field = dialog.query_one("#path", Input)
        field.value = ""
        await pilot.press("ctrl+s")
        assert error_of(dialog) == "Name a file."
        field.value = str(tmp_path / "none" / "a.md")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "There is no folder" in error_of(dialog))
        await pilot.press("escape")
        await until(pilot, lambda: app.result is not NOTHING)

    assert opened(ExportScreen(questions(), library, folder=tmp_path), body) is None
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".md"] == []


@pytest.mark.parametrize("name", ["a" * 300 + ".md", "/", "~nobody-of-this-name/x.md"])
def test_what_can_be_no_file_is_said_in_the_dialog(
    library: Path, tmp_path: Path, name: str
) -> None:
    async def body(dialog: ExportScreen, pilot: Pilot[Any], app: Table) -> None:
        dialog.query_one("#path", Input).value = name
        await choose(dialog, pilot, "format", 1)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: error_of(dialog))
        assert app.result is NOTHING

    opened(ExportScreen(questions(), library, folder=tmp_path), body)


def test_a_copy_of_an_encrypted_file_asks_for_its_password(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "secret.pdf", password="opensesame")
    document = read(path, password="opensesame")
    library = tmp_path / "library.db"
    with Store(library) as store:
        store.add(document)
    question = asked(document, "Who is the chair?")

    async def body(dialog: ExportScreen, pilot: Pilot[Any], app: Table) -> None:
        await choose(dialog, pilot, "format", 2)
        await pilot.press("ctrl+s")
        password = dialog.query_one("#password", Input)
        await until(pilot, lambda: password.has_focus)
        assert "needs a password" in error_of(dialog)
        await pilot.press(*"wrong", "enter")
        await until(pilot, lambda: "does not open" in error_of(dialog))
        password.value = "opensesame"
        await pilot.press("enter")
        await until(pilot, lambda: app.result is not NOTHING)

    written = opened(ExportScreen([question], library, folder=tmp_path), body)
    with pymupdf.open(written.path) as pdf:
        assert pdf.needs_pass


def test_where_evidence_is_from_two_files_one_is_chosen(library: Path, tmp_path: Path) -> None:
    other = read(make_pdf(tmp_path / "other.pdf"))
    with Store(library) as store:
        store.add(other)
    first, second = asked(sample(), "Who chose the chair?"), asked(other, "Who chose the chair?")
    both = dataclasses.replace(
        first.record,
        documents=first.record.documents + second.record.documents,
        evidence=first.record.evidence
        + tuple(
            dataclasses.replace(one, rank=one.rank + len(first.record.evidence))
            for one in second.record.evidence
        ),
    )

    async def body(dialog: ExportScreen, pilot: Pilot[Any], app: Table) -> None:
        select = dialog.query_one("#document", Select)
        assert not select.display
        await choose(dialog, pilot, "format", 2)
        assert select.display
        select.value = other.id
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.result is not NOTHING)

    question = dataclasses.replace(first, record=both)
    written = opened(ExportScreen([question], library, folder=tmp_path), body)
    assert "in a copy of other" in written.summary


# --- page images -----------------------------------------------------------------------------


def current_colours(image: PageImage) -> set[tuple[int, int, int]]:
    """The colours inside the frame of the current sentence."""
    assert image.current is not None
    x0, y0, x1, y1 = (round(side) for side in image.current)
    return {
        tuple(image.pixels[3 * (y * image.width + x) :][:3])  # type: ignore[misc]
        for y in range(y0, y1)
        for x in range(x0, x1)
    }


def test_a_page_is_drawn_with_the_evidence_and_keys_walk_and_zoom() -> None:
    document = sample()
    ids = [found("Purchase of new vessels"), found("To pay for the vessels")]
    evidence = [Evidence(document.id, one, 5.0 - n, n + 1) for n, one in enumerate(ids)]

    async def body(dialog: PageImageScreen, pilot: Pilot[Any], app: Table) -> None:
        def image() -> PageImage | None:
            views = dialog.query(HalfBlockImage)
            return views.first().image if views else None

        await until(pilot, image)
        first = image()
        assert first is not None
        assert first.current is not None
        assert any(green > red + 20 for red, green, _ in current_colours(first))
        frame = dialog.query_one("Vertical")
        assert str(frame.border_subtitle) == "p. 9 of 13 · 100% · evidence 1 of 2"
        await pilot.press("n")
        await until(pilot, lambda: "p. 6 of 13" in str(frame.border_subtitle))
        await until(pilot, lambda: image() is not first)
        await pilot.press("plus", "plus")
        await until(pilot, lambda: (now := image()) is not None and now.width > 1.9 * first.width)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "p. 7 of 13 · 200%" in str(frame.border_subtitle))
        await pilot.press("escape")
        await until(pilot, lambda: app.result is not NOTHING)

    screen = PageImageScreen(document, 9, evidence, ids[0])
    assert opened(screen, body, size=(120, 40)) == 7


@pytest.mark.parametrize("case", ["text", "moved", "changed"])
def test_without_its_file_a_document_says_why_there_is_no_image(tmp_path: Path, case: str) -> None:
    path = tmp_path / "a.pdf"
    document = read(make_pdf(path))
    if case == "moved":
        path.unlink()
    elif case == "changed":
        make_pdf(path, text="Another text.")
    else:
        document = document_from_text("Some words.", title="note")
    says = {
        "text": "was not read from a file",
        "moved": "is no longer at",
        "changed": "has changed since it was read",
    }[case]

    async def body(dialog: PageImageScreen, pilot: Pilot[Any], app: Table) -> None:
        message = dialog.query_one("#message", Static)
        await until(pilot, lambda: says in str(message.content))
        await pilot.press("escape")
        await until(pilot, lambda: app.result is not NOTHING)

    assert opened(PageImageScreen(document, 1), body) == 1


def test_a_text_file_has_no_page_images(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("Some words that make a text.\n")

    async def body(dialog: PageImageScreen, pilot: Pilot[Any], app: Table) -> None:
        message = dialog.query_one("#message", Static)
        await until(pilot, lambda: "note is a text file" in str(message.content))

    opened(PageImageScreen(read(path), 1), body)


def test_an_encrypted_document_asks_for_its_password(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", password="opensesame")
    document = read(path, password="opensesame")

    async def body(dialog: PageImageScreen, pilot: Pilot[Any], app: Table) -> None:
        password = dialog.query_one("#password", Input)
        await until(pilot, lambda: password.has_focus)
        await pilot.press(*"opensesame", "enter")
        await until(pilot, lambda: dialog.query(HalfBlockImage))
        assert not password.display

    opened(PageImageScreen(document, 1), body)


def test_half_blocks_show_two_pixels_a_cell() -> None:
    red, blue = b"\xff\x00\x00", b"\x00\x00\xff"
    image = PageImage(3, 3, red * 3 + blue * 2 + red + red * 3, None)
    strip = half_blocks(image, 0)
    assert strip.text == "▀▀▀"
    assert [len(segment.text) for segment in strip] == [2, 1]
    first = next(iter(strip)).style
    assert first is not None
    assert first.color is not None
    assert first.bgcolor is not None
    assert first.color.get_truecolor() == (255, 0, 0)
    assert first.bgcolor.get_truecolor() == (0, 0, 255)
    assert half_blocks(image, 1).cell_length == 3  # an odd last row stands over itself


# --- terminals that draw pictures ------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "asks"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "foot-extra"}, True),
        ({"TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"WT_SESSION": "1"}, True),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, False),
        ({"TERM": "xterm-kitty", "TEXTUAL_DRIVER": "web"}, False),
    ],
)
def test_only_terminals_that_draw_are_asked(environment: dict[str, str], asks: bool) -> None:
    assert terminal_images.may_draw(environment) is asks


def test_the_terminal_is_given_the_picture_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `prepare_images` in a Kitty: its protocol instead of half blocks."""
    module = pytest.importorskip("textual_image.widget")
    from textual_image.renderable import tgp

    assert terminal_images.cell_size() is None  # here is no terminal that draws
    monkeypatch.setattr("textual_image.renderable.Image", tgp.Image)
    monkeypatch.setattr(module, "Image", module.TGPImage)
    assert terminal_images.cell_size() == tuple(module.get_cell_size())
    sent: list[dict[str, object]] = []
    monkeypatch.setattr(tgp, "_send_tgp_message", lambda **message: sent.append(message))

    async def body(dialog: PageImageScreen, pilot: Pilot[Any], app: Table) -> None:
        await until(pilot, lambda: dialog.query(module.TGPImage))
        await until(pilot, lambda: sent)
        assert not dialog.query(HalfBlockImage)
        shown = dialog.query(module.TGPImage).first()
        assert shown.size.width > 70

    opened(PageImageScreen(sample(), 9), body)
