"""A record as the JSON object that `docqa ask --json` prints and exports hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from docqa.engine.exports.questions import ExportedQuestion
from docqa.engine.library.record import Record
from docqa.engine.types import Writing


def questions_json(questions: Sequence[ExportedQuestion]) -> str:
    """A JSON array, an object a question, oldest first as given."""
    objects = [question_object(question) for question in questions]
    return json.dumps(objects, ensure_ascii=False, indent=2) + "\n"


def question_object(question: ExportedQuestion) -> dict[str, Any]:
    """A record's object with its number and time."""
    return {
        "number": question.number,
        "asked_at": question.asked_at,
        **record_json(question.record),
    }


def record_json(record: Record) -> dict[str, Any]:
    """The object that `docqa ask --json` prints."""
    return {
        "question": record.question,
        "answer": record.answer,
        "abstained": record.abstained,
        "confidence": round(record.confidence, 4),
        "documents": [
            {
                "id": document.id,
                "title": document.title,
                "path": document.path,
                "pages": document.n_pages,
                "words": document.n_words,
                "tokens": document.n_tokens,
                "unread_pages": list(document.unread_pages),
            }
            for document in record.documents
        ],
        "evidence": [
            {
                "rank": evidence.rank,
                "document": evidence.document_id,
                "page": evidence.page,
                "sentence": evidence.sentence_id,
                "start": evidence.start,
                "end": evidence.end,
                "text": evidence.text,
                "score": evidence.score,
                "cited": evidence.cited,
                "hop": evidence.hop,
                "last_page": evidence.last_page or evidence.page,
            }
            for evidence in record.evidence
        ],
        "citations": [
            {
                "evidence": evidence.rank,
                "document": evidence.document_id,
                "page": evidence.page,
                "sentence": evidence.sentence_id,
                "quote": quote,
            }
            for evidence in record.evidence
            for quote in evidence.quotes
        ],
        "unsupported": record.unsupported,
        "retriever": {
            "name": record.reading.name,
            "checkpoint": record.reading.checkpoint,
            "device": record.reading.device,
            "tokens_per_second": round(record.reading.tokens_per_second, 1),
            "hops": record.reading.n_hops,
            "further": list(record.reading.further),
        },
        "generator": {
            "name": record.generator,
            "model": record.model,
            "strategy": record.strategy,
            **_writing(record.writing),
        },
        "seconds": {
            "ingest": round(record.seconds.ingest, 3),
            "retrieve": round(record.seconds.retrieve, 3),
            "generate": round(record.seconds.generate, 3),
            "total": round(record.seconds.total, 3),
        },
    }


def _writing(writing: Writing | None) -> dict[str, Any]:
    """How a language model wrote the answer; nothing where none did."""
    if writing is None:
        return {}
    return {
        "evidence_used": writing.n_evidence_used,
        "context_tokens": writing.context_tokens,
        "prompt_tokens": writing.n_prompt_tokens,
        "answer_tokens": writing.n_answer_tokens,
        "first_text_seconds": round(writing.first_text_seconds, 3),
        "removed_citations": writing.n_removed_citations,
        "removed_quotes": writing.n_removed_quotes,
        "cut_off": writing.is_cut_off,
    }
