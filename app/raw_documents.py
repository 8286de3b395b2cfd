"""Documents to make training data from: files, folders, JSON Lines, the library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from docqa.app.commands.ingest import find_files
from docqa.app.session import FILE_SUFFIXES, open_library
from docqa.engine.paths import expand

if TYPE_CHECKING:
    from docqa.app.config import Settings
    from docqa.app.diagnostics import Narrator
    from docqa.engine.library.store import Store
    from docqa.trainer.synthetic.excerpts import RawDocument

DATA_SUFFIXES = (".jsonl", ".jsonl.gz")


def raw_documents(
    sources: Sequence[str], settings: Settings, narrator: Narrator
) -> Iterator[RawDocument]:
    """What the sources name, one document at a time; nothing is added to the library.

    A file that cannot be read is named and passed over.

    Raises:
        IngestError: When a source does not exist, or a folder has nothing to read.
        StoreError: When the library has no such document.
        TrainingError: When a line of JSON Lines is none.
    """
    with ExitStack() as stack:
        store: Store | None = None
        for source in sources:
            path = expand(source)
            if source.endswith(DATA_SUFFIXES):
                yield from _of_lines(path)
            elif path.exists() or path.suffix.lower() in FILE_SUFFIXES:
                for file in find_files([source]):
                    yield from _of_file(file, narrator)
            else:
                store = store or stack.enter_context(open_library(settings))
                yield _of_library(source, store)


def _of_lines(path: Path) -> Iterator[RawDocument]:
    from docqa.trainer.dataset import read_documents
    from docqa.trainer.synthetic.excerpts import RawDocument

    for labelled in read_documents(path):
        yield RawDocument(labelled.id, labelled.document, labelled.domain)


def _of_file(path: Path, narrator: Narrator) -> Iterator[RawDocument]:
    from docqa.engine.errors import IngestError
    from docqa.engine.ingest.documents import ingest
    from docqa.trainer.synthetic.excerpts import RawDocument

    try:
        document = ingest(path, on_progress=narrator.ingesting(path.name))
    except IngestError as error:
        narrator.warn(str(error))
        return
    narrator.clear()
    yield RawDocument(document.id[:12], document)


def _of_library(reference: str, store: Store) -> RawDocument:
    from docqa.trainer.synthetic.excerpts import RawDocument

    document = store.document(reference)
    return RawDocument(document.id[:12], document)
