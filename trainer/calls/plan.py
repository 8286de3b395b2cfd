"""What calls will take, before they are made, and what they took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from docqa.engine.generators.language_model.model import TokenCount
from docqa.trainer.calls.call import CallState


@dataclass(frozen=True, slots=True)
class Price:
    """What a server asks, in any currency."""

    prompt: float
    """A million tokens read."""
    answer: float
    """A million tokens written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls to make, with bounds for what they will take.

    Tokens are bounds that need no tokenizer (`estimate` of the language models), so a plan can be
    made before any model is loaded or any server hears of it.
    """

    n_calls: int = 0
    n_done: int = 0
    """Those that were made before; the figures below are of the others."""
    prompt_tokens: TokenCount = field(default=TokenCount(0, 0))
    longest_prompt_tokens: int = 0
    """At most, as a bound."""
    answer_tokens: int = 0
    """At most."""

    @property
    def n_left(self) -> int:
        return self.n_calls - self.n_done

    def with_call(self, counted: TokenCount, n_tokens: int, *, is_done: bool) -> Plan:
        """The plan with one more call."""
        if is_done:
            return replace(self, n_calls=self.n_calls + 1, n_done=self.n_done + 1)
        so_far = self.prompt_tokens
        return Plan(
            self.n_calls + 1,
            self.n_done,
            TokenCount(so_far.at_least + counted.at_least, so_far.at_most + counted.at_most),
            max(self.longest_prompt_tokens, counted.at_most),
            self.answer_tokens + n_tokens,
        )

    def cost(self, price: Price) -> tuple[float, float]:
        """Least and most that the calls will cost; the least is that of the prompts alone."""
        prompts = self.prompt_tokens
        return (
            prompts.at_least * price.prompt / 1e6,
            (prompts.at_most * price.prompt + self.answer_tokens * price.answer) / 1e6,
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done of a stage."""

    n_calls: Mapping[CallState, int]
    n_tries: int
    """Requests to the model, those that failed included."""
    n_prompt_tokens: int
    """As the model counted them; 0 where it does not tell."""
    n_answer_tokens: int
    seconds: float
    """Of all calls that are done, one after another."""
