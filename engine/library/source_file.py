"""The file a document was read from, as long as it is still the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

from docqa.engine.errors import ExportError
from docqa.engine.library.store import Store
from docqa.engine.types import Document


def load_kept(store: Store, document_id: str) -> Document | None:
    """A document if the library still has it."""
    return None if store.get(document_id) is None else store.load(document_id)


def checked_path(path: str | None, title: str) -> Path:
    """The path of a PDF that is there.

    Raises:
        ExportError: When the document has no file, no PDF, or the file has moved.
    """
    if path is None:
        raise ExportError(
            f"{title} was not read from a file: there is no PDF of it.",
            "Its text is in the library.",
        )
    file = Path(path)
    if not file.is_file():
        raise ExportError(
            f"{title} is no longer at {path}.",
            "Name the file again where it is now: docqa ingest FILE",
        )
    if not is_pdf(file):
        raise ExportError(
            f"{title} is a text file: there is no PDF of it.", "Its text is in the library."
        )
    return file


def is_pdf(path: Path) -> bool:
    """Whether a file is a PDF by its content, or by its name when it cannot be read."""
    try:
        with path.open("rb") as file:
            return b"%PDF-" in file.read(1024)
    except OSError:
        return path.suffix.lower() == ".pdf"


def original_bytes(path: str | None, title: str, document_id: str) -> bytes:
    """The bytes a document was read from.

    Args:
        path: Where its file was.
        title: How the document is called.
        document_id: sha256 of the bytes in hex.

    Raises:
        ExportError: When the file has moved or changed, or is no PDF.
    """
    file = checked_path(path, title)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ExportError(
            f"Cannot read {file}: {error.strerror}.", "Check its permissions."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != document_id:
        raise ExportError(
            f"{file} has changed since it was read (sha256 {found[:12]}, "
            f"the library knows {document_id[:12]}).",
            f"Read the new version as a document of its own: docqa ingest {file}",
        )
    return content
