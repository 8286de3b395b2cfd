"""The file in which calls of a language model and their replies are kept.

Millions of tokens are paid for or waited for once. Whatever ends the work, Ctrl-C, kill -9 or a
power cut, what was answered is kept, and starting the same command again goes on from there:

    with CallFile(run / "calls.db", {"task": "judge", "model": model.model}) as file:
        plan = file.enrol(calls())                   # what is new waits; what is done stays done
        run_calls(file, calls(), model, plan)        # docqa.trainer.calls.run
        for call in calls():
            reply = file.reply(call)                 # None where the call failed
        file.tallies()                               # calls, tokens and seconds of each stage

`calls()` makes the calls anew each time, from what the caller has; prompts are not stored, their
hashes are. A reply belongs to the prompt it answers: where a call of the same name has another
prompt now, because a template or the reply of an earlier stage changed, it is made again and its
old reply is dropped. What all calls of a file have in common (`settings`) may not change: replies
of two models in one file would be a mistake that nobody sees.

One connection, used by one thread, holds the file as long as it is open; a second process is
refused. So a call found running belongs to a process that was killed, and waits again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from docqa.engine.errors import ConfigError, DocqaError, TrainingError
from docqa.engine.generators.language_model.model import Spent, estimate
from docqa.engine.library.library_file import now
from docqa.trainer.calls.call import Call, CallState, Reply
from docqa.trainer.calls.plan import Plan, Tally

APPLICATION_ID = 0x646F6371
"""Marks the file as ours: `docq`."""
SCHEMA_VERSION = 1
BUSY_SECONDS = 1.0

_SCHEMA = f"""
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE calls (
    stage TEXT NOT NULL,
    key TEXT NOT NULL,
    prompt_hash TEXT NOT NULL,
    state TEXT NOT NULL,
    reply TEXT,
    n_prompt_tokens INTEGER,
    n_answer_tokens INTEGER,
    is_cut_off INTEGER,
    seconds REAL,
    n_tries INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    model TEXT,
    enrolled_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    PRIMARY KEY (stage, key)
);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


class CallFile:
    """Calls and their replies on disk. Only the thread that opened it may use it."""

    def __init__(self, path: Path, settings: Mapping[str, object]) -> None:
        """Open a file, or make it.

        Args:
            path: Where it is.
            settings: What all its calls have in common; anything JSON can hold.

        Raises:
            ConfigError: When it was made with other settings.
            TrainingError: When it cannot be used, or another process is using it.
        """
        self.path = path
        with self._clear_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare()
                self._claim(settings)
                self._db.execute(
                    "UPDATE calls SET state = ? WHERE state = ?",
                    [CallState.WAITING, CallState.RUNNING],
                )
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file; another process may open it then."""
        self._db.close()

    def __enter__(self) -> CallFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Before the calls

    def enrol(self, calls: Iterable[Call]) -> Plan:
        """Note calls that will be made; those that failed before wait again.

        Returns:
            How many there are, and what those that are not done will take.

        Raises:
            TrainingError: When two calls have the same name.
        """
        plan, seen = Plan(), set()
        with self._clear_errors(), self._transaction():
            for call in calls:
                if (call.stage, call.key) in seen:
                    raise TrainingError(f"Two calls are named {call.stage} {call.key}.")
                seen.add((call.stage, call.key))
                is_done = self._enrol(call)
                plan = plan.with_call(estimate(call.messages), call.n_tokens, is_done=is_done)
        return plan

    def _enrol(self, call: Call) -> bool:
        """Note one call; whether it is done."""
        known = self._row(call, "prompt_hash, state")
        if known is None or known[0] != call.prompt_hash:
            self._db.execute(
                "INSERT OR REPLACE INTO calls (stage, key, prompt_hash, state, enrolled_at) "
                "VALUES (?, ?, ?, ?, ?)",
                [call.stage, call.key, call.prompt_hash, CallState.WAITING, now()],
            )
        elif known[1] == CallState.FAILED:
            self._set_state(call, CallState.WAITING)
        return known == (call.prompt_hash, CallState.DONE)

    # While they are made

    def is_waiting(self, call: Call) -> bool:
        """Whether a call is enrolled and neither running nor at its end."""
        with self._clear_errors():
            return self._row(call, "prompt_hash, state") == (call.prompt_hash, CallState.WAITING)

    def start(self, call: Call, model: str) -> None:
        """Note that a call is being made."""
        with self._clear_errors():
            self._db.execute(
                "UPDATE calls SET state = ?, model = ?, started_at = ?, error = NULL "
                "WHERE stage = ? AND key = ?",
                [CallState.RUNNING, model, now(), call.stage, call.key],
            )

    def put_back(self, call: Call) -> None:
        """Note that a call was given up before its end: it waits again."""
        with self._clear_errors():
            self._set_state(call, CallState.WAITING)

    def finish(self, call: Call, reply: Reply) -> None:
        """Keep a reply. Once this returns, the call is never made again."""
        spent = reply.spent
        with self._clear_errors():
            self._db.execute(
                "UPDATE calls SET state = ?, reply = ?, n_prompt_tokens = ?, n_answer_tokens = ?, "
                "is_cut_off = ?, seconds = ?, n_tries = n_tries + ?, ended_at = ? "
                "WHERE stage = ? AND key = ?",
                [
                    CallState.DONE,
                    reply.text,
                    spent.n_prompt_tokens,
                    spent.n_answer_tokens,
                    spent.is_cut_off,
                    reply.seconds,
                    reply.n_tries,
                    now(),
                    call.stage,
                    call.key,
                ],
            )

    def fail(self, call: Call, error: DocqaError, n_tries: int) -> None:
        """Note why a call failed."""
        with self._clear_errors():
            self._db.execute(
                "UPDATE calls SET state = ?, error = ?, n_tries = n_tries + ?, ended_at = ? "
                "WHERE stage = ? AND key = ?",
                [CallState.FAILED, error.message, n_tries, now(), call.stage, call.key],
            )

    # Afterwards

    def reply(self, call: Call) -> Reply | None:
        """The reply to a call; None where there is none, or only one to another prompt."""
        with self._clear_errors():
            row = self._row(call, f"prompt_hash, {_REPLY_COLUMNS}")
        if row is None or row[0] != call.prompt_hash or row[1] is None:
            return None
        return _reply(row[1:])

    def replies(self, stage: str) -> Iterator[tuple[str, Reply]]:
        """Key and reply of every call of a stage that is done, by key."""
        with self._clear_errors():
            for key, *row in self._db.execute(
                f"SELECT key, {_REPLY_COLUMNS} FROM calls WHERE stage = ? AND state = ? "
                "ORDER BY key",
                [stage, CallState.DONE],
            ):
                yield key, _reply(row)

    def failures(self, stage: str) -> dict[str, int]:
        """How many calls of a stage failed, by what was said."""
        with self._clear_errors():
            return dict(
                self._db.execute(
                    "SELECT error, count(*) FROM calls WHERE stage = ? AND state = ? "
                    "GROUP BY error ORDER BY count(*) DESC, error",
                    [stage, CallState.FAILED],
                ).fetchall()
            )

    def tallies(self) -> dict[str, Tally]:
        """What was done of each stage, and what that took, in the order they were enrolled."""
        counts = ", ".join(f"count(*) FILTER (WHERE state = '{state}')" for state in CallState)
        with self._clear_errors():
            rows = self._db.execute(
                f"SELECT stage, {counts}, coalesce(sum(n_tries), 0), "
                "coalesce(sum(n_prompt_tokens), 0), coalesce(sum(n_answer_tokens), 0), "
                "coalesce(sum(seconds), 0.0) FROM calls GROUP BY stage ORDER BY min(rowid)"
            ).fetchall()
        n_states = len(CallState)
        return {
            stage: Tally(dict(zip(CallState, figures[:n_states], strict=True)), *figures[n_states:])
            for stage, *figures in rows
        }

    # Inside

    def _prepare(self) -> None:
        """Take the file for this process, and lay out an empty one."""
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # a reply may have cost money
        with self._transaction():  # from here on the file is locked
            (application,) = self._db.execute("PRAGMA application_id").fetchone()
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            (n_tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if n_tables == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        elif application != APPLICATION_ID:
            raise TrainingError(
                f"{self.path} is a database of another program.", "Choose another place for it."
            )
        elif version != SCHEMA_VERSION:
            raise TrainingError(
                f"{self.path} was written by another docqa (format {version}, this one writes "
                f"{SCHEMA_VERSION}).",
                "Finish it with that version, or choose another place for a new one.",
            )

    def _claim(self, settings: Mapping[str, object]) -> None:
        """Keep the settings of a new file; refuse those that differ from an older one's."""
        asked = {name: json.dumps(value, sort_keys=True) for name, value in settings.items()}
        kept = dict(self._db.execute("SELECT name, value FROM settings").fetchall())
        if not kept:
            with self._transaction():
                self._db.executemany("INSERT INTO settings VALUES (?, ?)", asked.items())
            return
        names = [name for name in {**kept, **asked} if kept.get(name) != asked.get(name)]
        if names:
            values = "; ".join(
                f"{name} was {kept.get(name, 'not set')}, is {asked.get(name, 'not set')}"
                for name in names
            )
            raise ConfigError(
                f"{self.path} was begun with other settings: {values}.",
                "Take those again to go on, or choose another place to begin anew.",
            )

    def _row(self, call: Call, columns: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(
            f"SELECT {columns} FROM calls WHERE stage = ? AND key = ?", [call.stage, call.key]
        ).fetchone()
        return row

    def _set_state(self, call: Call, state: CallState) -> None:
        self._db.execute(
            "UPDATE calls SET state = ? WHERE stage = ? AND key = ?", [state, call.stage, call.key]
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._db.commit()

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """What SQLite and the file system say, said so that a user can act on it."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise TrainingError(
                    f"Another docqa is at work on {self.path}.", "Wait for it, or end it first."
                ) from None
            raise TrainingError(
                f"Cannot use {self.path}: {error}.", "Check it, or choose another place."
            ) from error
        except OSError as error:
            raise TrainingError(
                f"Cannot use {self.path}: {error.strerror}.", "Choose another place."
            ) from error


_REPLY_COLUMNS = "reply, n_prompt_tokens, n_answer_tokens, is_cut_off, model, seconds, n_tries"


def _reply(row: Iterable[Any]) -> Reply:
    text, n_prompt, n_answer, is_cut_off, model, seconds, n_tries = row
    return Reply(text, Spent(n_prompt, n_answer, bool(is_cut_off)), model, seconds, n_tries)
