"""The engine's own process: its protocol, its end, and the end of whoever started it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from docqa.app.config import load_settings
from docqa.app.jobs import protocol
from docqa.app.jobs.process import EngineProcess
from docqa.app.tui.widgets.answer_card import CardState
from docqa.engine.library.store import Store
from tests.tui.conftest import QUESTION, SAMPLE, WAIT_SECONDS, Play, Stage


class Events:
    """Gathers what a process tells of one job."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.ended = threading.Event()

    def __call__(self, event: Any) -> None:
        self.all.append(event)
        if isinstance(event, protocol.LastEvent):
            self.ended.set()

    @property
    def last(self) -> Any:
        assert self.ended.wait(WAIT_SECONDS)
        return self.all[-1]


def question(
    process: EngineProcess, library: Path, text: str = QUESTION, **flags: Any
) -> protocol.AskRequest:
    """A question of the sample document, noted as the application notes it."""
    settings = load_settings({"library": str(library), **flags})
    with Store(library) as store:
        conversation = store.start_conversation()
        ids = (store.documents()[0].id,)
        number = store.note_question(text, ids, conversation)
    return protocol.AskRequest(
        process.next_job(), str(library), settings.model_dump(), text, "", ids, conversation, number
    )


def test_a_question_passes_through_all_stages(engine: EngineProcess, sample_library: Path) -> None:
    events = Events()
    engine.submit(question(engine, sample_library), events)
    answered = events.last
    assert isinstance(answered, protocol.Answered)
    kinds = list(dict.fromkeys(event.kind for event in events.all))
    assert kinds in (
        ["preparing", "reading", "evidence", "text", "answered"],
        ["reading", "evidence", "text", "answered"],
    )
    places = [event for event in events.all if isinstance(event, protocol.ReadingAt)]
    assert [place.share for place in places] == sorted(place.share for place in places)
    assert places[-1].share == 1.0
    assert places[-1].page == places[-1].n_pages == 13
    assert any(place.best for place in places)
    with Store(sample_library) as store:
        assert store.record(answered.number).question == QUESTION


def test_a_file_is_read_with_its_pages_on_the_way(engine: EngineProcess, library: Path) -> None:
    events = Events()
    engine.submit(protocol.ReadRequest(engine.next_job(), str(library), str(SAMPLE), None), events)
    read = events.last
    assert isinstance(read, protocol.FileRead)
    assert read.is_new
    drafts = [page for event in events.all[:-1] for page in event.drafts]
    assert [page.number for page in drafts] == list(range(1, 14))
    with Store(library) as store:
        kept = store.load(read.document_id)
    for draft, page in zip(drafts, kept.pages, strict=True):
        assert draft.text.split()[:5] == page.text.split()[:5]


def test_a_job_that_waits_is_cancelled_at_once(engine: EngineProcess, sample_library: Path) -> None:
    running, waiting = Events(), Events()
    first, second = (question(engine, sample_library) for _ in range(2))
    engine.submit(first, running)
    engine.submit(second, waiting)
    engine.cancel(second.job)
    assert isinstance(waiting.last, protocol.Stopped)
    assert isinstance(running.last, protocol.Answered)
    assert waiting.all == [protocol.Stopped(second.job)]


def test_an_error_comes_with_what_to_do(engine: EngineProcess, sample_library: Path) -> None:
    events = Events()
    engine.submit(question(engine, sample_library, checkpoint="/nowhere"), events)
    failed = events.last
    assert "No checkpoint folder /nowhere" in failed.message
    assert "docqa models list" in failed.hint
    assert failed.details == ""


def test_a_document_that_was_removed_meanwhile(engine: EngineProcess, sample_library: Path) -> None:
    request = question(engine, sample_library, "Removed?")
    with Store(sample_library) as store:
        store.remove(request.document_ids[0])
    events = Events()
    engine.submit(request, events)
    assert "The library holds no document" in events.last.message


def test_a_process_that_dies_fails_its_job_and_the_next_request_starts_another(
    sample_library: Path,
) -> None:
    process = EngineProcess()
    try:
        events = Events()
        process.submit(question(process, sample_library, retriever="bm25"), events)
        first = process.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        failed = events.last
        assert isinstance(failed, protocol.Failed)
        assert "SIGKILL" in failed.message
        again = Events()
        process.submit(question(process, sample_library, retriever="bm25"), again)
        assert isinstance(again.last, protocol.Answered)
        assert process.pid != first
    finally:
        process.close()


def test_a_closed_process_is_gone(sample_library: Path) -> None:
    process = EngineProcess()
    events = Events()
    process.submit(question(process, sample_library), events)
    pid = process.pid
    assert pid is not None
    process.close()
    assert not is_alive(pid)
    with Store(sample_library) as store:
        (conversation,) = store.conversations()
        assert len(store.unanswered(conversation.id)) == 1


def test_the_process_ends_with_its_stdin() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "docqa.app.jobs.worker"], stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(WAIT_SECONDS) == 0


def test_the_screen_survives_the_death_of_the_engine(
    play: Play, engine: EngineProcess, sample_library: Path
) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.until(lambda: card.unanswered_id is not None and engine.pid)
        os.kill(engine.pid or 0, signal.SIGKILL)
        await stage.until(lambda: card.state is CardState.UNANSWERED)
        await stage.until(lambda: any("SIGKILL" in toast for toast in stage.toasts))
        await stage.pilot.click(card.query_one("Button"))
        await stage.answered(card)

    play(body)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="pseudo-terminals are POSIX")
def test_kill_9_loses_nothing_that_was_asked_or_answered(
    sample_shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tui.test_terminal import Terminal

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    library = tmp_path / "library.db"
    shutil.copy(sample_shelf, library)
    command = [sys.executable, "-m", "docqa.app.cli", "--library", str(library)]
    with Terminal(command) as terminal:
        terminal.wait_for("Harrow Point")
        terminal.press("Who audits the company?\r")
        terminal.wait_for("question 1")
        terminal.press(f"{QUESTION}\r")
        until(lambda: noted(library) == [QUESTION])
        children = child_processes(terminal.process.pid)
        assert children
        terminal.process.kill()
        terminal.process.wait()
    until(lambda: not any(map(is_alive, children)))
    with Store(library) as store:
        answered = [one.question for one in store.questions()]
        assert sorted([*answered, *noted(library)]) == sorted(["Who audits the company?", QUESTION])
    with Terminal(command) as terminal:
        shown = terminal.wait_for("Who audits the company?")
        if not noted(library):  # the answer was quicker than the signal
            assert "question 2" in shown
        else:
            terminal.wait_for("docqa was ended before the answer")
            terminal.wait_for("Ask again")
        terminal.press("\x11")
        assert terminal.wait_for_end() == 0


def noted(library: Path) -> list[str]:
    with Store(library) as store:
        return [
            one.question
            for conversation in store.conversations()
            for one in store.unanswered(conversation.id)
        ]


def until(condition: Any) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def child_processes(pid: int) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in done.stdout.split()]
