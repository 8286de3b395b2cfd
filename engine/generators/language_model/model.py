"""What a language model must do to write for docqa: say its window, count, write."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from docqa.engine.generators.base import OnText
from docqa.engine.generators.language_model.prompts import Messages
from docqa.engine.retrievers.retriever import IsCancelled


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens a prompt has: both bounds are equal where the model's tokenizer counted."""

    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call of a model took."""

    n_prompt_tokens: int | None
    """As the model counted them; None where a server does not tell."""
    n_answer_tokens: int | None
    is_cut_off: bool
    """True when it stopped because it may not write more."""


@runtime_checkable
class LanguageModel(Protocol):
    """A model that writes, in this process or behind a server."""

    name: str
    """The generator's name."""
    model: str | None
    """The model's own name; a server's is known once it is open."""

    context_tokens: int
    """The window: prompt and answer together. Known once it is open."""

    def check(self, is_cancelled: IsCancelled | None = None) -> None:
        """Say early what would fail, as far as that is quick."""
        ...

    def open(self, is_cancelled: IsCancelled | None = None) -> None:
        """Load the model or look at the server; at once when that is done.

        Raises:
            Cancelled: When `is_cancelled` said so.
            GeneratorError: When it cannot be used.
            MissingError: When it is not there.
        """
        ...

    def count(self, messages: Messages, is_cancelled: IsCancelled | None = None) -> TokenCount:
        """How many tokens the prompt of these messages has."""
        ...

    def write(
        self,
        messages: Messages,
        *,
        counted: TokenCount,
        n_tokens: int,
        on_text: OnText,
        is_cancelled: IsCancelled | None = None,
    ) -> Spent:
        """Write an answer to the messages, always the likeliest next token.

        Args:
            messages: The prompt.
            counted: Its tokens; a model that read fewer is an error.
            n_tokens: Most tokens of the answer.
            on_text: Called with each piece as it comes.
            is_cancelled: Asked at least every tenth of a second.

        Raises:
            Cancelled: When `is_cancelled` said so.
            GeneratorError: When it failed.
        """
        ...


_PIECE = re.compile(r"[A-Za-z]+|\d|\n|[^\S\n]+|[^A-Za-z\d\s]")
_TEMPLATE_TOKENS = 32
"""Most tokens that chat templates put around a message."""


def estimate(messages: Messages) -> TokenCount:
    """Bounds for a prompt whose tokenizer is out of reach.

    At least: a token hardly ever spans two words, so there are as many tokens as words. At most:
    an English word takes a token for every three letters begun, each digit and each mark one, any
    other character as many as it has bytes.
    """
    at_least = at_most = 0
    for message in messages:
        at_least += len(message["content"].split())
        at_most += _TEMPLATE_TOKENS + sum(map(_most_tokens, _PIECE.findall(message["content"])))
    return TokenCount(at_least, at_most)


def _most_tokens(piece: str) -> int:
    if piece.isascii() and piece.isalpha():
        return math.ceil(len(piece) / 3)
    if piece.isspace() and piece != "\n":
        return len(piece) // 2  # one space belongs to the word behind it
    return len(piece.encode())
