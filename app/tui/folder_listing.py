"""What a folder holds for someone who looks for documents."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from docqa.app.session import FILE_SUFFIXES
from docqa.engine.paths import expand

MAX_ENTRIES = 2_000
"""More than that in one folder is cut: nobody reads them, and drawing them takes long."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder, or a file that docqa reads."""

    path: Path
    name: str
    is_folder: bool
    n_bytes: int
    changed: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder's entries: folders first, then files, each by name."""

    folder: Path
    entries: tuple[Entry, ...]
    n_other: int
    """Files docqa does not read, which are left out."""
    problem: str
    """Why it could not be read; empty when it could."""


def list_folder(folder: Path) -> Listing:
    """Read a folder; one that cannot be read is a listing with a problem, not an error."""
    found: list[Entry] = []
    n_other = 0
    try:
        with os.scandir(folder) as children:
            for child in children:
                entry = _entry(child)
                if entry is None:
                    n_other += 1
                else:
                    found.append(entry)
    except OSError as error:
        return Listing(folder, (), 0, f"Cannot read {folder}: {error.strerror}.")
    found.sort(key=lambda entry: (not entry.is_folder, entry.name.casefold()))
    return Listing(folder, tuple(found[:MAX_ENTRIES]), n_other, "")


def split_path(text: str) -> tuple[Path, str]:
    """What a reader has typed as the folder it is in and the start of a name in it."""
    head, _, start = text.rpartition(os.sep)
    folder = expand((head + os.sep) if head or text.startswith(os.sep) else ".")
    return folder.absolute(), start


def matching(listing: Listing, start: str) -> list[Entry]:
    """The entries with these letters, those that begin with them first.

    Hidden ones (`.name`) only for someone who types the dot.
    """
    wanted = start.casefold()
    if wanted.startswith("."):
        return [entry for entry in listing.entries if entry.name.casefold().startswith(wanted)]
    found = [
        entry
        for entry in listing.entries
        if wanted in entry.name.casefold() and not entry.name.startswith(".")
    ]
    return sorted(found, key=lambda entry: not entry.name.casefold().startswith(wanted))


def _entry(child: os.DirEntry[str]) -> Entry | None:
    try:
        is_folder = child.is_dir()
        if not is_folder and not child.name.lower().endswith(FILE_SUFFIXES):
            return None
        stat = child.stat()
    except OSError:  # a broken link, a folder nobody may enter
        return None
    return Entry(
        Path(child.path),
        child.name,
        is_folder,
        stat.st_size,
        datetime.fromtimestamp(stat.st_mtime),
    )
