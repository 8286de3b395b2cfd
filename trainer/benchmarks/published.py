"""The published test files of the paper: 41 sets in one pickle, or one JSON in newer releases.

    {benchmark: {key: {"input_ids", "full_text_sentences", "question", "answer", "answer_type",
                       "sentence_indices"}}}

In the pickles a key is the tuple `(benchmark, datapoint_id)`, in JSON that tuple as text or an id;
the files "by categories" have categories in the place of benchmarks. The sentence units are used
as they are. Which of them are evidence the files do not say.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, TypeAlias

import ijson

from docqa.engine.errors import TrainingError
from docqa.engine.types import Document, Page, Sentence
from docqa.trainer.benchmarks.base import (
    AnswerKind,
    BenchmarkDocument,
    BenchmarkQuestion,
    must_exist,
)
from docqa.trainer.benchmarks.given_tokens import GivenTokens
from docqa.trainer.benchmarks.pickled_entries import read_entries

SEGMENTER = "published/1"
SENTENCES = "full_text_sentences"
PICKLE_SUFFIXES = (".pickle", ".pkl")
WHERE_TO_GET = "Fetch it: docqa bench fetch --out DIR"
CHOICE_BENCHMARKS = frozenset(
    {
        "longbook_choice_eng",
        "meetingqa_4k",
        "meetingqa_16k",
        "paperqa_4k",
        "paperqa_16k",
        "tpo",
        "quality",
        "coursera",
        "muld_CAC",
    }
)
"""Their questions carry the choices in their own text."""

Fields: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One entry of a file."""

    benchmark: str
    category: str
    id: str
    place: str
    """For messages."""
    fields: Fields


@dataclass(frozen=True)
class PublishedBenchmark:
    """All sets of one file."""

    file: Path
    name: str = "published"
    tokens: GivenTokens = field(default_factory=GivenTokens)
    """Those of the documents last read."""

    def documents(self) -> Iterator[BenchmarkDocument]:
        """See `Benchmark.documents`; neighbours with the same document come as one."""
        for (benchmark, category, _), group in groupby(self._datapoints(), _document_key):
            entries: list[Datapoint] = []
            for one in group:
                entries.append(_without_tokens(one) if entries else one)
            document = _document(entries[0])
            self.tokens.keep(document.id, entries[0].fields)
            questions = tuple(_question(one) for one in entries)
            yield BenchmarkDocument(benchmark, category, document, questions)

    def _datapoints(self) -> Iterator[Datapoint]:
        is_pickle = self.file.suffix in PICKLE_SUFFIXES
        entries = read_entries(self.file, SENTENCES) if is_pickle else _read_json(self.file)
        n_found = 0
        for outer, inner, fields in entries:
            n_found += 1
            yield _checked(_named(str(outer), inner, fields, self.file))
        if not n_found:
            raise TrainingError(
                f"{self.file} holds no entry with {SENTENCES}.",
                "Give one of the published test files; docqa bench fetch --list names them.",
            )


def load(place: Path | None) -> PublishedBenchmark:
    """One of the files: .pickle, .json or .json.gz."""
    return PublishedBenchmark(must_exist(place, "published test file", WHERE_TO_GET))


def _read_json(path: Path) -> Iterator[tuple[str, str, Fields]]:
    """Stream the entries of a JSON release with the keys that lead to them."""
    try:
        with _open(path) as file:
            yield from _json_entries(file)
    except (OSError, EOFError, ijson.JSONError) as error:
        raise TrainingError(
            f"{path} is damaged or no JSON: {str(error).splitlines()[0]}.",
            "Fetch it again: docqa bench fetch",
        ) from None


def _open(path: Path) -> BufferedIOBase:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _json_entries(file: BufferedIOBase) -> Iterator[tuple[str, str, Fields]]:
    """The values two levels down; ijson builds one at a time."""
    keys = ["", ""]
    depth = 0
    builder: Any = None
    for event, value in ijson.basic_parse(file, use_float=True):
        if event in ("start_map", "start_array"):
            depth += 1
            if depth == 3:
                builder = ijson.ObjectBuilder()
        if depth >= 3:
            builder.event(event, value)
        elif event == "map_key":
            keys[depth - 1] = value
        if event in ("end_map", "end_array"):
            depth -= 1
            if depth == 2:
                yield keys[0], keys[1], builder.value


def _named(outer: str, inner: object, fields: Fields, file: Path) -> Datapoint:
    """An entry under the names its two keys give it."""
    key = _as_tuple(inner)
    place = f"{file}, entry {outer} / {inner}"
    if key is None or key[0] == outer:
        return Datapoint(outer, "", str(inner if key is None else key[1]), place, fields)
    return Datapoint(key[0], outer, key[1], place, fields)


def _as_tuple(key: object) -> tuple[str, str] | None:
    """`(benchmark, datapoint_id)`, also where it was written as text."""
    if isinstance(key, str) and key.startswith("("):
        try:
            key = ast.literal_eval(key)
        except (ValueError, SyntaxError):
            return None
    return (str(key[0]), str(key[1])) if isinstance(key, tuple) and len(key) == 2 else None


def _checked(one: Datapoint) -> Datapoint:
    """The entry, when its fields are what they should be.

    Raises:
        TrainingError: When one is not; names the entry.
    """
    fields = one.fields
    sentences, answer = fields.get(SENTENCES), fields.get("answer")
    wrong = None
    if not isinstance(sentences, list) or not all(isinstance(each, str) for each in sentences):
        wrong = f"{SENTENCES} is no list of texts"
    elif not isinstance(fields.get("question"), str) or not fields["question"].strip():
        wrong = "question is no text"
    elif not isinstance(answer, str | list):
        wrong = f"answer is {type(answer).__name__}, not a list of texts"
    elif len(fields.get("sentence_indices") or sentences) != len(sentences):
        n_indices = len(fields["sentence_indices"])
        wrong = f"{len(sentences):,} sentences, but {n_indices:,} sentence_indices"
    if wrong:
        raise TrainingError(f"{one.place}: {wrong}.", "Fetch the file again: docqa bench fetch")
    return one


def _document_key(one: Datapoint) -> tuple[str, str, list[str]]:
    return one.benchmark, one.category, one.fields[SENTENCES]


def _without_tokens(one: Datapoint) -> Datapoint:
    """The entry less what the one before it has as well, and what is most of it."""
    one.fields.pop("input_ids", None)
    return one


def _document(one: Datapoint) -> Document:
    """The units in one page, joined as they are; a space only where two would run together."""
    units: list[str] = one.fields[SENTENCES]
    pieces = [_with_gap(unit, after) for unit, after in zip(units, [*units[1:], ""], strict=True)]
    text = "".join(pieces)
    starts = accumulate((len(piece) for piece in pieces), initial=0)
    return Document(
        id=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        title=f"{one.benchmark} {one.id}",
        path=None,
        pages=(Page(1, text),),
        sentences=tuple(
            Sentence(i, 1, start, start + len(unit))
            for i, (unit, start) in enumerate(zip(units, starts, strict=False))
        ),
        segmenter=SEGMENTER,
    )


def _with_gap(unit: str, after: str) -> str:
    touches = unit[-1:].strip() and after[:1].strip()
    return f"{unit} " if touches else unit


def _question(one: Datapoint) -> BenchmarkQuestion:
    answer = one.fields["answer"]
    answers = [answer] if isinstance(answer, str) else answer
    kind: AnswerKind = "paragraph" if one.fields.get("answer_type") == "paragraph" else "sentence"
    return BenchmarkQuestion(
        id=one.id,
        question=one.fields["question"].strip(),
        answers=tuple(str(each) for each in answers),
        answer_kind="choice" if one.benchmark in CHOICE_BENCHMARKS else kind,
    )
