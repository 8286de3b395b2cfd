"""What a report of a fault needs: versions, terminal, settings and the last lines of the log.

No document, question or answer is in it.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from docqa.app.keys import without_login

if TYPE_CHECKING:
    from docqa.app.config import Settings
    from docqa.app.tui.session_log import SessionLog

N_LOG_LINES = 40
TERMINAL_VARIABLES = (
    "TERM",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "COLORTERM",
    "COLORFGBG",
    "NO_COLOR",
    "TMUX",
    "SSH_TTY",
    "LANG",
)


def debug_info(
    settings: Settings, log: SessionLog, screen: Mapping[str, object] | None = None
) -> str:
    """The report as text, ready to be pasted.

    Args:
        settings: What the application runs with.
        log: Its log; the last lines are taken.
        screen: What the application knows of its terminal: size, theme, colours.
    """
    from docqa.app.checkup import NEEDED, OPTIONAL, _version

    packages = {name: _version(name) for name in (*NEEDED, "textual", *OPTIONAL)}
    sections: dict[str, dict[str, object]] = {
        "system": {
            "python": platform.python_version(),
            "machine": platform.platform(),
            "torch loaded": "torch" in sys.modules,
        },
        "packages": {name: found for name, found in packages.items() if found},
        "terminal": {
            **{name: os.environ[name] for name in TERMINAL_VARIABLES if name in os.environ},
            **(screen or {}),
        },
        "settings": settings.model_dump(),
    }
    lines = []
    for title, facts in sections.items():
        lines.append(f"[{title}]")
        lines += [f"{name} = {_hidden(name, value)}" for name, value in facts.items()]
        lines.append("")
    lines.append("[log]")
    lines += [str(line) for line in log.lines[-N_LOG_LINES:]]
    return "\n".join(lines) + "\n"


def _hidden(name: str, value: object) -> object:
    """No secret leaves by a report, and no name of the reader's folders either."""
    if any(word in name.lower() for word in ("key", "token", "secret", "password")):
        return "(set)" if value and name != "keymap" else value
    if not isinstance(value, str):
        return value
    home = os.path.expanduser("~")
    shown = without_login(value)
    return shown.replace(home, "~") if len(home) > 1 else shown
