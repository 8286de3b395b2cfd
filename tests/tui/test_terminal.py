"""The application in a real terminal: a pseudo-terminal that pyte draws."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

fcntl = pytest.importorskip("fcntl", reason="pseudo-terminals are POSIX")
import struct  # noqa: E402
import termios  # noqa: E402

import pyte  # noqa: E402

ROOT = Path(__file__).parent.parent.parent
DOCQA = [sys.executable, "-m", "docqa.app.cli"]
WAIT_SECONDS = 60.0
MODES = {"25": "h", "7": "h"}
"""How a terminal is before an application: cursor and line wrap on, every other mode off."""
FOREIGN = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\[\?u|\x1bP.*?\x1b\\")
"""What a modern terminal understands and pyte would print."""


class Terminal:
    """A program in a pseudo-terminal, with what is on its screen."""

    def __init__(self, command: list[str], columns: int = 120, lines: int = 40, **env: str) -> None:
        self.master, self.slave = os.openpty()
        self._resize(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.lock = threading.Lock()
        self.is_closed = False
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env}
        for name in ("NO_COLOR", "TMUX", "COLUMNS", "LINES"):
            if name not in env:
                environment.pop(name, None)
        self.process = subprocess.Popen(
            command,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        """Close the window: the program's terminal is gone."""
        if not self.is_closed:
            self.is_closed = True
            self.reader.join()
            os.close(self.slave)
            os.close(self.master)

    def _resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        with self.lock:
            self.screen.resize(lines, columns)
        self._resize(columns, lines)

    def _read(self) -> None:
        while not self.is_closed:
            try:
                if not select.select([self.master], [], [], 0.1)[0]:
                    continue
                piece = os.read(self.master, 65536)
            except (OSError, ValueError):
                return
            with self.lock:
                self.raw += piece
                self.stream.feed(FOREIGN.sub(b"", piece))

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    @property
    def text(self) -> str:
        with self.lock:
            return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, what: str | Callable[[str], object], seconds: float = WAIT_SECONDS) -> str:
        """The screen, as soon as it shows something."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            text = self.text
            if what in text if isinstance(what, str) else what(text):
                return text
            time.sleep(0.05)
        raise AssertionError(f"waited {seconds:.0f} s for {what!r}; on the screen:\n{self.text}")

    def wait_for_end(self) -> int:
        code = self.process.wait(WAIT_SECONDS)
        time.sleep(0.2)  # the last bytes are still on their way
        return code

    @property
    def last_words(self) -> str:
        """What was printed after the application's screen was gone."""
        rest = self.raw.rpartition(b"\x1b[?1049l")[2]
        return (
            re.sub(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]", b"", rest).decode().replace("\r\n", "\n").strip()
        )

    def assert_clean(self) -> None:
        """Every mode that was set is unset, and the line discipline is what it was."""
        modes: dict[str, str] = {}
        for numbers, letter in re.findall(rb"\x1b\[\?([0-9;]+)([hl])", self.raw):
            for number in numbers.decode().split(";"):
                modes[number] = letter.decode()
        assert modes.pop("1049") == "l", "the alternate screen is left"
        left = {mode: state for mode, state in modes.items() if state != MODES.get(mode, "l")}
        assert left == {}
        pushed = len(re.findall(rb"\x1b\[>[0-9]*u", self.raw))
        popped = len(re.findall(rb"\x1b\[<[0-9]*u", self.raw))
        assert popped >= pushed
        assert termios.tcgetattr(self.slave) == self.before


@pytest.fixture
def home(fresh_user: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder to work in, and a home that the program of the test uses too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return fresh_user


STARTED = "Quit"
"""In the footer of the main screen."""


def with_fault(code: str) -> list[str]:
    """docqa with a fault: what cannot be brought about from outside is put in."""
    script = (
        "import sys, threading\n"
        "from docqa.app.tui import application as tui\n"
        "from docqa.app.config import load_settings\n"
        "from docqa.app.diagnostics import run\n"
        f"{code}\n"
        "sys.exit(run(lambda: tui.run_app(load_settings({}))))\n"
    )
    return [sys.executable, "-c", script]


SAMPLE = ROOT / "assets/sample/harrow-point-ferries.pdf"
QUESTION = "How much did the purchase of new vessels cost in 2024?"
ANSWER = "(18,640)"


def test_the_sample_document_answers_on_the_screen(home: Path) -> None:
    with Terminal(DOCQA, 160, 45) as terminal:
        terminal.wait_for("Open the sample")
        terminal.press("\r")
        terminal.wait_for("Annual Report 2024.")  # read, and offered to be asked
        terminal.wait_for("13 pages")
        terminal.press(f"{QUESTION}\r")
        text = terminal.wait_for(lambda text: "confidence" in text and ANSWER in text)
        assert "p. 9" in text
        assert "of 13" in text
        assert "tokens/s" in text
        terminal.press("\x11")
        assert terminal.wait_for_end() == 0
        terminal.assert_clean()
    asked = subprocess.run(
        [*DOCQA, "history", "list", "--json"], capture_output=True, text=True, check=True
    )
    assert QUESTION in asked.stdout


def test_what_is_typed_before_the_application_stands_is_not_lost(home: Path) -> None:
    subprocess.run([*DOCQA, "ingest", str(SAMPLE)], capture_output=True, check=True)
    with Terminal(DOCQA) as terminal:
        terminal.press("early ")
        terminal.wait_for("Library")
        terminal.press("bird")
        terminal.wait_for("early bird")


def test_a_signal_while_the_model_reads_loses_no_question(home: Path) -> None:
    subprocess.run([*DOCQA, "ingest", str(SAMPLE)], capture_output=True, check=True)
    with Terminal(DOCQA) as terminal:
        terminal.wait_for("13 pages")
        terminal.press(f"{QUESTION}\r")
        terminal.wait_for(lambda text: text.count("in 2024?") and "❯" in text)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 128 + signal.SIGTERM
        terminal.assert_clean()
    with Terminal(DOCQA) as terminal:
        terminal.wait_for("❯ How much did the purchase")


def test_quitting_leaves_the_terminal_as_it_was(home: Path) -> None:
    with Terminal(DOCQA) as terminal:
        terminal.wait_for(STARTED)
        terminal.press("\x11")
        assert terminal.wait_for_end() == 0
        terminal.assert_clean()
        assert terminal.last_words == ""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_leaves_the_terminal_as_it_was(home: Path, name: str) -> None:
    number = getattr(signal, name)
    with Terminal(DOCQA) as terminal:
        terminal.wait_for(STARTED)
        terminal.process.send_signal(number)
        assert terminal.wait_for_end() == 128 + number
        terminal.assert_clean()
        assert "Traceback" not in terminal.raw.decode(errors="replace")


def test_closing_the_terminal_window_ends_the_application(home: Path) -> None:
    with Terminal(DOCQA) as terminal:
        terminal.wait_for(STARTED)
        terminal.close()
        assert terminal.wait_for_end() in (128 + signal.SIGHUP, -signal.SIGHUP, 1)


def test_a_second_signal_waits_for_nothing(home: Path) -> None:
    busy = "import time\ntui.DocqaApp.action_help = lambda self: time.sleep(60)"
    with Terminal(with_fault(busy)) as terminal:
        terminal.wait_for(STARTED)
        terminal.press("\x1bOP")
        time.sleep(0.5)
        started = time.monotonic()
        terminal.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 128 + signal.SIGTERM
        assert time.monotonic() - started < 10
        terminal.assert_clean()


FAULTS = {
    "in the interface": "def fault(self): raise RuntimeError('the roof is on fire')",
    "in a worker": (
        "from textual import work\n"
        "@work(thread=True)\n"
        "def fault(self): raise RuntimeError('the roof is on fire')"
    ),
    "in a thread": (
        "def burn(): raise RuntimeError('the roof is on fire')\n"
        "def fault(self): threading.Thread(target=burn).start()"
    ),
}


@pytest.mark.parametrize("where", list(FAULTS))
def test_an_error_ends_in_one_line_that_names_the_log(home: Path, where: str) -> None:
    code = f"{FAULTS[where]}\ntui.DocqaApp.action_help = fault"
    with Terminal(with_fault(code), 200, 40) as terminal:
        terminal.wait_for(STARTED)
        terminal.press("\x1bOP")
        assert terminal.wait_for_end() == 1
        terminal.assert_clean()
        log = home / "xdg_state_home" / "docqa" / "log" / "docqa.log"
        assert terminal.last_words == (
            "docqa: unexpected RuntimeError: the roof is on fire. This is a bug; nothing asked or "
            f"answered is lost. The details are in {log}."
        )
        written = log.read_text()
        assert "RuntimeError: the roof is on fire" in written
        assert "Traceback" in written


def test_an_error_at_the_start_is_a_line_too(home: Path) -> None:
    (home / "xdg_config_home" / "docqa").mkdir(parents=True)
    (home / "xdg_config_home" / "docqa" / "config.toml").write_text("colour = 'red'\n")
    with Terminal(DOCQA) as terminal:
        assert terminal.wait_for_end() == 2
        assert "Unknown setting 'colour'" in terminal.text
        assert b"\x1b[?1049h" not in terminal.raw


def test_without_a_terminal_it_says_what_to_do(home: Path) -> None:
    done = subprocess.run(DOCQA, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "docqa: docqa without a command needs a terminal. "
        'In a script: docqa ask "What …?" report.pdf\n'
    )


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 60)])
def test_it_follows_the_size_of_the_terminal(home: Path, columns: int, lines: int) -> None:
    with Terminal(DOCQA) as terminal:
        terminal.wait_for(STARTED)
        terminal.resize(columns, lines)
        terminal.wait_for(lambda text: STARTED in text.splitlines()[-1])
        terminal.press("\x11")
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("term", ["xterm-16color", "linux"])
def test_few_colours_are_enough(home: Path, term: str) -> None:
    with Terminal(DOCQA, TERM=term, COLORTERM="") as terminal:
        terminal.wait_for(STARTED)
        assert b"38;2;" not in terminal.raw
        assert b"38;5;" not in terminal.raw
        terminal.press("\x11")
        assert terminal.wait_for_end() == 0


def test_no_colour_is_written_where_none_is_wanted(home: Path) -> None:
    with Terminal(DOCQA, NO_COLOR="1") as terminal:
        terminal.wait_for(STARTED)
        styles = re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw)
        codes = {int(code) for style in styles for code in style.split(b";") if code}
        assert not codes & {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}
        terminal.press("\x11")
        assert terminal.wait_for_end() == 0
