"""Labelled documents: questions with their evidence, from JSON Lines.

One document a line, plain or gzip:
    {"doc_id", "source", "domain", "title", "text",
     "questions": [{"id", "question", "answers", "evidence": [[start, end], ...], "answerable"}]}
`evidence` holds half-open code-point offsets into `text`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from docqa.engine.errors import TrainingError
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.types import Document


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question with what answers it."""

    id: str
    question: str
    answers: tuple[str, ...]
    evidence: tuple[tuple[int, int], ...]
    """Half-open code-point spans in the document's text; empty when nothing answers."""
    answerable: bool


@dataclass(frozen=True)
class LabelledDocument:
    """A document with its questions."""

    id: str
    source: str
    domain: str
    title: str
    text: str
    questions: tuple[LabelledQuestion, ...]

    @cached_property
    def document(self) -> Document:
        """The text cut into sentences as the application cuts it."""
        return document_from_text(self.text, title=self.title)

    @cached_property
    def _starts(self) -> list[int]:
        return [sentence.start for sentence in self.document.sentences]

    def sentences_of(self, span: tuple[int, int]) -> list[int]:
        """Ids of the sentences that overlap a span."""
        found = []
        for i in range(max(bisect_right(self._starts, span[0]) - 1, 0), len(self._starts)):
            sentence = self.document.sentences[i]
            if sentence.start >= span[1]:
                break
            if sentence.end > span[0]:
                found.append(i)
        return found


def read_documents(path: Path) -> Iterator[LabelledDocument]:
    """Stream the documents of one JSONL file.

    Raises:
        TrainingError: When the file is missing or a line is not of the format; names the line.
    """
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            yield _parse(path, number, line)


def read_lines(path: Path) -> Iterator[str]:
    """Stream the lines of a text file, plain or gzip.

    Raises:
        TrainingError: When the file is missing or cannot be read; names the line.
    """
    number = 0
    with _open(path) as file:
        try:
            for line in file:
                number += 1
                yield line
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise TrainingError(f"Cannot read {path} after line {number}: {error}.") from error


def _open(path: Path) -> TextIOWrapper:
    if not path.is_file():
        raise TrainingError(f"No data file {path}.", "Give JSON Lines, plain or gzip.")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _parse(path: Path, number: int, line: str) -> LabelledDocument:
    try:
        record = json.loads(line)
        text = _string(record, "text")
        questions = tuple(_parse_question(q, len(text)) for q in record.get("questions", ()))
        return LabelledDocument(
            id=record["doc_id"],
            source=record.get("source", path.name.split(".")[0]),
            domain=record.get("domain", ""),
            title=record.get("title", record["doc_id"]),
            text=text,
            questions=questions,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{path}, line {number}: {type(error).__name__}: {error}.",
            "See trainer/dataset.py for the format of a line.",
        ) from error


def _parse_question(record: dict[str, Any], n_chars: int) -> LabelledQuestion:
    evidence = tuple((int(start), int(end)) for start, end in record["evidence"])
    for start, end in evidence:
        if not 0 <= start < end <= n_chars:
            raise ValueError(f"evidence [{start}, {end}] outside a text of {n_chars} characters")
    return LabelledQuestion(
        id=record["id"],
        question=_string(record, "question"),
        answers=tuple(record.get("answers", ())),
        evidence=evidence,
        answerable=bool(record.get("answerable", bool(evidence))),
    )


def _string(record: Any, key: str) -> str:
    value = record[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is {value!r}, not a string")
    return value
