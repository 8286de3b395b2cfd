"""One question on the desk of a language model: prompts that fit, calls, what they took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from docqa.engine.generators.base import Draft, OnStep, OnText
from docqa.engine.generators.language_model import faults
from docqa.engine.generators.language_model.checked_text import CheckedText
from docqa.engine.generators.language_model.model import LanguageModel, TokenCount
from docqa.engine.generators.language_model.opening import Opening
from docqa.engine.generators.language_model.prompts import Item, Messages, ask_for
from docqa.engine.retrievers.retriever import IsCancelled
from docqa.engine.types import Citation, Document, Evidence, SentenceKind, Writing


@runtime_checkable
class Stage(Protocol):
    """Passes on a part of what a model writes."""

    def feed(self, piece: str) -> str: ...

    def finish(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages that fit into the window."""

    items: tuple[Item, ...]
    messages: Messages
    counted: TokenCount


@dataclass
class Desk:
    """A question with its evidence, a model to write the answer, and what that took so far."""

    question: str
    documents: Mapping[str, Document]
    evidence: tuple[Evidence, ...]
    model: LanguageModel
    answer_tokens: int
    """Most tokens of an answer."""
    on_text: OnText | None = None
    on_step: OnStep | None = None
    is_cancelled: IsCancelled | None = None
    started: float = field(default_factory=time.perf_counter)
    first_text_seconds: float | None = None
    n_prompt_tokens: int | None = 0
    n_answer_tokens: int | None = 0
    is_cut_off: bool = False

    @property
    def reserved(self) -> int:
        """Tokens of the window kept for the answer: at most half of it."""
        return min(self.answer_tokens, self.model.context_tokens // 2)

    def prompt(self, template: str, items: Sequence[Item], **fields: object) -> Prompt | None:
        """A prompt that offers these items; None when it does not fit."""
        messages = ask_for(template, self.question, self.documents, items, **fields)
        counted = self.model.count(messages, self.is_cancelled)
        fits = counted.at_most + self.reserved <= self.model.context_tokens
        return Prompt(tuple(items), messages, counted) if fits else None

    def longest_prompt(self, template: str, items: Sequence[Item], guess: int) -> Prompt:
        """A prompt with as many items as fit, counted from the first.

        Args:
            template: A file of assets/prompts.
            items: The most important first.
            guess: How many are likely to fit.

        Raises:
            GeneratorError: When not even the first fits.
        """
        best: Prompt | None = None
        low, high = 0, len(items) + 1  # low items fit, high do not
        n = min(max(guess, 1), len(items))
        while high - low > 1:
            prompt = self.prompt(template, items[:n])
            if prompt is None:
                high = n
                n = (low + high) // 2
            else:
                best, low = prompt, n
                n = min(2 * n, len(items)) if high > len(items) else (low + high) // 2
        if best is None:
            raise self.too_small(template, items[:1])
        return best

    def too_small(self, template: str, items: Sequence[Item], **fields: object) -> Exception:
        """The error that these items do not fit."""
        messages = ask_for(template, self.question, self.documents, items, **fields)
        needed = self.model.count(messages, self.is_cancelled).at_most
        return faults.too_small(self.model.context_tokens, needed, self.reserved)

    def texts(self, items: Sequence[Item]) -> dict[int, str]:
        """The sentences of items by their numbers."""
        return {one.number: self._text(one.document_id, one.sentence_id) for one in items}

    def also_quotable(self, items: Sequence[Item]) -> list[str]:
        """What may be quoted besides the items: titles, headings, column names.

        Not the question: it may put words into the document's mouth.
        """
        quotable: dict[str, None] = {}
        for item in items:
            document = self.documents[item.document_id]
            sentence = document.sentences[item.sentence_id]
            quotable[document.title] = None
            if sentence.heading is not None:
                quotable[document.sentence_text(sentence.heading)] = None
            if sentence.kind is SentenceKind.ROW and sentence.header is not None:
                quotable[document.sentence_text(sentence.header)] = None
        return list(quotable)

    def write(self, prompt: Prompt, checked: CheckedText, *stages: Stage) -> bool:
        """Let the model answer a prompt.

        Args:
            prompt: What it is asked.
            checked: Takes the answer.
            stages: What the text passes on its way there, after thoughts were taken out.

        Returns:
            False when the model says that there is no answer.

        Raises:
            GeneratorError: When it failed or wrote nothing.
        """
        opening = Opening()
        chain = [opening, *stages]

        def on_piece(piece: str) -> None:
            if self.first_text_seconds is None:
                self.first_text_seconds = time.perf_counter() - self.started
            checked.feed(_through(chain, piece))

        room = self.model.context_tokens - prompt.counted.at_most
        n_tokens = min(self.answer_tokens, room)
        spent = self.model.write(
            prompt.messages,
            counted=prompt.counted,
            n_tokens=n_tokens,
            on_text=on_piece,
            is_cancelled=self.is_cancelled,
        )
        self.n_prompt_tokens = _add(self.n_prompt_tokens, spent.n_prompt_tokens)
        self.n_answer_tokens = _add(self.n_answer_tokens, spent.n_answer_tokens)
        for place, stage in enumerate(chain):
            checked.feed(_through(chain[place + 1 :], stage.finish()))
        checked.finish()
        if any(isinstance(stage, Opening) and stage.not_found for stage in chain):
            return False
        name = self.model.model or self.model.name
        if not checked.text:
            if opening.is_thinking or spent.is_cut_off:
                raise faults.only_thought(name, n_tokens)
            raise faults.wrote_nothing(name)
        self.is_cut_off = spent.is_cut_off
        return True

    def draft(
        self,
        prompt: Prompt,
        checked: CheckedText,
        *,
        copies: Mapping[int, list[str]] | None = None,
        n_wrong_copies: int = 0,
        n_used: int | None = None,
    ) -> Draft:
        """The answer with its citations.

        Args:
            prompt: What the model was offered.
            checked: What it wrote.
            copies: Words it copied beforehand; they support an answer that cites nothing itself.
            n_wrong_copies: Lines among them that were not verbatim.
            n_used: Sentences it read, where those are not the items of the prompt.
        """
        items = {item.number: item for item in prompt.items}
        copied = copies or {}
        cited = checked.cited or {number: [] for number in copied}
        citations = []
        for number, quotes in cited.items():
            document_id, sentence_id = items[number].document_id, items[number].sentence_id
            words = quotes or copied.get(number) or [self._text(document_id, sentence_id)]
            citations += [Citation(document_id, sentence_id, one) for one in words]
        return Draft(
            checked.text,
            False,
            tuple(citations),
            self.writing(
                len(prompt.items) if n_used is None else n_used,
                checked.n_removed_citations,
                checked.n_removed_quotes + n_wrong_copies,
            ),
        )

    def writing(self, n_used: int, n_citations: int = 0, n_quotes: int = 0) -> Writing:
        """What it took, and what was taken out."""
        return Writing(
            n_evidence_used=n_used,
            context_tokens=self.model.context_tokens,
            n_prompt_tokens=self.n_prompt_tokens,
            n_answer_tokens=self.n_answer_tokens,
            first_text_seconds=self.first_text_seconds or 0.0,
            n_removed_citations=n_citations,
            n_removed_quotes=n_quotes,
            is_cut_off=self.is_cut_off,
        )

    def _text(self, document_id: str, sentence_id: int) -> str:
        return self.documents[document_id].sentence_text(sentence_id)


def _through(chain: Sequence[Stage], text: str) -> str:
    for stage in chain:
        text = stage.feed(text)
    return text


def _add(total: int | None, n: int | None) -> int | None:
    return None if total is None or n is None else total + n
