"""The log screen, the settings screen and the file picker, each opened over an empty app."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList, Select, Static

from docqa.app.config import load_settings, set_value, user_file
from docqa.app.live_check import check_live
from docqa.app.tui.debug_info import debug_info
from docqa.app.tui.screens.file_picker import FilePicker
from docqa.app.tui.screens.log import LogScreen
from docqa.app.tui.screens.settings import SettingsScreen
from docqa.app.tui.session_log import SessionLog
from docqa.app.tui.settings_form import reload, setting_rows

NOTHING = object()


class Table(App[None]):
    """An app that opens one dialog and keeps what it gives back."""

    result: Any = NOTHING

    def __init__(self, dialog: Screen[Any]) -> None:
        super().__init__()
        self.dialog = dialog

    def on_mount(self) -> None:
        self.push_screen(self.dialog, lambda result: setattr(self, "result", result))


Body = Callable[[Table, Pilot[Any]], Awaitable[None]]


def opened(dialog: Screen[Any], body: Body, size: tuple[int, int] = (120, 40)) -> Table:
    """Open a dialog and do something in it."""

    async def run() -> Table:
        app = Table(dialog)
        async with app.run_test(size=size) as pilot:
            await body(app, pilot)
        return app

    return asyncio.run(run())


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    for _ in range(1200):
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError("waited 60 s in vain")


def words(app: Table, selector: str) -> str:
    return app.dialog.query_one(selector, Static).visual.plain  # type: ignore[attr-defined,no-any-return]


# --- the log ---------------------------------------------------------------------------------


def test_the_log_shows_what_comes_while_it_is_open() -> None:
    log = SessionLog()
    log.info("opened")

    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "info    opened" in words(app, "#log-lines"))
        log.error("the server is gone")
        await until(pilot, lambda: "the server is gone" in words(app, "#log-lines"))
        await pilot.press("w")
        assert "opened" not in words(app, "#log-lines")
        assert "the server is gone" in words(app, "#log-lines")
        await pilot.press("w")
        assert "opened" in words(app, "#log-lines")

    opened(LogScreen(log, lambda: ""), body)


def test_a_log_without_problems_says_so() -> None:
    log = SessionLog()
    log.info("opened")

    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await pilot.press("w")
        assert words(app, "#log-lines") == "Nothing has gone wrong."

    opened(LogScreen(log, lambda: ""), body)


def test_a_report_is_copied_without_questions_and_secrets(fresh_user: Path) -> None:
    log = SessionLog()
    log.question("Who is ill?")
    settings = load_settings(
        {"library": str(fresh_user / "mine.db"), "base_url": "http://me:hush@127.0.0.1:80/v1"}
    )

    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await pilot.press("c")
        await until(pilot, lambda: app.clipboard)
        assert "question of 11 characters" in app.clipboard
        assert "ill" not in app.clipboard
        assert "retriever = hybrid" in app.clipboard
        assert "textual = 8." in app.clipboard
        assert str(fresh_user) not in app.clipboard
        assert "hush" not in app.clipboard

    opened(LogScreen(log, lambda: debug_info(settings, log, {"size": "80x24"})), body)


# --- settings --------------------------------------------------------------------------------


def choose(app: Table, key: str, value: str) -> None:
    field = app.dialog.query_one(f"#field-{key}")
    assert isinstance(field, Input | Select)
    field.value = value


def test_settings_show_values_with_what_they_mean_and_where_they_come_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_value(user_file(), "words", "800")
    monkeypatch.setenv("DOCQA_DEVICE", "cpu")

    async def body(app: Table, pilot: Pilot[Any]) -> None:
        assert app.dialog.query_one("#field-words", Input).value == "800"
        assert "words of evidence" in words(app, "#note-words")
        assert "your settings" in words(app, "#note-words")
        assert words(app, "#note-device") == "locked: set by the variable DOCQA_DEVICE"
        assert app.dialog.query_one("#field-device").disabled
        assert words(app, "#note-retriever").startswith("mamba, bm25 or hybrid")
        assert words(app, "#note-top_k") == "locked: given on the command line"

    opened(SettingsScreen(load_settings({"top_k": 7})), body)


def test_saving_writes_the_users_file_and_gives_the_new_settings_back() -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        choose(app, "retriever", "bm25")
        choose(app, "words", "250")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.result is not NOTHING)

    result = opened(SettingsScreen(load_settings({"top_k": 7})), body).result
    assert (result.retriever, result.words, result.top_k) == ("bm25", 250, 7)
    kept = load_settings()
    assert (kept.retriever, kept.words, kept.top_k) == ("bm25", 250, 0)
    assert user_file().read_text() == 'retriever = "bm25"\nwords = 250\n'


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("words", "0", "greater than or equal to 1"),
        ("words", "", "valid integer"),
        ("checkpoint", "/nowhere/at/all", "No checkpoint folder /nowhere/at/all"),
        ("keymap", "quit", "is not action=key"),
        ("checkpoint", "[/x]", "folder [/x]"),
    ],
)
def test_what_is_wrong_is_explained_beside_it_and_not_saved(
    key: str, value: str, said: str
) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        choose(app, key, value)
        await until(pilot, lambda: said in words(app, f"#note-{key}"))
        assert app.dialog.query_one(f"#note-{key}").has_class("-wrong")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.result is NOTHING
        assert app.focused is not None
        assert app.focused.id == f"field-{key}"

    opened(SettingsScreen(load_settings()), body)
    assert not user_file().exists()


def test_the_library_stays_though_a_file_names_another_meanwhile(tmp_path: Path) -> None:
    settings = load_settings({"retriever": "bm25"})
    rows = [row for _, shown in setting_rows(settings) for row in shown]
    set_value(user_file(), "library", str(tmp_path / "other.db"))
    set_value(user_file(), "words", "300")
    fresh = reload(rows)
    assert (fresh.library_path, fresh.words) == (settings.library_path, 300)


def test_leaving_changes_nothing_and_brings_the_theme_back() -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        before = app.theme
        choose(app, "theme", "nord")
        await until(pilot, lambda: app.theme == "nord")
        await pilot.press("escape")
        await until(pilot, lambda: app.result is None)
        assert app.theme == before

    opened(SettingsScreen(load_settings()), body)
    assert not user_file().exists()


def test_what_is_tried_is_only_what_does_not_hold_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from docqa.app.live_check import _changed

    monkeypatch.chdir(tmp_path)
    (tmp_path / "docqa.toml").write_text('base_url = "http://127.0.0.1:9"\n', encoding="utf-8")
    values = {"base_url": "http://127.0.0.1:9", "words": "77", "retriever": "hybrid"}
    assert _changed(values) == {"words": "77"}


def test_what_is_live_is_tried_in_another_process() -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "✓" in words(app, "#settings-live"))
        text = words(app, "#settings-live")
        assert [line.split(maxsplit=2) for line in text.splitlines()] == [
            ["✓", "reads", "bm25 on cpu (it needs no other)"],
            ["✓", "answers", "extractive, no language model"],
        ]
        choose(app, "strategy", "scratchpad")
        await until(pilot, lambda: "✗" in words(app, "#settings-live"))
        assert "language model" in words(app, "#settings-live")

    opened(SettingsScreen(load_settings({"retriever": "bm25"})), body)


def test_the_check_runs_no_code_of_the_folder_the_reader_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "click.py").write_text("open('ran', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    found = asyncio.run(check_live({"retriever": "bm25"}))
    assert found.facts
    assert not (tmp_path / "ran").exists()


# --- the file picker -------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with documents, another folder, and files docqa does not read."""
    (tmp_path / "filings").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("report.pdf", "Notes.md", "letter.txt", "photo.jpg", "movie.mp4"):
        (tmp_path / name).write_text("x" * 1500)
    (tmp_path / "filings" / "annual.PDF").write_text("x")
    return tmp_path


def listed(app: Table) -> list[str]:
    found = app.dialog.query_one("#files-list", OptionList)
    return [str(option.prompt).strip().split("  ")[0] for option in found.options]


def test_the_picker_lists_folders_and_what_docqa_reads(shelf: Path) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: len(listed(app)) == 5)
        assert listed(app) == ["../", "filings/", "letter.txt", "Notes.md", "report.pdf"]
        assert "2 other files are not shown" in words(app, "#files-note")
        row = app.dialog.query_one("#files-list", OptionList).options[4].prompt
        assert "1.5 kB" in str(row)

    opened(FilePicker(shelf), body)


def test_typing_finds_a_file_and_enter_takes_it(shelf: Path) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: listed(app))
        await pilot.press(*"rep")
        await until(pilot, lambda: listed(app) == ["report.pdf"])
        await pilot.press("enter")
        await until(pilot, lambda: app.result is not NOTHING)

    assert opened(FilePicker(shelf), body).result == [shelf / "report.pdf"]


def test_enter_opens_a_folder_and_tab_completes_a_name(shelf: Path) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: listed(app))
        await pilot.press(*"fil", "tab")
        await until(pilot, lambda: listed(app) == ["../", "annual.PDF"])
        assert app.dialog.query_one(Input).value == f"{shelf / 'filings'}{os.sep}"
        await pilot.press("enter")
        await until(pilot, lambda: app.result is not NOTHING)

    assert opened(FilePicker(shelf), body).result == [shelf / "filings" / "annual.PDF"]


def test_several_files_are_marked_and_taken_together(shelf: Path) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: len(listed(app)) == 5)
        await pilot.press("down", "f4", "f4")
        assert "2 marked" in words(app, "#files-note")
        await pilot.press("enter")
        await until(pilot, lambda: app.result is not NOTHING)

    assert opened(FilePicker(shelf), body).result == [shelf / "letter.txt", shelf / "Notes.md"]


def test_a_whole_folder_can_be_taken(shelf: Path) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: listed(app))
        await pilot.press("f5")
        await until(pilot, lambda: app.result is not NOTHING)

    assert opened(FilePicker(shelf), body).result == [shelf]


def test_escape_takes_nothing(shelf: Path) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await pilot.press("escape")
        await until(pilot, lambda: app.result is None)

    assert opened(FilePicker(shelf), body).result is None


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_nobody_may_read_is_explained(shelf: Path) -> None:
    (shelf / "filings").chmod(0)

    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "Cannot read" in words(app, "#files-note"))

    opened(FilePicker(shelf / "filings"), body)


def test_a_folder_that_does_not_exist_is_explained_and_hidden_ones_need_their_dot(
    shelf: Path,
) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "Cannot read" in words(app, "#files-note"))
        assert "No such file or directory" in words(app, "#files-note")
        app.dialog.query_one(Input).value = f"{shelf}{os.sep}."
        await until(pilot, lambda: listed(app) == [".hidden/"])

    opened(FilePicker(shelf / "gone"), body)


@pytest.mark.parametrize("typed", ["~nobody-of-this-name/", "/" + "a" * 300, "~nobody/a.pdf"])
def test_what_can_be_no_path_is_explained_while_it_is_typed(shelf: Path, typed: str) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        picker = app.dialog
        await until(pilot, lambda: listed(app))
        picker.query_one(Input).value = typed
        await until(
            pilot,
            lambda: any(said in words(app, "#files-note") for said in ("Cannot read", "Nothing")),
        )
        await pilot.press("enter")
        await pilot.pause()
        assert app.result is NOTHING

    opened(FilePicker(shelf), body)


def test_the_picker_fits_a_small_terminal(shelf: Path) -> None:
    async def body(app: Table, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: listed(app))
        found = app.dialog.query_one("#files-list", OptionList)
        assert found.max_scroll_x == 0
        assert app.dialog.query_one("#files-box").region.right <= 80

    opened(FilePicker(shelf), body, size=(80, 24))
