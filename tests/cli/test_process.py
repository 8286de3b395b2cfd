"""docqa as a process: what only shows outside of Python."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docqa.app.diagnostics import ExitCode, run

DOCQA = [sys.executable, "-m", "docqa.app.cli"]
NOTE = "Jane Doe is our chief executive.\n"


def test_text_goes_in_and_an_answer_comes_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DOCQA, "ask", "Who is the chief executive?", "-", "--retriever", "bm25"],
        input=NOTE.encode(),
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"Jane Doe is our chief executive. (p. 1)\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_is_heard_on_a_terminal(tmp_path: Path, no_color: str) -> None:
    import pty

    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*DOCQA, "ask", "Who is the chief executive?", "note.txt", "--retriever", "bm25"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": no_color, "TERM": "xterm"},
        check=False,
    )
    printed = os.read(ours, 100_000)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert b"chief executive" in printed
    assert (b"\x1b[" in printed) == (not no_color)


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(NOTE * 20_000, encoding="utf-8")
    subprocess.run([*DOCQA, "ingest", "long.txt", "-q"], cwd=tmp_path, check=True)
    show = subprocess.Popen(
        [*DOCQA, "library", "show", "long", "--text"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert show.stdout is not None
    assert show.stderr is not None
    show.stdout.read(10)
    show.stdout.close()
    assert show.stderr.read() == b""
    assert show.wait() == 0
    show.stderr.close()


@pytest.mark.skipif(os.name == "nt", reason="pipes that end otherwise")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("ask", "Who is the chief executive?", "note.txt", "--retriever", "bm25", "-q"),
        ("ask", "--questions", "questions.txt", "note.txt", "--retriever", "bm25", "-q"),
        ("library", "export"),
    ],
)
def test_a_reader_that_is_gone_before_anything_is_printed(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    (tmp_path / "questions.txt").write_text("Who is the chief?\nWho is Jane Doe?\n")
    subprocess.run([*DOCQA, "ingest", "note.txt", "-q"], cwd=tmp_path, check=True)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*DOCQA, *arguments], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
def test_a_full_disk_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(NOTE * 2000, encoding="utf-8")
    subprocess.run([*DOCQA, "ingest", "long.txt", "-q"], cwd=tmp_path, check=True)
    for arguments in (["library", "list"], ["library", "show", "long", "--text"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*DOCQA, *arguments],
                cwd=tmp_path,
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert (done.returncode, done.stderr) == (1, b"docqa: No space left on device.\n")


@pytest.mark.skipif(os.name == "nt", reason="a shell")
def test_output_that_is_closed_from_the_start(tmp_path: Path) -> None:
    asked = [*DOCQA, "ask", "Who is the chief executive?", "-", "--retriever", "bm25", "-q"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *asked],
        input=NOTE.encode(),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_the_terminal_cannot_show_does_not_end_the_answer(tmp_path: Path) -> None:
    (tmp_path / "ferry \U0001f6a2.txt").write_text(NOTE, encoding="utf-8")
    done = subprocess.run(
        [*DOCQA, "ask", "Who is it?", "ferry \U0001f6a2.txt", "-q", "--retriever", "bm25"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"ferry ?, p. 1" in done.stdout


def test_what_the_system_refuses_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "secret/x.md")

    assert run(command) == ExitCode.FAILED
    assert capsys.readouterr().err == "docqa: Permission denied: secret/x.md.\n"


def test_an_error_after_ctrl_c_is_the_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    """A library may turn the interruption into an error of its own."""

    def command() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("the database was interrupted") from None

    assert run(command) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "docqa: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to send")
def test_ctrl_c_ends_with_130_and_a_library_that_opens(tmp_path: Path) -> None:
    command = [*DOCQA, "ask", "Who?", "-", "--retriever", "bm25", "--library", "library.db"]
    ask = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (tmp_path / "library.db").exists():  # then it waits for the text
        time.sleep(0.05)
    ask.send_signal(signal.SIGINT)
    _, complaint = ask.communicate(timeout=120)
    # Where Ctrl-C meets Python in the middle of exec(), as when a dataclass is made, Python ends
    # with the signal itself, whatever exit code it was given; a shell shows 130 for both.
    assert ask.returncode in (130, -signal.SIGINT)
    assert complaint.strip() == b"docqa: interrupted"
    subprocess.run([*DOCQA, "library", "list", "--library", "library.db"], cwd=tmp_path, check=True)
