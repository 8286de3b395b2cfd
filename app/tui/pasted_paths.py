"""Paths as terminals and file managers paste them when files are dropped on a window.

Quoted, with backslashes before spaces, as `file://` addresses, several in a line or one a line.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docqa.engine.paths import exists, expand

MAX_CHARS = 32_768
"""A longer paste is no list of paths."""
_LOOKS_LIKE_PATH = re.compile(r"""['"]?(?:file://|~?/|\.{1,2}/|[A-Za-z]:[\\/])""")


def pasted_paths(text: str) -> list[Path]:
    """The files and folders that a pasted text names.

    Returns:
        Existing paths; empty when any part of the text is none, because then it is text.
    """
    text = text.strip("\r\n\t \0")
    if not text or len(text) > MAX_CHARS or not _LOOKS_LIKE_PATH.match(text):
        return []
    for parts in _readings(text):
        paths = [_path(part) for part in parts if part]
        if paths and all(exists(path) for path in paths):
            return list(dict.fromkeys(paths))
    return []


def _readings(text: str) -> Iterator[list[str]]:
    """Ways to read the text, the most literal first: a name may hold spaces and quotes."""
    yield [text]
    lines = [line.strip() for line in re.split(r"[\r\n\0]+", text)]
    yield lines
    for is_posix in (True, False):  # without: a backslash is part of a Windows path
        try:
            lexer = shlex.shlex(text, posix=is_posix, punctuation_chars=False)
            lexer.whitespace_split = True
            lexer.commenters = ""
            yield [part.strip("'\"") if not is_posix else part for part in lexer]
        except ValueError:  # an open quote
            continue


def _path(part: str) -> Path:
    if part.lower().startswith("file://"):
        try:
            path = unquote(urlsplit(part).path)
        except ValueError:  # `file://[x`, which is no address
            return Path(part)
        return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)
    return expand(part)
