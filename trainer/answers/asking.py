"""Second stage: a language model answers, from the evidence or from the whole document.

A document longer than the model's window is read in slices; what it notes of each is then asked
as if it were the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

from docqa.engine.errors import ConfigError
from docqa.engine.generators.language_model.model import estimate
from docqa.engine.generators.language_model.prompts import Messages, defuse, fill
from docqa.engine.types import Document
from docqa.trainer.answers.replies import is_refusal
from docqa.trainer.answers.run_file import Asked, RunFile
from docqa.trainer.calls.call import Call

ANSWER, SLICE = "answer", "slice"
"""Stages of calls."""
MAX_SLICE_TOKENS = 120_000
"""As the paper cuts them."""
MIN_SLICE_TOKENS = 256
FORMS = {
    "sentence": "Answer in one sentence, as short as it can be.",
    "paragraph": "Answer in one paragraph.",
    "choice": "Answer with the letter of the right choice.",
}


def answer_calls(file: RunFile, n_tokens: int) -> Iterator[Call]:
    """The calls for the answers themselves, once the slices are read."""
    for asked in file.questions():
        context = asked.context or notes(file, asked, n_tokens)
        if context:
            yield Call(ANSWER, asked.key, answer_messages(asked, context), n_tokens)


def slice_calls(file: RunFile, n_tokens: int) -> Iterator[Call]:
    """A call for each slice of each document that needs several."""
    for asked in file.questions():
        slices = file.slices(asked.document)
        if not asked.context and len(slices) > 1:
            for number, text in enumerate(slices):
                yield slice_call(asked, number, text, n_tokens)


def slice_call(asked: Asked, number: int, text: str, n_tokens: int) -> Call:
    """What does this slice contribute?"""
    fields = {"question": defuse(asked.question), "evidence": text}
    return Call(SLICE, f"{asked.key}/{number:04}", fill("bench-slice", fields), n_tokens)


def notes(file: RunFile, asked: Asked, n_tokens: int) -> str:
    """The whole document where it is one slice; else what the model noted of its slices.

    Empty where it noted nothing: the answer is then that the document does not say. Empty, too,
    while a slice is not read: an answer from the others would look like one from the whole.
    """
    slices = file.slices(asked.document)
    if len(slices) == 1:
        return slices[0]
    replies = [
        file.reply(slice_call(asked, number, text, n_tokens)) for number, text in enumerate(slices)
    ]
    if None in replies:
        return ""
    said = [defuse(reply.text) for reply in replies if reply and not is_refusal(reply.text)]
    return "\n".join(f"- {one}" for one in said)


def answer_messages(asked: Asked, context: str) -> Messages:
    """The prompt for one answer."""
    fields = {"question": with_choices(asked), "evidence": context}
    return fill("bench-answer", {**fields, "form": FORMS[asked.answer_kind]})


def with_choices(asked: Asked) -> str:
    """The question, with its choices under letters."""
    lettered = [f"({chr(ord('A') + i)}) {defuse(one)}" for i, one in enumerate(asked.choices)]
    return "\n".join([defuse(asked.question), *lettered])


def slice_room(context_tokens: int, n_tokens: int) -> int:
    """Tokens of a document that fit into a prompt beside the question and the reply.

    Raises:
        ConfigError: When the window is too small for both.
    """
    fields = {"question": "word " * 200, "evidence": "", "form": FORMS["paragraph"]}
    around = max(estimate(fill(name, fields)).at_most for name in ("bench-answer", "bench-slice"))
    room = min(MAX_SLICE_TOKENS, context_tokens - n_tokens - around)
    if room < MIN_SLICE_TOKENS:
        raise ConfigError(
            f"A window of {context_tokens:,} tokens is too small to read documents in slices: "
            f"prompt and reply need {around + n_tokens + MIN_SLICE_TOKENS:,}.",
            "Take a larger one: --context-tokens N, or fewer --answer-tokens.",
        )
    return room


def cut_slices(document: Document, n_tokens: int) -> Iterator[str]:
    """The sentences of a document, a line each, in slices of at most so many tokens."""
    lines: list[str] = []
    n_used = 0
    for sentence in document.sentences:
        line = defuse(document.sentence_text(sentence.id))
        n_line = _tokens(line)
        if lines and n_used + n_line > n_tokens:
            yield "\n".join(lines)
            lines, n_used = [], 0
        lines.append(line)
        n_used += n_line
    if lines:
        yield "\n".join(lines)


def _tokens(line: str) -> int:
    """At most; without what a chat template puts around a message."""
    empty, full = ({"role": "user", "content": text} for text in ("", line + "\n"))
    return estimate((full,)).at_most - estimate((empty,)).at_most
