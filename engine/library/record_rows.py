"""How a record is laid into the tables of the history, and read back."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from docqa.engine.library.record import Record, RecordedDocument, RecordedEvidence, Seconds
from docqa.engine.types import Reading, Writing


def insert_record(
    conn: sqlite3.Connection, record: Record, asked_at: str, conversation_id: int | None
) -> int:
    """Write a record inside an open transaction and return its number."""
    writing = record.writing
    cursor = conn.execute(
        "INSERT INTO questions (asked_at, conversation_id, question, answer, abstained, "
        "confidence, retriever, checkpoint, device, n_tokens, generator, model, strategy, "
        "ingest_seconds, retrieve_seconds, generate_seconds, total_seconds, writing, further) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            asked_at,
            conversation_id,
            record.question,
            record.answer,
            record.abstained,
            record.confidence,
            record.reading.name,
            record.reading.checkpoint,
            record.reading.device,
            record.reading.n_tokens,
            record.generator,
            record.model,
            record.strategy,
            record.seconds.ingest,
            record.seconds.retrieve,
            record.seconds.generate,
            record.seconds.total,
            None if writing is None else json.dumps(asdict(writing)),
            json.dumps(record.reading.further),
        ],
    )
    question_id = cursor.lastrowid
    assert question_id is not None
    conn.executemany(
        "INSERT INTO question_documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                question_id,
                position,
                d.id,
                d.title,
                d.path,
                d.n_pages,
                d.n_words,
                d.n_tokens,
                json.dumps(d.unread_pages),
            )
            for position, d in enumerate(record.documents)
        ),
    )
    conn.executemany(
        "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                question_id,
                e.rank,
                e.document_id,
                e.sentence_id,
                e.page,
                e.start,
                e.end,
                e.text,
                e.score,
                e.heading,
                e.header,
                e.hop,
                e.last_page,
            )
            for e in record.evidence
        ),
    )
    conn.executemany(
        "INSERT INTO citations VALUES (?, ?, ?, ?)",
        (
            (question_id, e.rank, position, quote)
            for e in record.evidence
            for position, quote in enumerate(e.quotes)
        ),
    )
    return question_id


def select_record(conn: sqlite3.Connection, question_id: int) -> Record | None:
    """A record as it was written; None when there is none of that number."""
    row = conn.execute(
        "SELECT question, answer, abstained, confidence, retriever, checkpoint, device, n_tokens, "
        "generator, model, strategy, ingest_seconds, retrieve_seconds, generate_seconds, "
        "total_seconds, writing, further FROM questions WHERE id = ?",
        [question_id],
    ).fetchone()
    if row is None:
        return None
    question, answer, abstained, confidence, name, checkpoint, device, n_tokens = row[:8]
    generator, model, strategy, *seconds, writing, further = row[8:]
    return Record(
        question=question,
        answer=answer,
        abstained=bool(abstained),
        confidence=confidence,
        documents=select_documents(conn, question_id),
        evidence=_evidence(conn, question_id),
        reading=Reading(name, checkpoint, device, n_tokens, seconds[1], tuple(json.loads(further))),
        generator=generator,
        model=model,
        strategy=strategy,
        seconds=Seconds(*seconds),
        writing=None if writing is None else Writing(**json.loads(writing)),
    )


def select_documents(conn: sqlite3.Connection, question_id: int) -> tuple[RecordedDocument, ...]:
    rows = conn.execute(
        "SELECT document_id, title, path, n_pages, n_words, n_tokens, unread_pages "
        "FROM question_documents WHERE question_id = ? ORDER BY position",
        [question_id],
    )
    return tuple(
        RecordedDocument(
            document_id, title, path, n_pages, n_words, n_tokens, tuple(json.loads(unread_pages))
        )
        for document_id, title, path, n_pages, n_words, n_tokens, unread_pages in rows
    )


def _evidence(conn: sqlite3.Connection, question_id: int) -> tuple[RecordedEvidence, ...]:
    quotes: dict[int, list[str]] = {}
    for rank, quote in conn.execute(
        "SELECT rank, quote FROM citations WHERE question_id = ? ORDER BY rank, position",
        [question_id],
    ):
        quotes.setdefault(rank, []).append(quote)
    rows = conn.execute(
        'SELECT rank, document_id, sentence_id, page, "start", "end", text, score, heading, '
        "header, hop, last_page FROM evidence WHERE question_id = ? ORDER BY rank",
        [question_id],
    )
    return tuple(
        RecordedEvidence(
            rank=rank,
            document_id=document_id,
            sentence_id=sentence_id,
            page=page,
            start=start,
            end=end,
            text=text,
            score=score,
            heading=heading,
            header=header,
            quotes=tuple(quotes.get(rank, ())),
            hop=hop,
            last_page=last_page,
        )
        for (
            rank, document_id, sentence_id, page, start, end, text, score, heading, header, hop,
            last_page,
        ) in rows
    )  # fmt: skip
