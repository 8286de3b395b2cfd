"""`docqa ingest`: files and folders into the library."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from docqa.app.options import json_option, library_option, password_option, quiet_option


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@library_option
@password_option
@json_option
@quiet_option
def ingest(
    paths: tuple[str, ...], library: str | None, password: str | None, as_json: bool, quiet: bool
) -> int:
    """Read files, or all files of folders, into the library.

    A file that is already there by its content is not read again. A file that cannot be read
    is named and passed over; the command then ends with exit code 1.
    """
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import ExitCode, Narrator
    from docqa.app.output import print_json, print_table
    from docqa.app.session import describe, open_library
    from docqa.engine.errors import IngestError
    from docqa.engine.pipeline import open_file

    settings = load_settings({"library": library})
    narrator = Narrator(quiet=quiet)
    read: list[dict[str, Any]] = []
    n_failed = 0
    with open_library(settings) as store:
        for path in find_files(paths):
            try:
                document, fresh = open_file(
                    store, path, password=password, on_progress=narrator.ingesting(path.name)
                )
            except IngestError as error:
                narrator.warn(str(error))
                n_failed += 1
                continue
            narrator.clear()
            if fresh:
                describe(document, narrator)
            read.append(
                {
                    "id": document.id,
                    "title": document.title,
                    "path": document.path,
                    "pages": len(document.pages),
                    "sentences": len(document.sentences),
                    "words": document.n_words,
                    "unread_pages": list(document.unread_pages),
                    "new": fresh,
                }
            )
    if as_json:
        print_json(read)
    elif read:
        print_table(
            ["id", "title", "pages", "sentences", "words", "new"],
            [
                [
                    one["id"][:12],
                    one["title"],
                    f"{one['pages']:,}",
                    f"{one['sentences']:,}",
                    f"{one['words']:,}",
                    "yes" if one["new"] else "was there",
                ]
                for one in read
            ],
        )
    return ExitCode.FAILED if n_failed else ExitCode.DONE


def find_files(paths: Sequence[str]) -> Iterator[Path]:
    """The files named, and those of the named folders that docqa can read, in order.

    Raises:
        IngestError: When a name is neither a file nor a folder, or a folder has nothing to read.
    """
    from docqa.app.session import FILE_SUFFIXES
    from docqa.engine.errors import IngestError
    from docqa.engine.paths import named_path

    for name in paths:
        path = named_path(name)
        if path is None:
            raise IngestError(f"No file {name}.", "Check the path.")
        if not path.is_dir():
            yield path
            continue
        found = files_in(path)
        if not found:
            raise IngestError(
                f"Nothing to read in the folder {name}.", f"docqa reads {', '.join(FILE_SUFFIXES)}."
            )
        yield from found


def files_in(folder: Path) -> list[Path]:
    """What docqa can read in a folder and the folders in it, but nothing hidden; in order.

    What may not be looked at is among them: reading it says why it cannot be read.
    """
    from docqa.app.session import FILE_SUFFIXES

    found: list[Path] = []

    def not_listed(error: OSError) -> None:
        found.append(Path(error.filename))

    for place, folders, names in os.walk(folder, onerror=not_listed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            file
            for file in (Path(place, name) for name in names if not name.startswith("."))
            if file.suffix.lower() in FILE_SUFFIXES and _may_be_file(file)
        ]
    return sorted(found)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True
