"""Questions in the library: asked, answered, and the conversations they stand in.

A question is written when it is asked and its answer when it is there, so whatever interrupts docqa
loses neither.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from docqa.engine.errors import StoreError
from docqa.engine.library.library_file import MAX_INTEGER, LibraryFile, now
from docqa.engine.library.record import Record
from docqa.engine.library.record_rows import insert_record, select_documents, select_record


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A line of the history."""

    id: int
    asked_at: str
    """UTC, ISO 8601."""
    question: str
    answer: str
    abstained: bool
    titles: tuple[str, ...]
    """Of the documents it was asked of."""


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A question that was asked and has no answer: it runs, it failed, or docqa was ended."""

    id: int
    """Counts by itself: an answered question gets its number with the answer."""
    conversation_id: int
    asked_at: str
    question: str
    document_ids: tuple[str, ...]
    reason: str
    """Why there is no answer; empty as long as nothing is known."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions that were asked one after another."""

    id: int
    started_at: str
    first_question: str
    n_questions: int
    """Those without an answer included."""


class History(LibraryFile):
    """The part of a library that remembers questions."""

    # Conversations

    def start_conversation(self) -> int:
        """Begin a conversation and return its number."""
        with self._writing() as db:
            cursor = db.execute("INSERT INTO conversations (started_at) VALUES (?)", [now()])
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def conversations(self, *, n_conversations: int = -1) -> list[Conversation]:
        """Conversations in which something was asked, the last one first; -1 = all."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT c.id, c.started_at, "
                "(SELECT a.question FROM asked a WHERE a.conversation_id = c.id "
                "ORDER BY a.asked_at LIMIT 1), "
                "(SELECT count(*) FROM asked a WHERE a.conversation_id = c.id) AS n_questions "
                "FROM conversations c WHERE n_questions > 0 ORDER BY c.id DESC LIMIT ?",
                [n_conversations],
            ).fetchall()
        return [Conversation(*row) for row in rows]

    def records_of(self, conversation_id: int) -> list[tuple[int, Record]]:
        """The answered questions of a conversation with their numbers, in the order of asking."""
        with self._reading() as db:
            numbers = db.execute(
                "SELECT id FROM questions WHERE conversation_id = ? ORDER BY asked_at, id",
                [conversation_id],
            ).fetchall()
        return [(number, self.record(number)) for (number,) in numbers]

    # Questions without an answer

    def note_question(
        self, question: str, document_ids: Sequence[str], conversation_id: int
    ) -> int:
        """Keep a question that is being asked; `add_record` takes its place.

        Returns:
            The number it has until it is answered.
        """
        with self._writing() as db:
            cursor = db.execute(
                "INSERT INTO unanswered_questions "
                "(conversation_id, asked_at, question, document_ids, reason) "
                "VALUES (?, ?, ?, ?, '')",
                [conversation_id, now(), question, json.dumps(list(document_ids))],
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def explain_unanswered(self, unanswered_id: int, reason: str) -> None:
        """Say why a question got no answer."""
        with self._writing() as db:
            db.execute(
                "UPDATE unanswered_questions SET reason = ? WHERE id = ?", [reason, unanswered_id]
            )

    def withdraw_question(self, unanswered_id: int) -> None:
        """Forget a question that its reader took back."""
        with self._writing() as db:
            db.execute("DELETE FROM unanswered_questions WHERE id = ?", [unanswered_id])

    def unanswered(self, conversation_id: int) -> list[UnansweredQuestion]:
        """The questions of a conversation that have no answer, in the order of asking."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT id, conversation_id, asked_at, question, document_ids, reason "
                "FROM unanswered_questions WHERE conversation_id = ? ORDER BY id",
                [conversation_id],
            ).fetchall()
        return [
            UnansweredQuestion(
                unanswered_id, conversation, asked_at, question, tuple(json.loads(ids)), reason
            )
            for unanswered_id, conversation, asked_at, question, ids, reason in rows
        ]

    # Answered questions

    def add_record(
        self,
        record: Record,
        *,
        conversation_id: int | None = None,
        unanswered_id: int | None = None,
    ) -> int:
        """Keep a question with its answer and evidence; its documents count as used.

        Args:
            record: What was asked and answered.
            conversation_id: Where it was asked; None = outside any conversation.
            unanswered_id: Its number from `note_question`, which ends here: from one moment to
                the next it is among the answered and no longer among the others.

        Returns:
            The number of the question.
        """
        answered_at = now()
        with self._writing() as db:
            for document in record.documents:
                db.execute(
                    "UPDATE documents SET used_at = ? WHERE id = ?", [answered_at, document.id]
                )
            asked_at = answered_at
            if unanswered_id is not None:
                gone = db.execute(
                    "DELETE FROM unanswered_questions WHERE id = ? RETURNING asked_at",
                    [unanswered_id],
                ).fetchone()
                asked_at = gone[0] if gone else answered_at
            return insert_record(db.conn, record, asked_at, conversation_id)

    def questions(self, *, n_questions: int = -1) -> list[AskedQuestion]:
        """Past questions, the last one first; -1 = all."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT id, asked_at, question, answer, abstained FROM questions "
                "ORDER BY id DESC LIMIT ?",
                [min(n_questions, MAX_INTEGER)],
            ).fetchall()
            return [
                AskedQuestion(
                    question_id,
                    asked_at,
                    question,
                    answer,
                    bool(abstained),
                    tuple(document.title for document in select_documents(db.conn, question_id)),
                )
                for question_id, asked_at, question, answer, abstained in rows
            ]

    def asked_times(self) -> dict[int, str]:
        """When each question of the history was asked, by number; UTC, ISO 8601."""
        with self._reading() as db:
            return dict(db.execute("SELECT id, asked_at FROM questions").fetchall())

    def questions_of(self, document_id: str) -> list[str]:
        """What was asked of a document and answered, the last one first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT q.question FROM questions q "
                "JOIN question_documents d ON d.question_id = q.id "
                "WHERE d.document_id = ? ORDER BY q.asked_at DESC, q.id DESC",
                [document_id],
            ).fetchall()
        return [question for (question,) in rows]

    def recent_questions(self, *, n_questions: int) -> list[str]:
        """The words of the last questions, answered or not, the oldest first; each once."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT question FROM asked GROUP BY question ORDER BY max(asked_at) DESC LIMIT ?",
                [n_questions],
            ).fetchall()
        return [question for (question,) in reversed(rows)]

    def record(self, question_id: int) -> Record:
        """A past question with everything its answer stood on.

        Raises:
            StoreError: When there is none of that number.
        """
        record = None
        if question_id <= MAX_INTEGER:
            with self._reading() as db:
                record = select_record(db.conn, question_id)
        if record is None:
            raise StoreError(
                f"No question {question_id} in the history.", "See: docqa history list"
            )
        return record
