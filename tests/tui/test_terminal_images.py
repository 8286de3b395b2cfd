"""Terminals that draw pictures are asked once, before the application reads the keys."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time

import pytest

pytest.importorskip("textual_image")
pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

CODE = """
import json, sys
from docqa.app.tui.terminal_images import cell_size, prepare_images
prepare_images()
from docqa.app.tui import terminal_images
kind = None
if cell_size() is not None:
    from docqa.engine.exports.page_image import PageImage
    terminal_images.picture(PageImage(2, 2, bytes(12), None))
    from textual_image.renderable import Image
    kind = Image.__module__
out = {"cell": cell_size(), "kind": kind, "asked": "textual_image" in sys.modules}
print("RESULT " + json.dumps(out) + " END", flush=True)
"""
QUERY_KITTY = re.compile(rb"\x1b_G[^;]*i=(\d+)[^;]*;AAAA\x1b\\")


def ask(environment: dict[str, str], *, kitty: bool, sixel: bool) -> dict[str, object]:
    """What a process finds out in a terminal that answers like this."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TERM")}
    for name in ("TMUX", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "WT_SESSION", "TEXTUAL_DRIVER"):
        clean.pop(name, None)
    with subprocess.Popen(
        [sys.executable, "-c", CODE],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=clean | environment,
    ) as process:
        os.close(slave)
        seen = converse(master, process, kitty=kitty, sixel=sixel)
        process.kill()
    os.close(master)
    found = re.search(rb"RESULT (\{.*?\}) END", seen)
    assert found, seen
    result: dict[str, object] = json.loads(found[1])
    return result


def converse(master: int, process: subprocess.Popen[bytes], *, kitty: bool, sixel: bool) -> bytes:
    """Answer as the terminal until the result is there; everything the process wrote."""
    seen, answered, end = b"", 0, time.monotonic() + 60
    while b" END" not in seen and time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            seen += os.read(master, 4096)
        rest = seen[answered:]
        if b"\x1b[c" in rest:
            os.write(master, b"\x1b[?62;4;22c" if sixel else b"\x1b[?62;22c")
            answered = seen.index(b"\x1b[c", answered) + 3
        elif b"\x1b[16t" in rest:
            os.write(master, b"\x1b[6;18;9t")
            answered = seen.index(b"\x1b[16t", answered) + 5
        elif kitty and (query := QUERY_KITTY.search(rest)):
            os.write(master, b"\x1b_Gi=" + query[1] + b";OK\x1b\\")
            answered += query.end()
        if process.poll() is not None and not ready:  # it ended without a word
            break
    return seen


def test_a_terminal_like_kitty_gets_pictures_by_its_protocol() -> None:
    result = ask({"TERM": "xterm-kitty"}, kitty=True, sixel=False)
    assert result["cell"] == [9, 18]
    assert result["kind"] == "textual_image.renderable.tgp"


def test_a_terminal_with_sixel_gets_sixels() -> None:
    result = ask({"TERM": "foot"}, kitty=False, sixel=True)
    assert result["cell"] == [9, 18]
    assert result["kind"] == "textual_image.renderable.sixel"


def test_one_that_only_looks_like_it_gets_half_blocks() -> None:
    assert ask({"TERM_PROGRAM": "vscode"}, kitty=False, sixel=False)["cell"] is None


def test_others_are_not_asked_at_all() -> None:
    result = ask({"TERM": "xterm-256color"}, kitty=True, sixel=True)
    assert result == {"cell": None, "kind": None, "asked": False}
