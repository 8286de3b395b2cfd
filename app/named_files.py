"""Whether what was typed names a file; much of it is a question or a title."""

from __future__ import annotations

import os
from pathlib import Path

from docqa.engine.errors import IngestError


def is_file_name(text: str) -> bool:
    """Whether there is a file of that name; a text that can be no name at all names none."""
    return os.path.isfile(text)


def named_path(name: str) -> Path | None:
    """The file or folder of that name; None where there is none, or the text can be no name.

    Raises:
        IngestError: When a folder on the way may not be looked into.
    """
    path = os.path.expanduser(name)
    try:
        os.stat(path)
    except PermissionError as error:
        raise IngestError(
            f"Cannot read {name}: {error.strerror}.", "Check the permissions of its folder."
        ) from error
    except (OSError, ValueError):  # no such file; too long, or with a character no name has
        return None
    return Path(path)
