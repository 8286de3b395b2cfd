"""One call of a language model and its reply. A call has a name, so that it is made only once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from docqa.engine.generators.language_model.model import Spent
from docqa.engine.generators.language_model.prompts import Messages


class CallState(StrEnum):
    """How far a call is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """It is tried again when the work is started again."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a model is asked."""

    stage: str
    """The kind of call: `question`, `judge`, …"""
    key: str
    """Its name within the stage."""
    messages: Messages
    n_tokens: int
    """Most tokens of the reply."""

    @property
    def prompt_hash(self) -> str:
        """Changes with anything that could change the reply."""
        asked = json.dumps([self.messages, self.n_tokens], sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote, as it wrote it."""

    text: str
    spent: Spent
    model: str
    seconds: float
    """The try that succeeded, without waiting before it."""
    n_tries: int
