"""A file that is taken away appears whole or not at all, and replaces nothing unasked."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docqa.engine.errors import ExportError
from docqa.engine.paths import exists, is_file, is_folder


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a text file in UTF-8.

    Raises:
        ExportError: When the file exists and may not be replaced, or cannot be written.
    """
    with new_file(path, overwrite=overwrite) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A file beside `path` to write into, which takes its place when all went well.

    Yields:
        The path to write to; it ends like `path`.

    Raises:
        ExportError: When the file exists and may not be replaced, or cannot be written.
    """
    check_target(path, overwrite=overwrite)
    partial = path.with_name(f".{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield partial
        if overwrite:
            partial.replace(path)
        else:
            _take_place(partial, path)
    except OSError as error:
        raise ExportError(
            f"Cannot write {path}: {error.strerror or error}.", "Choose another place."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def check_target(path: Path, *, overwrite: bool = False) -> None:
    """Say before the work what would be said after it.

    Raises:
        ExportError: When a file of this name cannot be made.
    """
    if is_folder(path):
        raise ExportError(f"{path} is a folder.", "Name a file in it.")
    if exists(path) and not is_file(path):
        raise ExportError(f"{path} is no file, but a device or pipe.", "Leave out --out: … > FILE")
    if exists(path) and not overwrite:
        raise ExportError(
            f"{path} exists already.", "Choose another name, or allow replacing it (--force)."
        )
    if not is_folder(path.parent):
        raise ExportError(f"There is no folder {path.parent}.", "Make it, or choose another place.")


def _take_place(partial: Path, path: Path) -> None:
    """Rename without replacing a file that came into being meanwhile."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise ExportError(
            f"{path} exists already.", "Choose another name, or allow replacing it (--force)."
        ) from None
    except OSError:  # a file system without links
        if exists(path):
            raise ExportError(f"{path} exists already.", "Choose another name.") from None
        partial.rename(path)
