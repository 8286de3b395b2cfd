"""The checkpoints installed on this machine, each in a folder of its name.

A folder is put into its place whole, by renaming it; what is not finished lies in `.incoming`.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import platformdirs

from docqa.engine.checkpoints.catalogue import published
from docqa.engine.errors import ConfigError, MissingError
from docqa.engine.paths import expand, is_folder

ORIGIN_FILE = "origin.json"
EMBEDDED = "embedded"
"""Name of the checkpoint that comes with docqa."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def embedded_checkpoint() -> Path:
    """The folder of the checkpoint that comes with docqa."""
    return Path(str(files("docqa.assets"))) / "checkpoint"


def checkpoints_folder() -> Path:
    """Where installed checkpoints are."""
    return Path(platformdirs.user_data_dir("docqa", appauthor=False)) / "checkpoints"


def incoming_folder(name: str) -> Path:
    """Where a checkpoint is fetched and made ready; no name begins with a full stop."""
    return checkpoints_folder() / ".incoming" / name


def installed_names() -> list[str]:
    """Names of the installed checkpoints, sorted."""
    return sorted(file.parent.name for file in checkpoints_folder().glob(f"*/{ORIGIN_FILE}"))


def partly_pulled_names() -> list[str]:
    """Names of the checkpoints that an interrupted pull has left something of, sorted."""
    return sorted(folder.name for folder in incoming_folder("").glob("*/"))


def installed_folder(name: str) -> Path | None:
    """The folder of an installed checkpoint; upper and lower case do not matter."""
    for known in installed_names():
        if known.casefold() == name.casefold():
            return checkpoints_folder() / known
    return None


def checkpoint_folder(reference: str) -> Path:
    """The folder of what a person calls a checkpoint: `embedded`, an installed name, or a path.

    A name wins over a folder of the same name in the working directory; that one is `./NAME`.

    Raises:
        MissingError: When there is neither.
    """
    if reference.casefold() == EMBEDDED:
        return embedded_checkpoint()
    folder = expand(reference)
    if "/" not in reference and (found := installed_folder(reference)):
        return found
    if is_folder(folder):
        return folder
    if known := published(reference):
        raise MissingError(
            f"The checkpoint {known.name} is not installed.",
            f"Install it: docqa models pull {known.name}",
        )
    raise MissingError(
        f"No checkpoint folder {reference}, and none of that name is installed.",
        "See: docqa models list",
    )


def checked_name(name: str) -> str:
    """A name a checkpoint may be installed under.

    Raises:
        ConfigError: When it could not be a folder everywhere, or means another checkpoint.
    """
    if not _NAME.fullmatch(name) or name.casefold() == EMBEDDED:
        raise ConfigError(
            f"A checkpoint cannot be called {name!r}.",
            "Use letters, digits, full stops, - and _, at most 64; not 'embedded'.",
        )
    return name
