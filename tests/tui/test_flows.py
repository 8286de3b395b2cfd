"""Panes, keys, search, export, settings and errors on the main screen."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from textual import events
from textual.geometry import Region
from textual.widgets import Button, Input, Markdown

from docqa.app.config import user_file
from docqa.app.jobs.process import EngineProcess
from docqa.app.tui.screens.export import ExportScreen
from docqa.app.tui.screens.file_picker import FilePicker
from docqa.app.tui.screens.help import HelpScreen
from docqa.app.tui.screens.log import LogScreen
from docqa.app.tui.screens.settings import SettingsScreen
from docqa.app.tui.widgets.answer_card import CardState
from docqa.app.tui.widgets.key_footer import KeyFooter
from docqa.app.tui.widgets.library_panel import DocumentList
from docqa.app.tui.widgets.page_search import PageSearch
from docqa.app.tui.widgets.pane_tabs import PaneTabs
from docqa.engine.library.store import Store
from tests.tui.conftest import ANSWER, PAGE, QUESTION, Play, Stage

pytestmark = pytest.mark.usefixtures("sample_library")


def test_tab_goes_through_the_panes(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.answered(await stage.ask(QUESTION))
        stops = []
        for _ in range(4):
            stops.append(type(stage.app.focused).__name__)
            await stage.pilot.press("tab")
        assert stops == ["QuestionInput", "PageText", "DocumentList", "EvidenceList"]
        assert stage.app.focused is stage.question
        await stage.pilot.press("shift+tab")
        assert type(stage.app.focused).__name__ == "EvidenceList"

    play(body)


@pytest.mark.parametrize("size", [(80, 24), (109, 30)])
def test_a_narrow_terminal_shows_one_pane(play: Play, size: tuple[int, int]) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        screen = stage.screen

        def shown() -> list[str]:
            return [
                pane
                for pane in ("library", "talk", "document")
                if screen.query_one(f"#{pane}").region
            ]

        assert shown() == ["talk"]
        await stage.pilot.press("tab")
        await stage.until(lambda: shown() == ["document"])
        await stage.pilot.press("tab")
        await stage.until(lambda: shown() == ["library"])
        await stage.pilot.press("escape")
        await stage.until(lambda: shown() == ["talk"])
        await stage.pilot.click(PaneTabs, offset=(3, 0))
        await stage.until(lambda: shown() == ["library"])
        await stage.pilot.press("enter")
        await stage.until(lambda: shown() == ["document"])
        await stage.pilot.press("escape")
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        assert shown() == ["talk"]
        card.evidence_list.focus()
        await stage.pilot.press("enter")
        await stage.until(lambda: shown() == ["document"])
        await stage.until(lambda: screen.panel.current_evidence)

    play(body, size=size)


@pytest.mark.parametrize("size", [(110, 24), (160, 45), (200, 60)])
def test_a_wide_terminal_shows_all_panes(play: Play, size: tuple[int, int]) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        widths = [
            stage.screen.query_one(f"#{one}").region.width
            for one in ("library", "talk", "document")
        ]
        assert size[0] - sum(widths) in (0, 1)
        assert min(widths) >= 28
        assert not stage.screen.query_one(PaneTabs).region

    play(body, size=size)


def test_the_key_for_help_is_seen_where_not_all_keys_fit(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        stage.screen.panel.text.focus()
        footer = stage.screen.query_one(KeyFooter)
        await stage.until(lambda: places(footer).get("search"))
        await stage.until(lambda: places(footer)["help"].right == 80)
        assert places(footer)["settings"].right > 80
        assert places(footer)["help"].y == 23

    def places(footer: KeyFooter) -> dict[str, Region]:
        return {key.action: key.region for key in footer.children if hasattr(key, "action")}

    play(body, size=(80, 24))


def test_resizing_keeps_what_is_shown(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        for size in ((80, 24), (200, 60), (40, 12), (140, 40)):
            await stage.pilot.resize_terminal(*size)
            await stage.pilot.pause()
            assert card.state is CardState.ANSWERED
        assert ANSWER in card.query_one(Markdown).source.replace("\\", "")

    play(body)


def test_search_in_the_document(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.pilot.press("ctrl+f")
        await stage.write("Grey Heron")
        search = stage.screen.panel.query_one(PageSearch)
        await stage.until(lambda: search.findings.places)
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.panel.text.page > 1)

    play(body)


def test_export_to_a_file(play: Play, sample_library: Path, tmp_path: Path) -> None:
    out = tmp_path / "answer.md"

    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.pilot.press("ctrl+e")
        await stage.until(lambda: any("no answer to export" in one for one in stage.toasts))
        await stage.answered(await stage.ask(QUESTION))
        await stage.pilot.press("ctrl+e")
        await stage.until(lambda: isinstance(stage.app.screen, ExportScreen))
        field = stage.app.screen.query_one("#path", Input)
        field.value = str(out)
        await stage.pilot.pause()
        await stage.pilot.press("ctrl+s")
        await stage.until(lambda: not isinstance(stage.app.screen, ExportScreen))

    play(body)
    assert QUESTION in out.read_text()
    with Store(sample_library) as store:
        (asked,) = store.questions()
    assert asked.asked_at[:16].replace("T", " ") + " UTC" in out.read_text()


def test_dialogs_open_and_close(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        for key, dialog in (
            ("f1", HelpScreen),
            ("f2", SettingsScreen),
            ("ctrl+l", LogScreen),
            ("ctrl+o", FilePicker),
        ):
            await stage.pilot.press(key)
            await stage.until(lambda dialog=dialog: isinstance(stage.app.screen, dialog))
            await stage.pilot.press("escape")
            await stage.until(lambda: stage.app.screen is stage.screen)

    play(body)


def test_a_file_is_chosen_in_the_picker(play: Play, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("The gate is closed at night.")

    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.pilot.press("ctrl+o")
        await stage.until(lambda: isinstance(stage.app.screen, FilePicker))
        stage.app.screen.query_one(Input).value = str(path)
        await stage.pilot.pause()
        await stage.pilot.press("enter")
        await stage.until(
            lambda: stage.screen.panel.document and stage.screen.panel.document.title == "notes"
        )

    play(body)


def test_other_settings_hold_for_the_next_question(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.answered(await stage.ask(QUESTION))
        changed = stage.screen.settings.model_copy(update={"retriever": "bm25", "words": 60})
        stage.app.use_settings(changed)
        await stage.until(lambda: stage.screen.settings.retriever == "bm25")
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        assert card.record.reading.name == "bm25"
        assert sum(len(one.text.split()) for one in card.record.evidence) <= 60

    play(body)
    assert not user_file().exists()


def test_the_palette_does_what_the_keys_do(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.pilot.press("ctrl+p")
        await stage.pilot.press(*"earlier conv")
        await stage.until(lambda: len(stage.app.screen_stack) == 3)
        await stage.pilot.pause(0.5)
        await stage.pilot.press("enter")
        await stage.until(lambda: any("no earlier conversation" in one for one in stage.toasts))

    play(body)


def test_quotes_are_copied_with_their_place(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.answered(await stage.ask(QUESTION))
        await stage.until(lambda: stage.screen.panel.current_evidence)
        stage.screen.panel.text.focus()
        await stage.pilot.press("c")
        await stage.until(lambda: stage.app.clipboard)
        assert ANSWER in stage.app.clipboard
        assert f"p. {PAGE}" in stage.app.clipboard

    play(body)


def test_keys_are_answered_while_the_model_loads_and_reads(play: Play, tmp_path: Path) -> None:
    """With an engine of its own, so that torch is loaded meanwhile, and a document to read."""
    long = tmp_path / "long.txt"
    long.write_text(
        "\n".join(f"Line {n}: the gate is closed at {n} at night." for n in range(2500))
    )
    n_answered: Counter[str] = Counter()

    async def body(stage: Stage) -> None:
        await stage.ready()
        fresh = EngineProcess()
        stage.screen.desk.asking._engine = fresh
        try:
            stage.screen.add_files([long])
            await stage.until(
                lambda: stage.screen.panel.document and stage.screen.panel.document.title == "long"
            )
            card = await stage.ask("When is the gate closed?")
            while card.is_running:
                stage.app.post_message(events.Key("a", "a"))
                while not stage.question.text:
                    await asyncio.sleep(0.001)
                n_answered[card.state.value] += 1
                stage.question.text = ""
                await asyncio.sleep(0.02)
            assert card.state in (CardState.ANSWERED, CardState.ABSTAINED), stage.toasts
        finally:
            fresh.close()

    play(body)
    assert min(n_answered["-waiting"], n_answered["-reading"]) >= 3, n_answered


def test_nothing_heavy_is_loaded_to_start(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from docqa.app.config import load_settings\n"
        "from docqa.app.tui.application import DocqaApp\n"
        "async def main():\n"
        "    app = DocqaApp(load_settings({'library': sys.argv[1]}))\n"
        "    async with app.run_test() as pilot:\n"
        "        await pilot.pause(0.3)\n"
        "asyncio.run(main())\n"
        "heavy = {'torch', 'pymupdf', 'tokenizers', 'bm25s', 'transformers', 'httpx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "library.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_answer_can_be_asked_again_with_the_keyboard(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.until(lambda: card.state is CardState.UNANSWERED)
        stage.app.use_settings(stage.screen.settings.model_copy(update={"checkpoint": ""}))
        await stage.pilot.press("shift+tab")
        assert isinstance(stage.app.focused, Button)
        await stage.pilot.press("enter")
        await stage.answered(card)

    play(body, checkpoint="/nowhere")


def test_the_library_list_walks_to_the_document_with_enter(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        stage.screen.panel.clear()
        stage.screen.library.query_one(DocumentList).focus()
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.screen.panel.document)

    play(body)
