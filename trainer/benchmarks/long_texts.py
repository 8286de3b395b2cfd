"""Questions about long texts: novels, other books, and chapters of the United States Code.

The questions are docqa's own and stand in assets/benchmarks/long-texts.jsonl; the texts, which are
in the public domain, are not part of docqa. Where a text states a fact in several places each of
them counts. Those of the type `absent` have no answer in their text: `docqa bench answer` says how
many of them are refused, and how many of the others. They are for choosing between retrievers and
settings, never for training.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from docqa.engine.errors import MissingError, TrainingError
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.types import Document
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion, must_exist
from docqa.trainer.benchmarks.json_lines import parse_lines
from docqa.trainer.benchmarks.labelled import LONG_ANSWER_WORDS

WHERE_TO_GET = (
    "Name the folder with public-domain-books.lm.jsonl.gz and us-code.lm.jsonl.gz: JSON Lines with "
    "the title and the text of a document each."
)
_LINK = re.compile(r"(?<!\\)\[([^\[\]]*)\]\[/us/[^\]]*\]")
"""`[section 206 of this title][/us/usc/t29/s206]`, as the texts of the Code have it."""
_BRACKET = re.compile(r"\\([\[\]])")


@dataclass(frozen=True, slots=True)
class Row:
    """A question as the file has it."""

    title: str
    """Of its text."""
    question: str
    answer: str
    kind: str
    pieces: tuple[tuple[str, ...], ...]
    """By piece of evidence, what stands there word for word, and wherever else it is stated."""


@dataclass(frozen=True, slots=True)
class LongTexts:
    """The questions with their texts."""

    lines: Path
    texts: Path
    name: str = "long-texts"

    def documents(self) -> Iterator[BenchmarkDocument]:
        """See `Benchmark.documents`: a document a text, in the order of the folder's files."""
        asked: defaultdict[str, list[Row]] = defaultdict(list)
        for row in parse_lines(self.lines, _read_row, WHERE_TO_GET):
            asked[row.title].append(row)
        for file in sorted(self.texts.glob("*.lm.jsonl*")):
            for title, text in parse_lines(file, _title_and_text, WHERE_TO_GET):
                rows = asked.pop(title, None)
                if rows is not None:
                    yield self._document(title, text, rows)
        if asked:
            raise MissingError(
                f"{len(asked)} texts are not in {self.texts}: {', '.join(sorted(asked))}.",
                WHERE_TO_GET,
            )

    def _document(self, title: str, text: str, rows: Sequence[Row]) -> BenchmarkDocument:
        document = document_from_text(_without_links(text), title=title, is_wrapped=True)
        questions = tuple(_question(row, n, document) for n, row in enumerate(rows, 1))
        return BenchmarkDocument(self.name, "", document, questions)


def load(place: Path | None) -> LongTexts:
    """The questions that docqa carries, about the texts in a folder of JSON Lines."""
    return LongTexts(
        lines=Path(str(files("docqa.assets"))) / "benchmarks" / "long-texts.jsonl",
        texts=must_exist(place, "folder of texts", WHERE_TO_GET),
    )


def _read_row(record: Mapping[str, Any]) -> Row:
    return Row(
        title=record["title"],
        question=record["question"],
        answer=record["answer"],
        kind=record["question_type"],
        pieces=tuple((one["text"], *one.get("elsewhere", ())) for one in record["evidence"]),
    )


def _title_and_text(record: Mapping[str, Any]) -> tuple[str, str]:
    return record.get("title", ""), record["text"]


def _without_links(text: str) -> str:
    return _BRACKET.sub(r"\1", _LINK.sub(r"\1", text))


def _question(row: Row, number: int, document: Document) -> BenchmarkQuestion:
    places = [[_span_of(quote, document) for quote in piece] for piece in row.pieces]
    is_long = len(row.answer.split()) >= LONG_ANSWER_WORDS
    return BenchmarkQuestion(
        id=f"{row.title} {number}",
        question=row.question,
        answers=(row.answer,) if places else (),
        answer_kind="paragraph" if is_long else "sentence",
        evidence=tuple(spans[0] for spans in places),
        elsewhere=tuple(tuple(spans[1:]) for spans in places),
        is_answerable=bool(places),
        facts={"question_type": row.kind, "text": row.title},
    )


def _span_of(quote: str, document: Document) -> tuple[int, int]:
    """Where words stand in a text, however its lines are broken."""
    found = re.search(r"\s+".join(map(re.escape, quote.split())), document.text)
    if found is None:
        raise TrainingError(f"{document.title} does not say {quote!r}.", WHERE_TO_GET)
    return found.span()
