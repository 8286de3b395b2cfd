"""The application as its reader meets it: real engine, real library, the sample document."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from docqa.app.config import load_settings
from docqa.app.jobs.process import WAIT_ASLEEP, EngineProcess
from docqa.app.tui.application import DocqaApp
from docqa.app.tui.screens.main import MainScreen
from docqa.app.tui.widgets.answer_card import AnswerCard, CardState
from docqa.app.tui.widgets.question_input import QuestionInput
from docqa.engine.library.store import Store
from docqa.engine.pipeline import open_file

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "assets/sample/harrow-point-ferries.pdf"
QUESTION = "What does the yard pay for each day of delay?"
"""Whose answer is one sentence that every retriever finds, and finds sure."""
ANSWER = "The yard pays us $9,000 for each day of delay"
PAGE = 5
WAIT_SECONDS = float(os.environ.get("TEST_WAIT_SECONDS", "60"))


class Stage:
    """An application that runs, and what a reader does with it."""

    def __init__(self, app: DocqaApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> MainScreen:
        return next(s for s in self.app.screen_stack if isinstance(s, MainScreen))

    @property
    def cards(self) -> list[AnswerCard]:
        return self.screen.conversation.cards

    @property
    def question(self) -> QuestionInput:
        return self.screen.query_one(QuestionInput)

    @property
    def toasts(self) -> list[str]:
        return [f"{one.title} {one.message}".strip() for one in self.app._notifications]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so."""
        clock = asyncio.get_running_loop().time
        end = clock() + WAIT_SECONDS
        while not condition():
            if clock() > end:
                raise AssertionError(f"waited {WAIT_SECONDS:.0f} s in vain; toasts: {self.toasts}")
            if self.app.failure is not None:
                raise self.app.failure
            await self.pilot.pause(0.02)

    async def ready(self) -> None:
        """Wait until the document used last is open."""
        await self.until(lambda: self.screen.library.scope and self.screen.panel.document)

    async def write(self, text: str) -> None:
        """Type into what has the focus."""
        focused = self.app.focused
        if isinstance(focused, QuestionInput):
            focused.insert(text)
        elif isinstance(focused, Input):
            focused.insert_text_at_cursor(text)
        else:
            raise AssertionError(f"{focused} cannot be written into")
        await self.pilot.pause()

    async def ask(self, question: str) -> AnswerCard:
        """Ask, and give the card."""
        n_cards = len(self.cards)
        self.question.focus()
        await self.pilot.pause()
        await self.write(question)
        await self.pilot.press("enter")
        await self.until(lambda: len(self.cards) > n_cards)
        return self.cards[-1]

    async def answered(self, card: AnswerCard) -> None:
        """Wait for an answer, whatever it is."""
        await self.until(lambda: card.state in (CardState.ANSWERED, CardState.ABSTAINED))


Body = Callable[[Stage], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests share the machine: the engine's threads must not wait for each other."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def engine() -> Iterator[EngineProcess]:
    """One engine for all tests: it loads torch once."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    # the slow path, so that there is time to look and to cancel while it reads the small sample
    WAIT_ASLEEP.update({"DOCQA_PATH": "torch", "DOCQA_DTYPE": "float32"})
    process = EngineProcess()
    yield process
    del WAIT_ASLEEP["DOCQA_PATH"], WAIT_ASLEEP["DOCQA_DTYPE"]
    process.close()
    os.environ.pop("OMP_NUM_THREADS")
    if before is not None:
        os.environ["OMP_NUM_THREADS"] = before


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Where the library of the test is."""
    return tmp_path / "library.db"


@pytest.fixture(scope="session")
def sample_shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the sample document, to be copied."""
    path = tmp_path_factory.mktemp("shelf") / "library.db"
    with Store(path) as store:
        open_file(store, SAMPLE)
    return path


@pytest.fixture
def sample_library(library: Path, sample_shelf: Path) -> Path:
    """The library of the test, with the sample document in it."""
    shutil.copy(sample_shelf, library)
    return library


@pytest.fixture
def play(engine: EngineProcess, library: Path) -> Play:
    """Runs the application on the library of the test and does something in it."""

    def run(body: Body, size: tuple[int, int] = (140, 40), **flags: Any) -> None:
        async def act() -> None:
            settings = load_settings({"library": str(library), "theme": "docqa-dark", **flags})
            app = DocqaApp(settings, engine=engine)
            async with app.run_test(size=size) as pilot:
                while not any(isinstance(screen, MainScreen) for screen in app.screen_stack):
                    await pilot.pause(0.02)
                stage = Stage(app, pilot)
                await stage.until(lambda: app.screen.query("#question").filter("QuestionInput"))
                await pilot.pause()
                await body(stage)
            if app.failure is not None:
                raise app.failure

        asyncio.run(act())

    return run
