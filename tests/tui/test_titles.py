"""A title is a document's own: it may hold what steers a terminal, and what would be markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Static

from docqa.app.tui.application import DocqaApp
from docqa.app.tui.screens.export import ExportScreen
from docqa.app.tui.screens.page_image import PageImageScreen
from docqa.app.tui.widgets.library_panel import DocumentList
from docqa.engine.exports.control_characters import clean
from docqa.engine.ingest.documents import document_from_text, ingest
from docqa.engine.library.store import Store
from tests.tui.conftest import Play, Stage
from tests.tui.test_library import drop, make_pdf

STEERING = "\x1b]52;c;ZXZpbA==\x1b\\"
"""Would write the clipboard."""
TITLE = f"Plan {STEERING}[/draft] \x9b31m[bold]"
SHOWN = "Plan ]52;c;ZXZpbA== \\[/draft] 31m[bold]"


def drawn(app: DocqaApp) -> str:
    """What goes to the terminal, without the application's own styles."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(s.text for s in line if not s.control) for line in lines)


def checked(stage: Stage) -> str:
    """What is on the screen, when nothing in it steers."""
    text = drawn(stage.app)
    assert clean(text) == text
    return text


@pytest.fixture
def titled(library: Path, tmp_path: Path) -> Path:
    """A library with a PDF and a text of such a title; gives the PDF."""
    path = make_pdf(tmp_path / "plan.pdf", 2)
    with Store(library) as store:
        store.add(document_from_text("The annual fee is 5 dollars.", title=TITLE))
        store.add(replace(ingest(path), title=TITLE))
    return path


def test_no_widget_gives_a_title_to_the_terminal_as_it_is(play: Play, titled: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.pilot.pause()
        assert "Ask Plan ]52;c;ZXZpbA== \\[/draft]" in checked(stage)
        assert SHOWN in " ".join(
            stage.screen.query_one("#welcome-text", Static).visual.plain.split()
        )
        stage.screen.library.query_one(DocumentList).focus()
        await stage.pilot.press("down", "space")  # both are asked
        card = await stage.ask("When is high water, and what is the annual fee?")
        await stage.answered(card)
        await stage.pilot.pause()
        assert "Plan ]52;c;ZXZpbA==" in checked(stage)
        await drop(stage, str(titled))
        await stage.until(lambda: any("in the library already" in one for one in stage.toasts))
        await stage.pilot.pause()
        checked(stage)
        await stage.pilot.press("ctrl+p")
        await stage.pilot.press(*"plan")
        await stage.pilot.pause(0.3)
        checked(stage)
        await stage.pilot.press("escape", "f1")
        await stage.pilot.pause()
        checked(stage)
        await stage.pilot.press("escape", "ctrl+e")
        await stage.until(lambda: isinstance(stage.app.screen, ExportScreen))
        await stage.pilot.pause()
        checked(stage)
        await stage.pilot.press("escape")
        stage.screen.panel.text.focus()
        await stage.pilot.press("i")
        await stage.until(lambda: isinstance(stage.app.screen, PageImageScreen))
        await stage.pilot.pause()
        assert "]52;c;ZXZpbA==" in checked(stage)
        await stage.pilot.press("escape")
        stage.screen.library.query_one(DocumentList).focus()
        await stage.pilot.press("x")
        await stage.until(lambda: any("Removed Plan" in toast for toast in stage.toasts))
        await stage.pilot.pause()
        checked(stage)
        await stage.pilot.press("ctrl+z")
        await stage.until(lambda: any("is back" in toast for toast in stage.toasts))
        checked(stage)

    play(body)


def test_what_a_widget_forgets_to_clean_is_cleaned_before_the_terminal(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.app.screen.mount(Static(f"a{STEERING}b|", markup=False))
        await stage.pilot.pause()
        assert "a]52;c;ZXZpbA==\\b|" in checked(stage)

    play(body)
