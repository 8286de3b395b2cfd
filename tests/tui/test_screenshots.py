"""Pictures of the application: shown by the README, and compared here with what it looks like now.

`make screenshots` takes them anew. Everything in them is real but the clock: the times of the
answer are set, so that a picture does not depend on the machine.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import TextArea

from docqa.app.config import load_settings
from docqa.app.jobs.process import EngineProcess
from docqa.app.session import load_models
from docqa.app.tui.application import DocqaApp
from docqa.app.tui.screens.main import MainScreen
from docqa.engine import pipeline
from docqa.engine.generators.base import load_generator
from docqa.engine.library.record import Record, Seconds, make_record
from docqa.engine.library.store import Store
from docqa.engine.reader import reader_of

ROOT = Path(__file__).parent.parent.parent
PICTURES = ROOT / "assets" / "screenshots"
SAMPLE = ROOT / "assets/sample/harrow-point-ferries.pdf"
UPDATE = "UPDATE_SCREENSHOTS"
MAX_BYTES = 300_000
WAIT_SECONDS = 60.0
QUESTION = "How much did the purchase of new vessels cost in 2024?"
N_SENTENCES = 5
CASES = {
    "main": ((140, 40), "docqa-dark"),
    "main-120x40-light": ((120, 40), "docqa-light"),
    "main-80x24": ((80, 24), "docqa-dark"),
    "main-80x24-16-colours": ((80, 24), "docqa-16-dark"),
    "first-start": ((120, 40), "docqa-dark"),
    "help": ((120, 40), "docqa-dark"),
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library in which the sample document has answered a question."""
    path = tmp_path_factory.mktemp("answered") / "library.db"
    with Store(path) as store:
        document, _ = pipeline.open_file(store, SAMPLE)
        retriever, _ = load_models(load_settings({"device": "cpu"}), store)
        reader = reader_of(retriever)
        generator = load_generator("extractive", threshold=0.0, reader=reader)  # it answers
        answer = pipeline.ask(QUESTION, [document], retriever, generator, top_k=N_SENTENCES)
        record = make_record(
            answer,
            [document],
            n_tokens={document.id: 4597},
            model=None,
            strategy="direct",
            ingest_seconds=0.2,
            total_seconds=0.9,
        )
        conversation = store.start_conversation()
        question = store.note_question(QUESTION, [document.id], conversation)
        store.add_record(
            with_fixed_times(record), conversation_id=conversation, unanswered_id=question
        )
    return path


def with_fixed_times(record: Record) -> Record:
    reading = replace(record.reading, seconds=0.6, n_tokens=4597)
    seconds = Seconds(0.2, 0.6, 0.0, 0.9)
    return replace(record, reading=reading, seconds=seconds)


@pytest.fixture
def all_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours as in the pictures."""
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return


def picture(case: str, library: Path, engine: EngineProcess) -> str:
    """Draw one case."""
    size, theme = CASES[case]

    async def draw() -> str:
        settings = load_settings({"library": str(library), "theme": theme})
        app = DocqaApp(settings, engine=engine)
        async with app.run_test(size=size) as pilot:

            async def until(condition: Callable[[], object]) -> None:
                for _ in range(int(WAIT_SECONDS / 0.02)):
                    if condition():
                        return
                    await pilot.pause(0.02)
                raise AssertionError(f"waited {WAIT_SECONDS:.0f} s in vain")

            def main() -> MainScreen | None:
                return next((s for s in app.screen_stack if isinstance(s, MainScreen)), None)

            def shows_evidence() -> bool:
                assert screen is not None
                return any(card.evidence_list.lines for card in screen.conversation.cards)

            await until(main)
            screen = main()
            assert screen is not None
            await until(lambda: screen.query("#welcome-sample") and screen.query(TextArea))
            screen.query_one(TextArea).cursor_blink = False
            if case == "first-start":
                await until(lambda: screen.query("#welcome-sample").first().region.height)
            else:
                await until(lambda: screen.panel.document is not None)
                await until(shows_evidence)
            if case.startswith("main"):
                screen.conversation.cards[-1].evidence_list.focus()
                await pilot.press("enter")
                await until(lambda: screen.panel.current_evidence is not None)
                if "80x24" in case:
                    screen.show_pane("conversation")
                    screen.conversation.cards[-1].evidence_list.focus()
            if case == "help":
                await pilot.press("f1")
                app.screen.query_one("Input").cursor_blink = False
            for _ in range(10):
                await pilot.pause(0.05)
            return app.export_screenshot(title="docqa")

    return asyncio.run(draw())


def plain(svg: str) -> str:
    """A picture without the numbers Textual makes up for its style classes."""
    return re.sub(r"terminal-\d+", "terminal", svg)


@pytest.mark.parametrize("case", list(CASES))
def test_the_picture_shows_what_the_application_looks_like(
    case: str, answered: Path, tmp_path: Path, engine: EngineProcess, all_colours: None
) -> None:
    library = tmp_path / "library.db"
    if case != "first-start":
        library.write_bytes(answered.read_bytes())
    drawn = plain(picture(case, library, engine))
    file = PICTURES / f"{case}.svg"
    if os.environ.get(UPDATE):
        PICTURES.mkdir(exist_ok=True)
        file.write_text(drawn, encoding="utf-8")
    kept = file.read_text(encoding="utf-8") if file.is_file() else ""
    if drawn != kept:
        (tmp_path / "now.svg").write_text(drawn, encoding="utf-8")
    assert words(drawn) == words(kept), "the words changed; look, then run: make screenshots"
    assert drawn == kept, "colours or places changed; look, then run: make screenshots"
    assert len(drawn.encode()) < MAX_BYTES


def words(svg: str) -> list[str]:
    """The lines of a picture as text, for a difference that can be read."""
    lines: dict[str, list[str]] = {}
    for y, text in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        lines.setdefault(y, []).append(text.replace("&#160;", " "))
    return ["".join(parts) for parts in lines.values()]


def test_the_readme_shows_the_main_screen() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "assets/screenshots/main.svg" in readme
