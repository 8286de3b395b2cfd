"""Writes questions as training data: in our format, or in that of the published scanner."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from docqa.engine.retrievers.packing import tokenize_document
from docqa.trainer.synthetic.excerpts import Excerpt
from docqa.trainer.synthetic.strategies import Attempt, SyntheticQuestion


@dataclass(frozen=True, slots=True)
class Made:
    """A question with the attempt it came from."""

    attempt: Attempt
    question: SyntheticQuestion


def labelled_record(
    excerpt: Excerpt, made: Iterable[Made], provenance: dict[str, object]
) -> dict[str, Any]:
    """An excerpt with its questions, as `docqa.trainer.dataset` reads it."""
    return {
        "doc_id": excerpt.id,
        "source": f"synthetic-{provenance['strategy']}",
        "domain": excerpt.domain,
        "title": excerpt.title,
        "text": excerpt.text,
        "questions": [
            {
                "id": one.attempt.key,
                "question": one.question.question,
                "answers": [one.question.answer] if one.question.answer else [],
                "evidence": [list(excerpt.document.span(i)) for i in one.question.sentences],
                "answerable": True,
                "provenance": {
                    **provenance,
                    "document": excerpt.document_id,
                    "window_tokens": excerpt.window_tokens,
                    "distance": one.question.distance,
                },
            }
            for one in made
        ],
    }


def reference_records(
    excerpt: Excerpt, made: Iterable[Made], tokenizer: Tokenizer
) -> Iterator[dict[str, Any]]:
    """A record for each question: question and excerpt as one sequence of token ids.

    `sentence_indices` are last tokens of sentences in that sequence.
    """
    tokens = tokenize_document(excerpt.document, tokenizer)
    for one in made:
        asked = tokenizer.encode(f"{one.question.question}\n", add_special_tokens=False).ids
        relevant = set(one.question.sentences)
        yield {
            "input_ids": [*asked, *tokens.token_ids.tolist()],
            "sentence_indices": (tokens.sentence_ends + len(asked)).tolist(),
            "sentence_labels": [int(i in relevant) for i in range(len(tokens.sentence_ends))],
            "context": excerpt.text,
            "datapoint_id": one.attempt.key,
        }


def write_lines(records: Iterable[dict[str, Any]], path: Path) -> None:
    """JSON Lines, gzipped; the same records give the same bytes. Whole or not at all."""
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        for record in records:
            file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())
    partial.replace(path)
