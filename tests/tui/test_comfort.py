"""Settings, keys, themes and pane sizes in the whole application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Select

from docqa.app.config import load_settings
from docqa.app.jobs.process import EngineProcess
from docqa.app.tui.application import DocqaApp
from docqa.app.tui.pane_sizes import PaneSizes, load_sizes, save_sizes, sizes_file
from docqa.app.tui.screens.help import HelpScreen
from docqa.app.tui.screens.log import LogScreen
from docqa.app.tui.screens.main import MainScreen
from docqa.app.tui.screens.settings import SettingsScreen

Play = Callable[..., None]


def test_settings_take_effect_at_once(play: Play, sample_library: Path) -> None:
    async def body(stage: Any) -> None:
        await stage.ready()
        await stage.pilot.press("f2")
        await stage.until(lambda: isinstance(stage.app.screen, SettingsScreen))
        stage.app.screen.query_one("#field-retriever", Select).value = "bm25"
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: isinstance(stage.app.screen, MainScreen))
        assert stage.app.settings.retriever == "bm25"
        card = await stage.ask("How much did the purchase of new vessels cost in 2024?")
        await stage.answered(card)
        assert "bm25" in str(card.query_one(".card-foot").visual)

    play(body)
    assert load_settings().retriever == "bm25"


def test_dialogs_open_by_their_keys_and_one_at_a_time(play: Play, sample_library: Path) -> None:
    async def body(stage: Any) -> None:
        await stage.ready()
        for key, kind in (("f1", HelpScreen), ("f2", SettingsScreen), ("ctrl+l", LogScreen)):
            await stage.pilot.press(key)
            await stage.until(lambda kind=kind: isinstance(stage.app.screen, kind))
            n_screens = len(stage.app.screen_stack)
            await stage.pilot.press("f2", "ctrl+l")
            assert len(stage.app.screen_stack) == n_screens
            await stage.pilot.press("escape")
            await stage.until(lambda: isinstance(stage.app.screen, MainScreen))

    play(body)


def test_the_keymap_moves_keys_and_unknown_names_are_told(play: Play, sample_library: Path) -> None:
    async def body(stage: Any) -> None:
        await stage.ready()
        await stage.until(lambda: stage.toasts)
        assert stage.toasts == [
            "The setting keymap names actions that do not exist: hepl. F1 shows the names."
        ]
        await stage.pilot.press("f9")
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))

    play(body, keymap="help=f9 hepl=f10")


def test_a_wrong_theme_is_told_and_replaced(play: Play, sample_library: Path) -> None:
    async def body(stage: Any) -> None:
        await stage.until(lambda: stage.toasts)
        assert "There is no theme 'docqa-drak'" in stage.toasts[0]
        assert "Did you mean 'docqa-dark'?" in stage.toasts[0]

    play(body, theme="docqa-drak")


def test_every_theme_dresses_the_whole_application(play: Play, sample_library: Path) -> None:
    async def body(stage: Any) -> None:
        await stage.ready()
        for name in stage.app.available_themes:
            stage.app.theme = name
            await stage.pilot.pause()

    play(body)


def test_pane_sizes_are_changed_by_keys_and_kept(play: Play, sample_library: Path) -> None:
    widths: list[int] = []

    async def widen(stage: Any) -> None:
        await stage.ready()
        document = stage.screen.query_one("#document")
        widths.append(document.size.width)
        await stage.pilot.press("alt+left", "alt+left")
        await stage.until(lambda: document.size.width > widths[0])
        widths.append(document.size.width)
        await stage.pilot.press("f3")
        await stage.until(lambda: not stage.screen.query_one("#library").region)
        assert stage.app.focused is stage.question
        for _ in range(4):  # Tab goes round without the pane that is not there
            await stage.pilot.press("tab")
            assert stage.app.focused.id != "library-list"

    async def look(stage: Any) -> None:
        await stage.ready()
        assert not stage.screen.query_one("#library").region
        document, talk = (
            stage.screen.query_one(name).size.width for name in ("#document", "#talk")
        )
        assert document > talk
        await stage.pilot.press("f3")
        await stage.until(lambda: stage.screen.query_one("#library").region)

    play(widen)
    play(look)
    assert load_sizes().has_library


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"document_share": 7, "has_library": true}', '{"document_share": "x"}']
)
def test_damaged_pane_sizes_are_forgotten(text: str) -> None:
    sizes_file().parent.mkdir(parents=True)
    sizes_file().write_text(text)
    assert load_sizes() == PaneSizes()


def test_pane_sizes_stay_within_what_can_be_read() -> None:
    assert PaneSizes().moved(0.05, 0.5) == PaneSizes(0.55)
    assert PaneSizes(0.74).moved(0.05, 0.5) == PaneSizes(0.75)
    assert PaneSizes(0.26).moved(-0.05, 0.5) == PaneSizes(0.25)
    save_sizes(PaneSizes(0.6, False))
    assert json.loads(sizes_file().read_text()) == {"document_share": 0.6, "has_library": False}
    assert load_sizes() == PaneSizes(0.6, False)


def test_quitting_while_the_library_loads_is_no_fault(
    engine: EngineProcess, sample_library: Path
) -> None:
    async def run() -> DocqaApp:
        app = DocqaApp(load_settings({"library": str(sample_library)}), engine=engine)
        async with app.run_test(size=(140, 40)) as pilot:
            await pilot.press("ctrl+q")
        return app

    for _ in range(3):
        app = asyncio.run(run())
        assert app.failure is None
