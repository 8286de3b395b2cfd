"""Paths as a person types them, which may be any text: asking about one never fails."""

from __future__ import annotations

import os
from pathlib import Path

from docqa.engine.errors import IngestError


def expand(text: str | Path) -> Path:
    """A path with `~` for the home folder; `~name` of no user is a name like any other."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def exists(path: Path) -> bool:
    """Whether there is something; no for what cannot be a name (too long), unlike `Path`."""
    return os.path.exists(path)


def is_file(path: Path) -> bool:
    """Whether there is a file, asked as safely."""
    return os.path.isfile(path)


def is_folder(path: Path) -> bool:
    """Whether there is a folder, asked as safely."""
    return os.path.isdir(path)


def named_path(name: str) -> Path | None:
    """The file or folder of that name; None where there is none.

    Raises:
        IngestError: When a folder on the way may not be looked into.
    """
    path = expand(name)
    try:
        path.stat()
    except PermissionError as error:
        raise IngestError(
            f"Cannot read {name}: {error.strerror}.", "Check the permissions of its folder."
        ) from error
    except (OSError, ValueError):  # no such file; too long, or with a character no name has
        return None
    return path
