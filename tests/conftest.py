"""What every test starts from: a user with no settings, no library and no terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from docqa.engine.types import Document, Page, PageStatus, Sentence, SentenceKind

# Started in the background of a script, Ctrl-C is ignored, and so it would be in every process
# that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def fresh_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test: nobody's settings or library come in."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("DOCQA_")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    return home


@pytest.fixture
def docqa(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the command line in an empty folder: `docqa("library", "list").stdout`."""
    from docqa.app.cli import cli

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, list(arguments), input=stdin, prog_name="docqa")

    return run


@pytest.fixture
def report() -> Document:
    """A report of three pages: prose, a table under a heading, and a scan."""
    pages = (
        Page(1, "Widget Works\nWe make widgets. Jane Doe is our chief executive."),
        Page(
            2,
            "Consolidated results\n| 2021 | 2020\nTotal revenue | 1,577 | 1,373\n"
            "売上高は増加した。",
        ),
        Page(3, "", PageStatus.IMAGE),
    )

    def place(page: int, text: str) -> tuple[int, int, int]:
        start = pages[page - 1].text.index(text)
        return page, start, start + len(text)

    sentences = (
        Sentence(0, *place(1, "Widget Works"), SentenceKind.HEADING),
        Sentence(1, *place(1, "We make widgets."), heading=0),
        Sentence(2, *place(1, "Jane Doe is our chief executive."), heading=0),
        Sentence(3, *place(2, "Consolidated results"), SentenceKind.HEADING),
        Sentence(4, *place(2, "| 2021 | 2020"), SentenceKind.ROW, heading=3),
        Sentence(
            5,
            *place(2, "Total revenue | 1,577 | 1,373"),
            SentenceKind.ROW,
            (10.0, 20.5, 300.0, 32.0),
            heading=3,
            header=4,
        ),
        Sentence(6, *place(2, "売上高は増加した。"), heading=3),
    )
    return Document("ab12" * 16, "Widget Works 2021", "/shelf/ww.pdf", pages, sentences, "test/1")
