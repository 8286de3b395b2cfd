"""Text onto the clipboard: by the terminal, and by the system's own program where there is one.

The terminal's way (OSC 52) also works over SSH, but Apple's Terminal has not got it, and nothing
says whether it worked; so both are tried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

TIMEOUT_SECONDS = 2.0


def copy_text(app: App[Any], text: str) -> None:
    """Copy text; does not wait for the program that takes it."""
    app.copy_to_clipboard(text)
    command = clipboard_command()
    if command:
        threading.Thread(target=_give, args=[command, text], daemon=True).start()


def clipboard_command() -> list[str]:
    """The program that takes text for the clipboard of this machine; empty when there is none.

    Not over SSH: the clipboard there is another machine's.
    """
    if os.environ.get("SSH_TTY") or os.environ.get("SSH_CONNECTION"):
        return []
    if sys.platform == "darwin":
        candidates = [["pbcopy"]]
    elif sys.platform == "win32":
        candidates = [["clip"]]
    else:
        candidates = []
        if os.environ.get("WAYLAND_DISPLAY"):
            candidates.append(["wl-copy"])
        if os.environ.get("DISPLAY"):
            candidates += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    return next((command for command in candidates if shutil.which(command[0])), [])


def _give(command: list[str], text: str) -> None:
    encoding = "utf-16-le" if command == ["clip"] else "utf-8"
    try:
        subprocess.run(
            command,
            input=text.encode(encoding, errors="replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # the terminal was told, too
