"""Dropped files, as the terminals and file managers write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from docqa.app.tui.pasted_paths import MAX_CHARS, pasted_paths


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "my shelf"
    folder.mkdir()
    for name in ("a.pdf", "it's b.pdf", 'c "d".pdf', "é+f.pdf", "g,h.pdf"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{}/a.pdf", ["a.pdf"]),  # as it is, spaces and all
        ("'{}/a.pdf' ", ["a.pdf"]),  # GNOME Terminal, kitty
        ('"{}/a.pdf"', ["a.pdf"]),  # Windows Terminal
        ("\r\n{}/a.pdf\r\n", ["a.pdf"]),
        ("'{}/a.pdf' '{}/g,h.pdf'", ["a.pdf", "g,h.pdf"]),
        ("{}/a.pdf\n{}/g,h.pdf", ["a.pdf", "g,h.pdf"]),
        ("{}/it's b.pdf", ["it's b.pdf"]),
        ("'{}/it'\\''s b.pdf'", ["it's b.pdf"]),
        ('{}/c "d".pdf', ['c "d".pdf']),
        ("'{}/a.pdf' '{}/a.pdf'", ["a.pdf"]),
        ("'{}'", [""]),  # a folder
    ],
)
def test_paths(shelf: Path, text: str, names: list[str]) -> None:
    assert pasted_paths(text.replace("{}", str(shelf))) == [shelf / name for name in names]


def test_backslashes_before_spaces(shelf: Path) -> None:
    escaped = str(shelf).replace(" ", "\\ ")  # macOS, Konsole
    assert pasted_paths(f"{escaped}/a.pdf {escaped}/g,h.pdf ") == [
        shelf / "a.pdf",
        shelf / "g,h.pdf",
    ]


def test_addresses(shelf: Path) -> None:
    address = (shelf / "é+f.pdf").as_uri()
    assert "%" in address
    assert pasted_paths(f"{address}\r\n{(shelf / 'a.pdf').as_uri()}\r\n") == [
        shelf / "é+f.pdf",
        shelf / "a.pdf",
    ]


def test_the_home_folder(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(shelf))
    assert pasted_paths("~/a.pdf") == [shelf / "a.pdf"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "What does a.pdf say?",
        "a.pdf",  # no terminal drops a name without its folder
        "/no/such/file.pdf",
        "{}/a.pdf and what it says",
        "/" + "x" * MAX_CHARS,
        "/" + "x" * 5000,  # no file name may be that long
        "'/unclosed",
        "/a\0b",
        "file://[abc/d.pdf",  # an address of no kind
    ],
)
def test_text_is_text(shelf: Path, text: str) -> None:
    assert pasted_paths(text.replace("{}", str(shelf))) == []
