"""The library's schema, one numbered step after another.

A step that has been released is never edited: a change is a new step. Each runs in one
transaction together with the note that it ran, so a library is never between two schemas.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from docqa.engine.library.search_terms import indexed_text

MIGRATIONS = Migrations("docqa")

FIRST_MIGRATION = "m001_documents"


@MIGRATIONS()
def m001_documents(db: Database) -> None:
    """Documents with their pages, sentences and token ids."""
    db.executescript(
        """
        CREATE TABLE documents (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            path TEXT,
            segmenter TEXT NOT NULL,
            n_words INTEGER NOT NULL,
            added_at TEXT NOT NULL,
            used_at TEXT NOT NULL
        );
        CREATE TABLE pages (
            document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            text TEXT NOT NULL,
            status TEXT NOT NULL,
            PRIMARY KEY (document_id, number)
        );
        CREATE TABLE sentences (
            rowid INTEGER PRIMARY KEY,
            document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            id INTEGER NOT NULL,
            page INTEGER NOT NULL,
            "start" INTEGER NOT NULL,
            "end" INTEGER NOT NULL,
            kind TEXT NOT NULL,
            box_left REAL, box_top REAL, box_right REAL, box_bottom REAL,
            heading INTEGER,
            header INTEGER,
            UNIQUE (document_id, id)
        );
        CREATE TABLE tokens (
            document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            tokenizer_id TEXT NOT NULL,
            token_ids BLOB NOT NULL,
            sentence_ends BLOB NOT NULL,
            PRIMARY KEY (document_id, tokenizer_id)
        );
        """
    )


@MIGRATIONS()
def m002_search(db: Database) -> None:
    """Full-text search over sentences; the index holds no second copy of the text."""
    db.execute(
        "CREATE VIRTUAL TABLE sentence_index USING fts5("
        "text, content='', tokenize='porter unicode61 remove_diacritics 2')"
    )
    rows = db.execute(
        'SELECT s.rowid, p.text, s."start", s."end" FROM sentences s '
        "JOIN pages p ON p.document_id = s.document_id AND p.number = s.page"
    )
    db.conn.executemany(
        "INSERT INTO sentence_index (rowid, text) VALUES (?, ?)",
        ((rowid, indexed_text(text[start:end])) for rowid, text, start, end in rows.fetchall()),
    )


@MIGRATIONS()
def m003_history(db: Database) -> None:
    """Questions with their answers; they outlive the documents they were asked of."""
    db.executescript(
        """
        CREATE TABLE questions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            asked_at TEXT NOT NULL,
            question TEXT NOT NULL,
            answer TEXT NOT NULL,
            abstained INTEGER NOT NULL,
            confidence REAL NOT NULL,
            retriever TEXT NOT NULL,
            checkpoint TEXT,
            device TEXT NOT NULL,
            n_tokens INTEGER NOT NULL,
            generator TEXT NOT NULL,
            model TEXT,
            strategy TEXT NOT NULL,
            ingest_seconds REAL NOT NULL,
            retrieve_seconds REAL NOT NULL,
            generate_seconds REAL NOT NULL,
            total_seconds REAL NOT NULL
        );
        CREATE TABLE question_documents (
            question_id INTEGER NOT NULL REFERENCES questions(id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            document_id TEXT NOT NULL,
            title TEXT NOT NULL,
            path TEXT,
            n_pages INTEGER NOT NULL,
            n_words INTEGER NOT NULL,
            n_tokens INTEGER NOT NULL,
            unread_pages TEXT NOT NULL,
            PRIMARY KEY (question_id, position)
        );
        CREATE INDEX question_documents_by_document ON question_documents (document_id);
        CREATE TABLE evidence (
            question_id INTEGER NOT NULL REFERENCES questions(id) ON DELETE CASCADE,
            rank INTEGER NOT NULL,
            document_id TEXT NOT NULL,
            sentence_id INTEGER NOT NULL,
            page INTEGER NOT NULL,
            "start" INTEGER NOT NULL,
            "end" INTEGER NOT NULL,
            text TEXT NOT NULL,
            score REAL NOT NULL,
            heading TEXT,
            header TEXT,
            PRIMARY KEY (question_id, rank)
        );
        CREATE TABLE citations (
            question_id INTEGER NOT NULL,
            rank INTEGER NOT NULL,
            position INTEGER NOT NULL,
            quote TEXT NOT NULL,
            PRIMARY KEY (question_id, rank, position),
            FOREIGN KEY (question_id, rank) REFERENCES evidence(question_id, rank) ON DELETE CASCADE
        );
        """
    )


@MIGRATIONS()
def m004_conversations(db: Database) -> None:
    """Questions stand in conversations, and are kept before they have an answer.

    Those asked earlier, and those of `docqa ask`, belong to no conversation.
    """
    db.executescript(
        """
        CREATE TABLE conversations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            started_at TEXT NOT NULL
        );
        ALTER TABLE questions ADD COLUMN conversation_id INTEGER
            REFERENCES conversations(id) ON DELETE SET NULL;
        CREATE INDEX questions_by_conversation ON questions (conversation_id);
        CREATE TABLE unanswered_questions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
            asked_at TEXT NOT NULL,
            question TEXT NOT NULL,
            document_ids TEXT NOT NULL,
            reason TEXT NOT NULL
        );
        CREATE VIEW asked AS
            SELECT conversation_id, asked_at, question FROM questions
            UNION ALL
            SELECT conversation_id, asked_at, question FROM unanswered_questions;
        """
    )


@MIGRATIONS()
def m005_file_queue(db: Database) -> None:
    """Files that wait to be read, that were stopped, or that could not be read."""
    db.execute(
        "CREATE TABLE file_queue (path TEXT PRIMARY KEY, added_at TEXT NOT NULL, "
        "state TEXT NOT NULL, problem TEXT NOT NULL, reason TEXT NOT NULL, hint TEXT NOT NULL)"
    )


@MIGRATIONS()
def m006_bin(db: Database) -> None:
    """A removed document can be taken back for a while."""
    db.execute("ALTER TABLE documents ADD COLUMN removed_at TEXT")


@MIGRATIONS()
def m007_writing(db: Database) -> None:
    """How a language model wrote an answer: tokens, window, what was taken out; JSON."""
    db.execute("ALTER TABLE questions ADD COLUMN writing TEXT")


@MIGRATIONS()
def m008_hops(db: Database) -> None:
    """What further readings of the documents asked (JSON), and which of them found a sentence."""
    db.executescript(
        """
        ALTER TABLE questions ADD COLUMN further TEXT NOT NULL DEFAULT '[]';
        ALTER TABLE evidence ADD COLUMN hop INTEGER NOT NULL DEFAULT 1;
        """
    )


@MIGRATIONS()
def m009_page_breaks(db: Database) -> None:
    """The part of a sentence on the page after its own (JSON), and the page evidence ends on."""
    db.executescript(
        """
        ALTER TABLE sentences ADD COLUMN rest TEXT;
        ALTER TABLE evidence ADD COLUMN last_page INTEGER;
        """
    )
