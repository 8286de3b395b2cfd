"""The file of one answer benchmark: what was read, what was asked of models, what it was made with.

It is a `CallFile` with three more tables. Whatever ends the work, the same command goes on where
it stopped: a question whose evidence is here is not read again, a call that was answered is not
made again. Everything that is reported is computed from this file alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from docqa.engine.errors import TrainingError
from docqa.engine.library.library_file import now
from docqa.trainer.answers.versions import made_with
from docqa.trainer.benchmarks.base import AnswerKind, Fact
from docqa.trainer.calls.file import APPLICATION_ID, CallFile

TASK = "bench answer"
_TABLES = """
CREATE TABLE IF NOT EXISTS questions (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, record TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS slices (
    document TEXT NOT NULL, number INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (document, number)
);
CREATE TABLE IF NOT EXISTS starts (
    started_at TEXT NOT NULL, made_with TEXT NOT NULL, finished_at TEXT
);
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a benchmark with the evidence that was found for it."""

    benchmark: str
    category: str
    document: str
    """Id of the document."""
    document_words: int
    id: str
    question: str
    answers: tuple[str, ...]
    answer_kind: AnswerKind
    choices: tuple[str, ...]
    is_answerable: bool
    facts: Mapping[str, Fact]
    context: str
    """The evidence as a model is shown it; empty where the whole document is."""
    evidence: tuple[tuple[int, float], ...]
    """Sentence id and score, best first."""
    evidence_words: int
    evidence_recall: float | None
    """Share of the labelled spans that overlap the evidence; None where none are known."""
    recall_words: Mapping[str, float]
    """By word budget; empty where nothing was retrieved or no evidence is known."""
    reciprocal_rank: float | None
    draft: str | None
    """The answer of the extractive generator, empty where it abstained; None where a language
    model is asked."""
    seconds: float
    """That the retriever took."""

    @property
    def key(self) -> str:
        """Names the question within the run."""
        return question_key(self.benchmark, self.category, self.id)


def question_key(benchmark: str, category: str, question_id: str) -> str:
    """A file by categories may hold one question under two of them."""
    return "/".join(part for part in (category, benchmark, question_id) if part)


class RunFile(CallFile):
    """The file while the benchmark runs."""

    def __init__(self, path: Path, settings: Mapping[str, object]) -> None:
        """See `CallFile`: with other settings than it was begun with, it is refused."""
        super().__init__(path, {"task": TASK, **settings})
        with self._clear_errors(), self._transaction():
            for statement in _TABLES.split(";")[:-1]:
                self._db.execute(statement)
            self._db.execute(
                "INSERT INTO starts VALUES (?, ?, NULL)", [now(), json.dumps(made_with())]
            )

    def __enter__(self) -> RunFile:
        return self

    def note_end(self) -> None:
        """Note that nothing is left to do."""
        with self._clear_errors():
            self._db.execute(
                "UPDATE starts SET finished_at = ? WHERE rowid = (SELECT max(rowid) FROM starts)",
                [now()],
            )

    def has(self, key: str) -> bool:
        """Whether a question is here."""
        with self._clear_errors():
            found = self._db.execute("SELECT 1 FROM questions WHERE key = ?", [key]).fetchone()
        return found is not None

    def add(self, asked: Iterable[Asked]) -> None:
        """Keep questions with their evidence, all or none."""
        rows = [(one.key, json.dumps(asdict(one), ensure_ascii=False)) for one in asked]
        with self._clear_errors(), self._transaction():
            self._db.executemany("INSERT INTO questions (key, record) VALUES (?, ?)", rows)

    def questions(self) -> Iterator[Asked]:
        """All questions, in the order they were added."""
        with self._clear_errors():
            yield from _questions(self._db)

    def add_slices(self, document: str, texts: Iterable[str]) -> None:
        """Keep the slices of a document that a model reads as a whole."""
        rows = [(document, number, text) for number, text in enumerate(texts)]
        with self._clear_errors(), self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO slices VALUES (?, ?, ?)", rows)

    def slices(self, document: str) -> list[str]:
        """Those slices in their order."""
        with self._clear_errors():
            rows = self._db.execute(
                "SELECT text FROM slices WHERE document = ? ORDER BY number", [document]
            )
            return [text for (text,) in rows]


@dataclass(frozen=True)
class RunRecord:
    """What a run file holds, for whoever reports it."""

    path: Path
    settings: dict[str, Any]
    starts: tuple[dict[str, Any], ...]
    """What each start was made with: versions, commit, machine, time."""
    questions: tuple[Asked, ...]
    replies: dict[tuple[str, str], str]
    """What models wrote, by stage and key."""
    tallies: dict[str, dict[str, int | float | str]]
    """By stage: calls done and failed, tokens, seconds, and the models that replied."""
    open_calls: frozenset[tuple[str, str]]
    """Stage and key of those that were not answered."""
    is_finished: bool
    """Whether its last start came to its end."""


def read_run(path: Path) -> RunRecord:
    """Read a run file that nobody is writing.

    Raises:
        TrainingError: When it is missing, in use or no run file.
    """
    if not path.is_file():
        raise TrainingError(f"No run file {path}.", "Make one: docqa bench answer --run FILE")
    try:
        db = sqlite3.connect(path, timeout=1.0)
        try:
            return _read(path, db)
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        raise TrainingError(
            f"Cannot read {path}: {error}.", "Is a benchmark still at work on it?"
        ) from error


def _read(path: Path, db: sqlite3.Connection) -> RunRecord:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    settings = {}
    if application == APPLICATION_ID:
        rows = db.execute("SELECT name, value FROM settings")
        settings = {name: json.loads(value) for name, value in rows}
    if settings.pop("task", None) != TASK:
        raise TrainingError(f"{path} is no run of docqa bench answer.", "Name another file.")
    starts = tuple(
        {"started_at": started_at, **json.loads(record)}
        for started_at, record in db.execute("SELECT started_at, made_with FROM starts")
    )
    (n_unfinished,) = db.execute(
        "SELECT count(*) FROM starts WHERE finished_at IS NULL "
        "AND rowid = (SELECT max(rowid) FROM starts)"
    ).fetchone()
    replies = {
        (stage, key): text
        for stage, key, text in db.execute(
            "SELECT stage, key, reply FROM calls WHERE state = 'done'"
        )
    }
    open_calls = db.execute("SELECT stage, key FROM calls WHERE state != 'done'").fetchall()
    names = ("done", "failed", "prompt_tokens", "answer_tokens", "seconds", "model")
    tallies = {
        stage: dict(zip(names, figures, strict=True))
        for stage, *figures in db.execute(
            "SELECT stage, count(*) FILTER (WHERE state = 'done'), "
            "count(*) FILTER (WHERE state = 'failed'), coalesce(sum(n_prompt_tokens), 0), "
            "coalesce(sum(n_answer_tokens), 0), round(coalesce(sum(seconds), 0.0), 3), "
            "coalesce(group_concat(DISTINCT model), '') "
            "FROM calls GROUP BY stage ORDER BY min(rowid)"
        )
    }
    return RunRecord(
        path,
        settings,
        starts,
        tuple(_questions(db)),
        replies,
        tallies,
        frozenset(open_calls),
        not n_unfinished,
    )


def _questions(db: sqlite3.Connection) -> Iterator[Asked]:
    for (record,) in db.execute("SELECT record FROM questions ORDER BY number"):
        fields = json.loads(record)
        for name in ("answers", "choices"):
            fields[name] = tuple(fields[name])
        fields["evidence"] = tuple((int(i), float(score)) for i, score in fields["evidence"])
        yield Asked(**fields)
