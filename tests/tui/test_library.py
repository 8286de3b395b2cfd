"""The library: adding, reading, cancelling, resuming, removing, sorting, choosing what is asked."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest
from textual import events
from textual.widgets import Input

from docqa.app.jobs.process import EngineProcess
from docqa.app.jobs.protocol import Event, PagesRead, Request
from docqa.app.tui.library_entries import EntryState
from docqa.app.tui.screens.file_picker import FilePicker
from docqa.app.tui.screens.password import PasswordScreen
from docqa.app.tui.widgets.library_panel import DocumentList
from docqa.app.tui.widgets.welcome import Welcome
from docqa.engine.library.file_queue import FileState
from docqa.engine.library.store import Store
from tests.tui.conftest import SAMPLE, Play, Stage


def make_pdf(path: Path, n_pages: int = 1, *, password: str = "", scanned: bool = False) -> Path:
    """A PDF about page numbers; or pictures of them."""
    with pymupdf.open() as pdf:
        for number in range(1, n_pages + 1):
            page = pdf.new_page()
            words = f"This is page {number} of the tide tables. High water is at noon. " * 3
            if scanned:
                box = pymupdf.IRect(0, 0, 300, 400)
                page.insert_image(page.rect, pixmap=pymupdf.Pixmap(pymupdf.csRGB, box, False))
            else:
                page.insert_textbox(pymupdf.Rect(50, 50, 500, 800), words)
        how = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": password} if password else {}
        pdf.save(path, **how)
    return path


def long_pdf(path: Path) -> Path:
    """A PDF that takes some seconds to read."""
    with pymupdf.open() as pdf:
        for number in range(1, 401):
            page = pdf.new_page()
            for line in range(60):
                page.insert_text((50, 40 + 12 * line), f"Line {line} of page {number}: the tide.")
        pdf.save(path)
    return path


@pytest.fixture(scope="session")
def tides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return long_pdf(tmp_path_factory.mktemp("tides") / "tides.pdf")


async def drop(stage: Stage, text: str) -> None:
    """What a terminal does with dropped files."""
    stage.app.post_message(events.Paste(text))
    await stage.pilot.pause()


def states(stage: Stage) -> dict[str, EntryState]:
    return {entry.title: entry.state for entry in stage.screen.library.entries}


@pytest.mark.usefixtures("sample_library")
def test_what_the_library_tells_a_screen_that_is_going_is_dropped(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        screen = stage.screen
        assert await screen.fetch(lambda store: len(store.documents())) == 1
        await screen.query_one(DocumentList).remove()
        with pytest.raises(asyncio.CancelledError):
            await screen.fetch(lambda store: store.documents())

    play(body)


def test_the_first_start_offers_the_sample_document(play: Play) -> None:
    async def body(stage: Stage) -> None:
        welcome = stage.screen.query_one(Welcome)
        await stage.until(lambda: welcome.has_class("-no-document"))
        await stage.until(lambda: stage.app.focused is not None)
        await stage.pilot.press("enter")  # the button has the focus
        await stage.ready()
        assert stage.screen.panel.document.title.startswith("Harrow Point Ferries")
        assert not welcome.has_class("-no-document")
        assert stage.app.focused is stage.question
        assert "new vessels" in str(stage.question.placeholder)

    play(body)


@pytest.mark.parametrize("quoting", ["'{}'", '"{}"', "{}", "file://{}"])
def test_dropped_files_are_added(play: Play, tmp_path: Path, quoting: str) -> None:
    folder = tmp_path / "a shelf"
    folder.mkdir()
    path = make_pdf(folder / "tide tables.pdf")
    name = str(path).replace(" ", "%20" if quoting.startswith("file") else " ")

    async def body(stage: Stage) -> None:
        await drop(stage, quoting.format(name))
        await stage.ready()
        assert states(stage) == {"tide tables": EntryState.READY}
        assert stage.question.text == ""

    play(body)


def test_pasted_text_that_is_no_path_is_text(play: Play) -> None:
    async def body(stage: Stage) -> None:
        stage.question.focus()
        await drop(stage, "/dev/nonsense is what?")
        assert stage.question.text == "/dev/nonsense is what?"

    play(body)


def test_a_path_typed_as_a_question_is_added(play: Play, tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "tide tables.pdf")

    async def body(stage: Stage) -> None:
        await stage.until(lambda: stage.screen.query_one(Welcome).first_button.has_focus)
        stage.question.focus()
        await stage.pilot.pause()
        await stage.write(str(path))
        await stage.pilot.press("enter")
        await stage.ready()
        assert states(stage) == {"tide tables": EntryState.READY}
        assert stage.question.text == ""
        assert not stage.cards

    play(body)


def test_a_path_typed_into_an_empty_library_is_added(play: Play, tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "tables.txt.pdf")

    async def body(stage: Stage) -> None:
        welcome = stage.screen.query_one(Welcome)
        await stage.until(lambda: welcome.first_button.has_focus)
        await stage.pilot.press("/")
        await stage.until(lambda: isinstance(stage.app.screen, FilePicker))
        await stage.until(lambda: isinstance(stage.app.focused, Input))
        await stage.write(str(path)[1:])
        await stage.pilot.press("enter")
        await stage.ready()
        assert list(states(stage).values()) == [EntryState.READY]

    play(body)


def test_a_folder_and_several_files_in_one_go(play: Play, tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in ("a", "b"):
        make_pdf(folder / f"{name}.pdf")
    (tmp_path / "c.txt").write_text("The gate is closed at night.")

    async def body(stage: Stage) -> None:
        await drop(stage, f"'{folder}' '{tmp_path / 'c.txt'}'")
        # all the same words: the second is the first by another number of bytes or time
        await stage.until(lambda: EntryState.READY in states(stage).values())
        await stage.until(lambda: "c" in states(stage))
        await stage.until(lambda: set(states(stage).values()) == {EntryState.READY})

    play(body)


@pytest.mark.skipif(sys.platform != "linux", reason="every name is Unicode there")
def test_a_name_that_is_not_utf_8_says_so_and_the_others_come(play: Play, tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in (b"a.txt", b"b\xe9n.txt", b"c.txt"):
        (folder / os.fsdecode(name)).write_text(f"The gate {name!r} is closed at night.")

    async def body(stage: Stage) -> None:
        await drop(stage, str(folder))
        await stage.until(lambda: any("b\ufffdn.txt: its path" in toast for toast in stage.toasts))
        await stage.until(lambda: states(stage) == dict.fromkeys("ac", EntryState.READY))

    play(body)


def test_an_empty_folder_says_so(play: Play, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()

    async def body(stage: Stage) -> None:
        await drop(stage, str(folder))
        await stage.until(lambda: any("Nothing to read" in toast for toast in stage.toasts))

    play(body)


class Held:
    """Stops the engine at the first pages it tells of, so that there is time to look."""

    def __init__(self, engine: EngineProcess) -> None:
        self._engine = engine
        self._submit = engine.submit
        self._pid: int | None = None

    def __enter__(self) -> None:
        self._engine.submit = self._submitted  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        self._engine.submit = self._submit  # type: ignore[method-assign]
        if self._pid is not None:
            os.kill(self._pid, signal.SIGCONT)

    def _submitted(self, request: Request, on_event: Callable[[Event], None]) -> None:
        def heard(event: Event) -> None:
            if self._pid is None and isinstance(event, PagesRead):
                self._pid = self._engine.pid
                assert self._pid is not None
                os.kill(self._pid, signal.SIGSTOP)
            on_event(event)

        self._submit(request, heard)


def test_the_first_pages_can_be_read_and_searched_while_the_rest_comes(
    play: Play, tides: Path
) -> None:
    async def body(stage: Stage) -> None:
        library, panel = stage.screen.library, stage.screen.panel
        with Held(stage.screen.desk._owned[0]):
            await drop(stage, str(tides))
            await stage.until(lambda: library.entries and library.entries[0].n_done)
            assert "reading" in library.entries[0].status
            library.query_one(DocumentList).focus()
            await stage.pilot.press("enter")
            await stage.until(lambda: panel.has_class("-open"))
            await stage.until(lambda: panel.text.pages)
            assert panel.document is None  # not all of it
            assert "Line 0 of page 1" in panel.text.pages[0].text
            panel.start_search("page 2")
            await stage.until(lambda: panel.query_one("PageSearch").findings.places)
        await stage.ready()
        assert panel.document.title == "tides"
        assert len(panel.document.pages) == 400

    play(body)


def test_reading_can_be_stopped_and_gone_on_with(play: Play, tides: Path, library: Path) -> None:
    async def body(stage: Stage) -> None:
        await drop(stage, str(tides))
        panel = stage.screen.library
        await stage.until(lambda: panel.entries and panel.entries[0].n_done)
        panel.query_one(DocumentList).focus()
        await stage.pilot.press("c")
        await stage.until(lambda: panel.entries[0].state is EntryState.STOPPED)
        with Store(library) as store:
            assert [file.state for file in store.queued_files()] == [FileState.STOPPED]
        await stage.pilot.press("r")
        await stage.until(lambda: panel.entries[0].state is EntryState.READING)
        await stage.pilot.press("x")
        await stage.until(lambda: not panel.entries)

    play(body)
    with Store(library) as store:
        assert store.queued_files() == []
        assert store.documents() == []


def test_several_files_wait_and_each_can_be_dropped(
    play: Play, tides: Path, tmp_path: Path
) -> None:
    second = make_pdf(tmp_path / "second.pdf")
    third = make_pdf(tmp_path / "third.pdf", 2)

    async def body(stage: Stage) -> None:
        await drop(stage, f"'{tides}' '{second}' '{third}'")
        panel = stage.screen.library
        await stage.until(lambda: len(panel.entries) == 3 and panel.entries[0].n_done)
        assert states(stage)["second.pdf"] is EntryState.WAITING
        panel.highlight(str(second))
        panel.query_one(DocumentList).focus()
        await stage.pilot.press("x")
        await stage.until(lambda: "second.pdf" not in states(stage))
        panel.highlight(str(tides))
        await stage.pilot.press("c")
        await stage.until(lambda: states(stage).get("third") is EntryState.READY)
        assert states(stage)["tides.pdf"] is EntryState.STOPPED

    play(body)


def test_what_a_crash_left_in_the_queue_is_read_at_the_next_start(
    play: Play, library: Path, tmp_path: Path
) -> None:
    path = make_pdf(tmp_path / "left.pdf")
    with Store(library) as store:
        store.enqueue(str(path))

    async def body(stage: Stage) -> None:
        await stage.until(lambda: states(stage) == {"left": EntryState.READY})

    play(body)


def test_an_encrypted_file_asks_for_its_password(play: Play, tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "secret.pdf", password="ebb")

    async def body(stage: Stage) -> None:
        await drop(stage, str(path))
        await stage.until(lambda: isinstance(stage.app.screen, PasswordScreen))
        await stage.pilot.press(*"flood", "enter")
        await stage.until(
            lambda: (
                isinstance(stage.app.screen, PasswordScreen)
                and "does not open it" in stage.app.screen._why
            )
        )
        await stage.pilot.press("escape")
        assert stage.screen.library.entries[0].status.startswith("needs password")
        stage.screen.library.query_one(DocumentList).focus()
        await stage.pilot.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, PasswordScreen))
        await stage.pilot.press(*"ebb", "enter")
        await stage.ready()
        assert states(stage) == {"secret": EntryState.READY}

    play(body)


def test_files_that_cannot_be_read_say_why_and_what_to_do(play: Play, tmp_path: Path) -> None:
    scan = make_pdf(tmp_path / "scan.pdf", scanned=True)
    damaged = tmp_path / "damaged.pdf"
    damaged.write_bytes(b"%PDF-1.7 and then nothing of use")
    (tmp_path / "photo.txt").write_bytes(bytes(range(256)) * 8)

    async def body(stage: Stage) -> None:
        await drop(stage, f"'{scan}' '{damaged}' '{tmp_path / 'photo.txt'}'")
        await stage.until(lambda: list(states(stage).values()) == [EntryState.FAILED] * 3)
        status = {entry.title: entry.status for entry in stage.screen.library.entries}
        assert status["scan.pdf"].startswith("scanned")
        assert status["damaged.pdf"].startswith("damaged")
        assert status["photo.txt"].startswith("cannot be read")
        assert any("ocrmypdf scan.pdf out.pdf" in toast for toast in stage.toasts)
        stage.screen.library.highlight(str(damaged))
        stage.screen.library.query_one(DocumentList).focus()
        await stage.pilot.press("enter")
        await stage.until(lambda: any("x removes it" in toast for toast in stage.toasts))

    play(body)


def test_an_engine_that_dies_is_an_error_of_the_file_and_no_more(
    play: Play, tides: Path, tmp_path: Path
) -> None:
    other = make_pdf(tmp_path / "other.pdf")

    async def body(stage: Stage) -> None:
        await drop(stage, f"'{tides}' '{other}'")
        panel = stage.screen.library
        await stage.until(lambda: panel.entries and panel.entries[0].n_done)
        stage.screen.desk._owned[0]._process.kill()
        await stage.until(lambda: states(stage).get("other") is EntryState.READY)
        assert states(stage)["tides.pdf"] is EntryState.FAILED
        assert any("SIGKILL" in toast for toast in stage.toasts)

    play(body)


def test_removing_can_be_undone(play: Play, sample_library: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        stage.screen.library.query_one(DocumentList).focus()
        await stage.pilot.press("x")
        await stage.until(lambda: not stage.screen.library.entries)
        assert stage.screen.panel.document is None
        assert any("Ctrl+Z brings it back" in toast for toast in stage.toasts)
        with Store(sample_library) as store:
            assert store.documents() == []
        await stage.pilot.press("ctrl+z")
        await stage.ready()
        assert len(stage.screen.library.entries) == 1

    play(body)
    with Store(sample_library) as store:
        assert len(store.documents()) == 1


def test_what_was_removed_is_deleted_when_the_application_ends(
    play: Play, sample_library: Path
) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        stage.screen.library.query_one(DocumentList).focus()
        await stage.pilot.press("x")
        await stage.until(lambda: not stage.screen.library.entries)

    play(body)
    with Store(sample_library) as store:
        assert store.empty_bin() == 0
        assert store._db.execute("SELECT count(*) FROM pages").fetchone() == (0,)


def test_a_document_that_was_removed_and_added_again_stays(
    play: Play, sample_library: Path
) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        stage.screen.library.query_one(DocumentList).focus()
        await stage.pilot.press("x")
        await stage.until(lambda: stage.screen._removed)
        removed = stage.screen._removed[0]
        await drop(stage, str(SAMPLE))
        await stage.until(lambda: stage.screen.library.entry(removed.key))
        await stage.until(lambda: not stage.screen._removed)
        stage.screen._removed.append(removed)  # as when another docqa has added it
        stage.screen._forget(removed)  # and the time is up
        await stage.until(lambda: not stage.screen._removed)
        assert stage.screen.library.entry(removed.key)

    play(body)
    with Store(sample_library) as store:
        assert len(store.documents()) == 1


def test_filter_and_sort(play: Play, sample_library: Path, tmp_path: Path) -> None:
    with Store(sample_library) as store:
        from docqa.engine.pipeline import open_file

        open_file(store, make_pdf(tmp_path / "Almanac.pdf", 3))

    async def body(stage: Stage) -> None:
        await stage.ready()
        library = stage.screen.library
        library.query_one(DocumentList).focus()
        assert library._shown[0].title == "Almanac"
        await stage.pilot.press("s", "s")
        assert library.order.value == "pages"
        assert library._shown[0].n_pages == 13
        await stage.pilot.press("slash")
        assert isinstance(stage.app.focused, Input)
        await stage.write("alm")
        await stage.until(lambda: [entry.title for entry in library._shown] == ["Almanac"])
        await stage.pilot.press("enter", "enter")
        await stage.until(lambda: stage.screen.panel.document.title == "Almanac")
        library.query_one(DocumentList).focus()
        await stage.pilot.press("escape")
        await stage.until(lambda: len(library._shown) == 2)

    play(body)


def test_several_documents_can_be_asked(play: Play, sample_library: Path, tmp_path: Path) -> None:
    with Store(sample_library) as store:
        from docqa.engine.pipeline import open_file

        open_file(store, make_pdf(tmp_path / "Almanac.pdf", 3))

    async def body(stage: Stage) -> None:
        await stage.ready()
        library = stage.screen.library
        assert len(library.scope) == 1
        library.query_one(DocumentList).focus()
        await stage.pilot.press("down", "space")
        assert len(library.scope) == 2
        assert "and 1 more" in str(stage.question.border_title)
        card = await stage.ask("When is high water?")
        await stage.answered(card)
        assert len(card.record.documents) == 2

    play(body)


def test_a_document_that_was_there_is_opened_not_read(
    play: Play, sample_library: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "another name.pdf"
    shutil.copy(SAMPLE, copy)

    async def body(stage: Stage) -> None:
        await stage.ready()
        await drop(stage, str(copy))
        await stage.until(lambda: any("in the library already" in one for one in stage.toasts))
        assert len(stage.screen.library.entries) == 1

    play(body)


def test_a_library_that_cannot_be_opened_says_so(
    play: Play, library: Path, engine: EngineProcess
) -> None:
    library.write_bytes(b"this is no library at all" * 100)

    async def body(stage: Stage) -> None:
        await stage.until(lambda: stage.toasts)
        assert "is no library, or it is damaged" in stage.toasts[0]

    play(body)
