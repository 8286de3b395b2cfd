"""Make the calls that wait: several at a time, again where it may help, never twice in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from docqa.engine.errors import Cancelled, ConfigError, DocqaError, GeneratorError, MissingError
from docqa.engine.generators.language_model import faults
from docqa.engine.generators.language_model.model import LanguageModel
from docqa.engine.retrievers.retriever import IsCancelled
from docqa.trainer.calls.call import Call, Reply
from docqa.trainer.calls.file import CallFile
from docqa.trainer.calls.pace import POLL_SECONDS, Pace, sleep_until
from docqa.trainer.calls.plan import Plan

MAX_WAIT_SECONDS = 600.0
"""Longest wait between two tries; a server that asks for more has to be started again for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a model may be worked."""

    n_workers: int = 1
    """Calls at a time. A model in this process (`llama`) takes one, a server several."""
    requests_per_minute: int = 0
    """0 = no limit."""
    tokens_per_minute: int = 0
    """Prompts and replies together; 0 = no limit."""
    n_tries: int = 6
    """Of a call, where a failure may pass."""
    first_wait_seconds: float = 2.0
    """Before the second try; doubles with each further one. What a server asks for comes first."""
    n_failures: int = 10
    """After so many calls that failed one after another, the work ends: something is wrong."""


@dataclass(frozen=True, slots=True)
class CallProgress:
    """How far the calls are."""

    stage: str
    """Of the call that ended last."""
    n_done: int
    """With those of earlier runs."""
    n_calls: int
    n_failed: int
    n_prompt_tokens: int
    """Of this run, as far as the model tells."""
    n_answer_tokens: int
    seconds_left: float
    """At the speed so far."""


OnCalls = Callable[[CallProgress], None]


def run_calls(
    file: CallFile,
    calls: Iterable[Call],
    model: LanguageModel,
    plan: Plan,
    *,
    limits: Limits | None = None,
    on_progress: OnCalls | None = None,
    is_cancelled: IsCancelled | None = None,
) -> None:
    """Make every call that waits, and keep each reply as it comes.

    A failure that may pass (a busy server, a broken connection) is tried again, after as long as
    the server asks for, or ever longer; any other fails the call, and the next are made.

    Args:
        file: Has the calls enrolled, and takes the replies.
        calls: The same calls; taken one by one, so that not all prompts are in memory.
        model: What is asked; it is open. A server's takes calls from several threads.
        plan: What `file.enrol` said of them.
        limits: How many at a time, how many a minute.
        on_progress: Called after each call, from this thread.
        is_cancelled: Asked at least every tenth of a second.

    Raises:
        Cancelled: When `is_cancelled` said so; calls under way wait again.
        ConfigError: When the model cannot take so many calls at a time.
        DocqaError: The last failure, when `Limits.n_failures` came one after another.
    """
    limits = limits or Limits()
    check_workers(model, limits)
    stop = threading.Event()

    def is_over() -> bool:
        return stop.is_set() or (is_cancelled is not None and is_cancelled())

    maker = _Maker(model, limits, Pace(limits.requests_per_minute, limits.tokens_per_minute))
    keeper = _Keeper(file, limits, plan, on_progress)
    with ThreadPoolExecutor(limits.n_workers, "call") as pool:
        try:
            for call in calls:
                if not file.is_waiting(call):
                    continue
                while len(keeper.under_way) >= limits.n_workers:
                    keeper.keep_next(is_over)
                file.start(call, model.model or model.name)
                keeper.under_way[pool.submit(maker.make, call, is_over)] = call
            while keeper.under_way:
                keeper.keep_next(is_over)
        except BaseException:
            stop.set()
            keeper.keep_rest()
            raise


def check_workers(model: LanguageModel, limits: Limits) -> None:
    """Say early that a model cannot take so many calls at a time.

    Raises:
        ConfigError: When it cannot.
    """
    if limits.n_workers > 1 and model.name == "llama":
        raise ConfigError(
            f"{limits.n_workers} calls at a time were asked for, and llama runs one in this "
            "process.",
            "Take --workers 1, or run llama-server and name it: --generator openai --base-url URL",
        )


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a call came to no reply."""

    error: DocqaError
    n_tries: int
    is_of_prompt: bool = False
    """True where the prompt is at fault, which says nothing of the calls after it."""


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes one call in a thread of its own; several threads share it."""

    model: LanguageModel
    limits: Limits
    pace: Pace

    def make(self, call: Call, is_over: IsCancelled) -> Reply | _Failure:
        """Ask the model until it replies or trying again is of no use.

        Raises:
            Cancelled: When `is_over` said so.
        """
        n_tries = 0
        while True:
            n_tries += 1
            try:
                return self._ask(call, n_tries, is_over)
            except (GeneratorError, MissingError) as error:
                pause = self._pause(error, n_tries)
                if pause is None:
                    return _Failure(error, n_tries)
                if isinstance(error, GeneratorError) and error.wait_seconds is not None:
                    self.pace.hold(pause)  # the server is busy for all
                sleep_until(time.monotonic() + pause, is_over)

    def _ask(self, call: Call, n_tries: int, is_over: IsCancelled) -> Reply | _Failure:
        model = self.model
        counted = model.count(call.messages, is_over)
        room = model.context_tokens - counted.at_most
        if room < min(call.n_tokens, model.context_tokens // 2):
            error = faults.too_small(model.context_tokens, counted.at_most, call.n_tokens)
            return _Failure(error, n_tries, is_of_prompt=True)
        n_tokens = min(call.n_tokens, room)
        reserved = counted.at_most + n_tokens
        sleep_until(self.pace.take(reserved), is_over)
        pieces: list[str] = []
        started = time.perf_counter()
        spent = model.write(
            call.messages,
            counted=counted,
            n_tokens=n_tokens,
            on_text=pieces.append,
            is_cancelled=is_over,
        )
        seconds = time.perf_counter() - started
        if spent.n_prompt_tokens is not None and spent.n_answer_tokens is not None:
            self.pace.give_back(reserved - spent.n_prompt_tokens - spent.n_answer_tokens)
        return Reply("".join(pieces), spent, model.model or model.name, seconds, n_tries)

    def _pause(self, error: GeneratorError | MissingError, n_tries: int) -> float | None:
        """Seconds to wait before the next try; None = there is none.

        A server that is missing was there when the work began: it may be starting again.
        """
        asked = None
        if isinstance(error, GeneratorError):
            asked = error.wait_seconds
            if not error.may_pass:
                return None
        if n_tries >= self.limits.n_tries or (asked or 0.0) > MAX_WAIT_SECONDS:
            return None
        grown = self.limits.first_wait_seconds * 2.0 ** (n_tries - 1)
        return min(max(asked or 0.0, grown), MAX_WAIT_SECONDS)


@dataclass
class _Keeper:
    """Writes down what becomes of calls; in the one thread that has the file."""

    file: CallFile
    limits: Limits
    plan: Plan
    on_progress: OnCalls | None
    under_way: dict[Future[Reply | _Failure], Call] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    n_made: int = 0
    n_failed: int = 0
    n_failed_in_a_row: int = 0
    n_prompt_tokens: int = 0
    n_answer_tokens: int = 0

    def keep_next(self, is_over: IsCancelled) -> None:
        """Wait until a call ends, and keep it.

        Raises:
            Cancelled: When `is_over` said so.
            DocqaError: When too many failed one after another.
        """
        ended: set[Future[Reply | _Failure]] = set()
        while not ended:
            if is_over():
                raise Cancelled
            ended, _ = wait(self.under_way, POLL_SECONDS, FIRST_COMPLETED)
        for future in ended:
            self._keep(future)

    def keep_rest(self) -> None:
        """Keep what still ends well when the work stops; the others wait again."""
        for future, call in list(self.under_way.items()):
            error = future.exception()  # waits; a call that is told to stop does within a moment
            outcome = None if error is not None else future.result()
            if isinstance(outcome, Reply):
                self.file.finish(call, outcome)
            else:
                self.file.put_back(call)
        self.under_way.clear()

    def _keep(self, future: Future[Reply | _Failure]) -> None:
        outcome = future.result()
        call = self.under_way.pop(future)
        if isinstance(outcome, Reply):
            self.file.finish(call, outcome)
            self.n_made += 1
            self.n_failed_in_a_row = 0
            self.n_prompt_tokens += outcome.spent.n_prompt_tokens or 0
            self.n_answer_tokens += outcome.spent.n_answer_tokens or 0
        else:
            self.file.fail(call, outcome.error, outcome.n_tries)
            self.n_failed += 1
            self.n_failed_in_a_row += not outcome.is_of_prompt
        if self.on_progress is not None:
            self.on_progress(self._progress(call.stage))
        if isinstance(outcome, _Failure) and self.n_failed_in_a_row >= self.limits.n_failures:
            raise outcome.error

    def _progress(self, stage: str) -> CallProgress:
        n_ended = self.n_made + self.n_failed
        each = (time.monotonic() - self.started) / n_ended
        return CallProgress(
            stage,
            self.plan.n_done + self.n_made,
            self.plan.n_calls,
            self.n_failed,
            self.n_prompt_tokens,
            self.n_answer_tokens,
            each * (self.plan.n_left - n_ended),
        )
