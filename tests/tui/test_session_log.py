"""The log of a session: bounded, discreet, and never in the way."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from docqa.app.tui import session_log
from docqa.app.tui.session_log import Level, SessionLog, log_file, open_session_log


def test_lines_are_kept_in_order_and_written_to_the_file(tmp_path: Path) -> None:
    log = SessionLog(tmp_path / "logs" / "docqa.log")
    log.info("opened the library")
    log.warning("2 pages are scans")
    log.close()
    assert [(line.level, line.text) for line in log.lines] == [
        (Level.INFO, "opened the library"),
        (Level.WARNING, "2 pages are scans"),
    ]
    written = (tmp_path / "logs" / "docqa.log").read_text().splitlines()
    assert [line.split()[2:4] for line in written] == [["INFO", "opened"], ["WARNING", "2"]]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_only_the_reader_may_read_the_file(tmp_path: Path) -> None:
    SessionLog(tmp_path / "docqa.log").close()
    assert stat.S_IMODE((tmp_path / "docqa.log").stat().st_mode) == 0o600


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_only_the_reader_may_read_what_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_log, "MAX_FILE_BYTES", 1_000)
    folder = tmp_path / "log"
    log = SessionLog(folder / "docqa.log")
    (folder / "docqa.log").chmod(0o644)  # as an earlier docqa may have left it
    for number in range(200):
        log.info(f"line {number}")
    log.close()
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_words_of_a_question_are_kept_at_debug_only() -> None:
    quiet, chatty = SessionLog(), SessionLog(debug=True)
    for log in (quiet, chatty):
        log.question("Who is ill?")
        log.debug("a detail")
    assert [line.text for line in quiet.lines] == ["question of 11 characters"]
    assert [line.text for line in chatty.lines] == ["question: Who is ill?", "a detail"]


def test_the_oldest_lines_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_log, "MAX_LINES", 3)
    log = SessionLog()
    for number in range(5):
        log.info(str(number))
    assert [line.text for line in log.lines] == ["2", "3", "4"]
    assert log.n_written == 5
    assert [line.text for line in log.since(4)] == ["4"]
    assert [line.text for line in log.since(0)] == ["2", "3", "4"]
    assert log.since(5) == ()


def test_the_file_is_cut_when_it_gets_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_log, "MAX_FILE_BYTES", 1_000)
    log = SessionLog(tmp_path / "docqa.log")
    for number in range(200):
        log.info(f"line {number}")
    log.close()
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["docqa.log", "docqa.log.1", "docqa.log.2"]
    assert all(file.stat().st_size <= 1_000 for file in tmp_path.iterdir())


def test_a_log_that_cannot_be_written_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    log = SessionLog(tmp_path / "logs" / "docqa.log")
    log.info("still here")
    assert log.file is None
    assert "Cannot write the log" in log.lines[0].text
    assert log.lines[1].text == "still here"


def test_many_threads_may_write() -> None:
    log = SessionLog()
    threads = [
        threading.Thread(target=lambda: [log.info("x") for _ in range(100)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.n_written == len(log.lines) == 800


def test_an_error_is_logged_with_its_place() -> None:
    log = SessionLog()
    try:
        raise ValueError("no such page")
    except ValueError as error:
        log.failure(error)
    assert "test_an_error_is_logged_with_its_place" in log.lines[0].text
    assert log.lines[0].text.endswith("ValueError: no such page")


def test_debug_is_asked_for_by_a_variable(
    monkeypatch: pytest.MonkeyPatch, fresh_user: Path
) -> None:
    assert not open_session_log().is_debug
    monkeypatch.setenv("DOCQA_DEBUG", "1")
    log = open_session_log()
    assert log.is_debug
    assert log.file == log_file()
    assert fresh_user in log_file().parents
