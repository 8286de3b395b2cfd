"""The library on disk: documents with their sentences and tokens, and the questions asked.

One SQLite file. A document is written in one transaction, a question with its answer in another,
so whatever interrupts docqa leaves a library that opens and holds nothing half written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from docqa.engine.errors import StoreError
from docqa.engine.library.file_queue import FileQueue
from docqa.engine.library.history import History
from docqa.engine.library.library_file import MAX_INTEGER, now
from docqa.engine.library.search_terms import indexed_text, search_expression
from docqa.engine.paths import expand
from docqa.engine.retrievers.packing import TokenizedDocument
from docqa.engine.types import Document, Page, PageStatus, Rest, Sentence, SentenceKind

MIN_ID_PREFIX = 4
"""Fewer characters of an id are taken for a title."""
N_CANDIDATES = 5
"""Most documents an error names."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What the library knows of a document without reading its text."""

    id: str
    title: str
    path: str | None
    segmenter: str
    n_pages: int
    n_words: int
    n_sentences: int
    added_at: str
    """UTC, ISO 8601."""
    used_at: str
    n_unread_pages: int
    """Pages that could not be read: scans, unusable text layers."""

    @property
    def short_id(self) -> str:
        """Enough of the id to name it on the command line."""
        return self.id[:12]


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A sentence that holds the words searched for."""

    document_id: str
    title: str
    page: int
    sentence_id: int
    text: str


class Store(History, FileQueue):
    """A library: its documents here, its questions and waiting files in the classes above it."""

    # Documents

    def add(self, document: Document) -> None:
        """Keep a document; one with the same id is replaced, its tokens forgotten."""
        added = now()
        with self._writing() as db:
            known = db.execute("SELECT added_at FROM documents WHERE id = ?", [document.id])
            added_at = (known.fetchone() or (added,))[0]
            self._delete(document.id)
            db.execute(
                "INSERT INTO documents (id, title, path, segmenter, n_words, added_at, used_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    document.id,
                    document.title,
                    document.path,
                    document.segmenter,
                    document.n_words,
                    added_at,
                    added,
                ],
            )
            db.conn.executemany(
                "INSERT INTO pages (document_id, number, text, status) VALUES (?, ?, ?, ?)",
                ((document.id, p.number, p.text, p.status.value) for p in document.pages),
            )
            self._insert_sentences(document)

    def _insert_sentences(self, document: Document) -> None:
        conn = self._db.conn
        (first,) = conn.execute("SELECT coalesce(max(rowid), 0) + 1 FROM sentences").fetchone()
        conn.executemany(
            "INSERT INTO sentences VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    first + s.id,
                    document.id,
                    s.id,
                    s.page,
                    s.start,
                    s.end,
                    s.kind.value,
                    *(s.box or (None, None, None, None)),
                    s.heading,
                    s.header,
                    None if s.rest is None else json.dumps(asdict(s.rest)),
                )
                for s in document.sentences
            ),
        )
        conn.executemany(
            "INSERT INTO sentence_index (rowid, text) VALUES (?, ?)",
            (
                (first + s.id, indexed_text(document.sentence_text(s.id)))
                for s in document.sentences
            ),
        )

    def load(self, document_id: str) -> Document:
        """A document with all its pages and sentences.

        Raises:
            StoreError: When the library holds none of that id.
        """
        with self._reading() as db:
            row = db.execute(
                "SELECT title, path, segmenter FROM documents WHERE id = ?", [document_id]
            ).fetchone()
            if row is None:
                raise StoreError(
                    f"The library holds no document {document_id[:12]}.", "See: docqa library list"
                )
            pages = tuple(
                Page(number, text, PageStatus(status))
                for number, text, status in db.execute(
                    "SELECT number, text, status FROM pages WHERE document_id = ? ORDER BY number",
                    [document_id],
                )
            )
            kinds = {kind.value: kind for kind in SentenceKind}
            sentences = tuple(
                Sentence(
                    number,
                    page,
                    start,
                    end,
                    kinds[kind],
                    None if left is None else (left, top, right, bottom),
                    heading,
                    header,
                    None if rest is None else _rest(rest),
                )
                for (
                    number, page, start, end, kind, left, top, right, bottom, heading, header, rest
                ) in db.execute(
                    'SELECT id, page, "start", "end", kind, box_left, box_top, box_right, '
                    "box_bottom, heading, header, rest FROM sentences "
                    "WHERE document_id = ? ORDER BY id",
                    [document_id],
                )
            )  # fmt: skip
        title, path, segmenter = row
        return Document(document_id, title, path, pages, sentences, segmenter)

    def documents(self) -> list[StoredDocument]:
        """All documents, the last used first."""
        return self._stored("")

    def get(self, document_id: str) -> StoredDocument | None:
        """The document of that id, if it is kept."""
        found = self._stored("AND id = ?", [document_id])
        return found[0] if found else None

    def find(self, reference: str) -> StoredDocument:
        """The document a person means: by id or the start of one, by path or by title.

        Raises:
            StoreError: When there is none, or more than one.
        """
        documents = self.documents()
        wanted = reference.strip()
        for matches in _matchers(wanted):
            found = [document for document in documents if matches(document)]
            if len(found) == 1:
                return found[0]
            if found:
                named = "; ".join(f"{d.title} ({d.short_id})" for d in found[:N_CANDIDATES])
                more = f"; and {len(found) - N_CANDIDATES} more" * (len(found) > N_CANDIDATES)
                raise StoreError(
                    f"{reference!r} fits {len(found)} documents: {named}{more}.",
                    "Name one by its id.",
                )
        raise StoreError(
            f"No file and no stored document {reference!r} "
            f"(the library holds {len(documents)}: {self.path}).",
            "See: docqa library list",
        )

    def document(self, reference: str) -> Document:
        """`find` and `load` in one."""
        return self.load(self.find(reference).id)

    def last_used(self) -> StoredDocument | None:
        """The document that was added or asked last."""
        found = self._stored("", limit=1)
        return found[0] if found else None

    def touch(self, document_id: str, *, path: str | None = None) -> None:
        """Note that a document was used, and where its file is now."""
        with self._writing() as db:
            db.execute(
                "UPDATE documents SET used_at = ?, path = coalesce(?, path) WHERE id = ?",
                [now(), path, document_id],
            )

    def remove(self, document_id: str, *, with_history: bool = False) -> None:
        """Forget a document, and if asked the questions that were put to it."""
        with self._writing() as db:
            self._delete(document_id)
            if with_history:
                db.execute(
                    "DELETE FROM questions WHERE id IN "
                    "(SELECT question_id FROM question_documents WHERE document_id = ?)",
                    [document_id],
                )
                db.execute(
                    "DELETE FROM unanswered_questions WHERE instr(document_ids, ?)",
                    [json.dumps(document_id)],
                )

    def _delete(self, document_id: str) -> None:
        """Delete inside a transaction. The index holds no text: it must be told the old one."""
        conn = self._db.conn
        if conn.execute("SELECT 1 FROM documents WHERE id = ?", [document_id]).fetchone() is None:
            return
        (first,) = conn.execute(
            "SELECT min(rowid) FROM sentences WHERE document_id = ?", [document_id]
        ).fetchone()
        if first is not None:
            document = self.load(document_id)
            conn.executemany(
                "INSERT INTO sentence_index (sentence_index, rowid, text) VALUES ('delete', ?, ?)",
                (
                    (first + s.id, indexed_text(document.sentence_text(s.id)))
                    for s in document.sentences
                ),
            )
        conn.execute("DELETE FROM documents WHERE id = ?", [document_id])

    def search(self, words: str, *, n_hits: int = 20) -> list[SearchHit]:
        """Sentences that hold all of the words, the best first.

        Args:
            words: As a person types them; a phrase stands in quotes.
            n_hits: Most sentences to return.
        """
        expression = search_expression(words)
        if not expression:
            return []
        with self._reading() as db:
            rows = db.execute(
                'SELECT d.id, d.title, s.page, s.id, s."start", s."end", p.text, s.rest, n.text '
                "FROM sentence_index i JOIN sentences s ON s.rowid = i.rowid "
                "JOIN documents d ON d.id = s.document_id "
                "JOIN pages p ON p.document_id = s.document_id AND p.number = s.page "
                "LEFT JOIN pages n ON s.rest IS NOT NULL "
                "AND n.document_id = s.document_id AND n.number = s.page + 1 "
                "WHERE sentence_index MATCH ? AND d.removed_at IS NULL "
                "ORDER BY i.rank, s.rowid LIMIT ?",
                [expression, min(n_hits, MAX_INTEGER)],
            ).fetchall()
        return [
            SearchHit(document_id, title, page, sentence_id, text[start:end] + _over(rest, below))
            for document_id, title, page, sentence_id, start, end, text, rest, below in rows
        ]

    # The bin

    def bin(self, document_id: str) -> None:
        """Remove a document so that `restore` can bring it back; nothing finds it meanwhile."""
        with self._writing() as db:
            db.execute("UPDATE documents SET removed_at = ? WHERE id = ?", [now(), document_id])

    def restore(self, document_id: str) -> bool:
        """Take a document back out of the bin.

        Returns:
            Whether it was still there.
        """
        with self._writing() as db:
            cursor = db.execute(
                "UPDATE documents SET removed_at = NULL WHERE id = ?", [document_id]
            )
            return cursor.rowcount > 0

    def remove_binned(self, document_id: str) -> bool:
        """Forget a document if it is in the bin; one that was added again meanwhile stays.

        Returns:
            Whether it was there.
        """
        with self._writing() as db:
            found = db.execute(
                "SELECT 1 FROM documents WHERE id = ? AND removed_at IS NOT NULL", [document_id]
            ).fetchone()
            if found is not None:
                self._delete(document_id)
        return found is not None

    def empty_bin(self, *, older_than_seconds: float = 0.0) -> int:
        """Forget the documents in the bin.

        Args:
            older_than_seconds: Leave those removed later: another docqa may yet restore them.

        Returns:
            How many were forgotten.
        """
        limit = (datetime.now(UTC) - timedelta(seconds=older_than_seconds)).isoformat()
        with self._writing() as db:
            rows = db.execute("SELECT id FROM documents WHERE removed_at < ?", [limit]).fetchall()
            for (document_id,) in rows:
                self._delete(document_id)
        return len(rows)

    def _stored(
        self, condition: str, parameters: Sequence[str] = (), limit: int = -1
    ) -> list[StoredDocument]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT id, title, path, segmenter, "
                "(SELECT count(*) FROM pages WHERE document_id = documents.id), n_words, "
                "(SELECT count(*) FROM sentences WHERE document_id = documents.id), "
                "added_at, used_at, (SELECT count(*) FROM pages WHERE document_id = documents.id "
                "AND status IN ('image', 'suspect')) "
                f"FROM documents WHERE removed_at IS NULL {condition} "
                "ORDER BY used_at DESC, rowid DESC LIMIT ?",
                [*parameters, limit],
            ).fetchall()
        return [StoredDocument(*row) for row in rows]

    # Tokens (the store is a `TokenCache`)

    def load_tokens(self, document_id: str, tokenizer_id: str) -> TokenizedDocument | None:
        """The document as that tokenizer cut it, if it was kept."""
        with self._reading() as db:
            row = db.execute(
                "SELECT token_ids, sentence_ends FROM tokens "
                "WHERE document_id = ? AND tokenizer_id = ?",
                [document_id, tokenizer_id],
            ).fetchone()
        if row is None:
            return None
        return TokenizedDocument(*(np.frombuffer(blob, np.dtype("<i4")).copy() for blob in row))

    def save_tokens(self, document_id: str, tokenizer_id: str, tokens: TokenizedDocument) -> None:
        """Keep a tokenized document. Does nothing for a document that is not in the library."""
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO tokens SELECT ?, ?, ?, ? "
                "WHERE EXISTS (SELECT 1 FROM documents WHERE id = ?)",
                [
                    document_id,
                    tokenizer_id,
                    tokens.token_ids.astype("<i4").tobytes(),
                    tokens.sentence_ends.astype("<i4").tobytes(),
                    document_id,
                ],
            )


def _rest(stored: str) -> Rest:
    """The part of a sentence on the next page, as it was kept."""
    kept = json.loads(stored)
    box = kept["box"]
    return Rest(kept["start"], kept["end"], kept["glue"], None if box is None else tuple(box))


def _over(stored: str | None, below: str | None) -> str:
    """What a sentence has on the next page, to be put behind its words; mostly nothing."""
    if stored is None or below is None:
        return ""
    rest = _rest(stored)
    return rest.glue + below[rest.start : rest.end]


def _matchers(wanted: str) -> Iterator[Any]:
    """Ways to mean a document, the most exact first."""
    folded = wanted.casefold()
    if len(wanted) >= MIN_ID_PREFIX and all(c in "0123456789abcdef" for c in folded):
        yield lambda d: d.id.startswith(folded)
    if wanted:
        full_path = str(expand(wanted).absolute())
        yield lambda d: d.path in (wanted, full_path)
        yield lambda d: d.title.casefold() == folded
        yield lambda d: d.path is not None and Path(d.path).name.casefold() == folded
        yield lambda d: d.title.casefold().startswith(folded)
        yield lambda d: folded in d.title.casefold()
