"""Brings attempts forward stage by stage, as far as there are replies, and counts what becomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from docqa.trainer.calls.call import Call
from docqa.trainer.synthetic.drops import Reason, Unusable
from docqa.trainer.synthetic.strategies import WAYS, Attempt, SyntheticQuestion

ReplyTo = Callable[[Call], str | None]
"""The text of the reply to a call; None where there is none."""


@dataclass
class StageYield:
    """What became of the calls of a stage."""

    asked: int = 0
    failed: int = 0
    """Without a reply."""
    parsed: int = 0
    """With a reply that could be read."""
    kept: int = 0
    """With one that is used."""
    dropped: Counter[Reason] = field(default_factory=Counter)
    """Replies that are not used, by reason."""


@dataclass
class Yields:
    """What became of all attempts."""

    attempts: int = 0
    not_asked: Counter[Reason] = field(default_factory=Counter)
    """Attempts and excerpts that came to no call, by reason."""
    stages: dict[str, StageYield] = field(default_factory=dict)
    repeated: int = 0
    """Questions that the excerpt had already."""
    questions: int = 0

    def stage(self, name: str) -> StageYield:
        return self.stages.setdefault(name, StageYield())


def calls_of(
    stage: str, strategy: str, attempts: Iterable[Attempt], reply_to: ReplyTo
) -> Iterator[Call]:
    """The calls of one stage, of all attempts that come so far."""
    for attempt in attempts:
        making = WAYS[strategy](attempt)
        try:
            call = next(making)
            while call.stage != stage:
                reply = reply_to(call)
                if reply is None:
                    break
                call = making.send(reply)
            else:
                yield call
        except Unusable:
            continue


def follow(
    strategy: str, attempt: Attempt, reply_to: ReplyTo, yields: Yields
) -> SyntheticQuestion | None:
    """Take an attempt to its end, and count what became of each of its calls."""
    yields.attempts += 1
    making = WAYS[strategy](attempt)
    current: StageYield | None = None
    try:
        call = next(making)
        while True:
            current = yields.stage(call.stage)
            current.asked += 1
            reply = reply_to(call)
            if reply is None:
                current.failed += 1
                return None
            call = making.send(reply)
            current.parsed += 1
            current.kept += 1
    except StopIteration as end:
        assert current is not None
        current.parsed += 1
        current.kept += 1
        question: SyntheticQuestion = end.value
        return question
    except Unusable as unusable:
        if current is None:
            yields.not_asked[unusable.reason] += 1
        else:
            current.parsed += not unusable.reason.is_unreadable
            current.dropped[unusable.reason] += 1
        return None
