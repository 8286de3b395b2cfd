"""Third stage: another language model compares each answer with the right ones.

It is asked only where nothing simpler decides: a refusal is right where the document does not
answer and wrong where it does, and a letter is read off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from docqa.engine.generators.language_model.prompts import defuse, fill
from docqa.trainer.answers.asking import ANSWER, with_choices
from docqa.trainer.answers.replies import chosen, final_answer, is_refusal
from docqa.trainer.answers.run_file import Asked, RunFile
from docqa.trainer.calls.call import Call

JUDGE = "judge"
"""Stage of calls."""
JUDGE_TOKENS = 300
NO_ANSWER = "NOT FOUND"


def answer_of(asked: Asked, replies: Mapping[str, str], *, is_whole: bool) -> str | None:
    """What was answered; None where a model has not answered yet.

    Args:
        asked: The question.
        replies: Those of the stage `answer`, by key.
        is_whole: Whether no call is left to be made for it: one without a reply then had nothing to
            be answered from.
    """
    if asked.draft is not None:
        return asked.draft
    if asked.key in replies:
        return final_answer(replies[asked.key])
    return NO_ANSWER if is_whole else None


def refuses(asked: Asked, answer: str) -> bool:
    """Whether an answer says that the document does not tell; a quotation never does."""
    return not answer if asked.draft is not None else is_refusal(answer)


def plain_verdict(asked: Asked, answer: str) -> bool | None:
    """Whether an answer is right, where that can be seen; None where a judge must say."""
    if not asked.is_answerable:
        return refuses(asked, answer)
    if refuses(asked, answer) or not answer:
        return False
    if asked.answer_kind == "choice" and asked.choices:
        choice = chosen(answer, asked.choices)
        return None if choice is None else asked.choices[choice] in asked.answers
    return None


def judge_calls(file: RunFile) -> Iterator[Call]:
    """A call for each answer that a judge must compare."""
    replies = {key: reply.text for key, reply in file.replies(ANSWER)}
    for asked in file.questions():
        answer = answer_of(asked, replies, is_whole=False)
        if answer is not None and asked.answers and plain_verdict(asked, answer) is None:
            yield judge_call(asked, answer)


def judge_call(asked: Asked, answer: str) -> Call:
    """Does this answer agree with one of the right ones?"""
    fields = {
        "question": with_choices(asked),
        "right": "\n".join(f"- {defuse(one)}" for one in asked.answers),
        "attempted": defuse(answer),
    }
    name = "bench-judge-choice" if asked.answer_kind == "choice" else "bench-judge"
    return Call(JUDGE, asked.key, fill(name, fields), JUDGE_TOKENS)
