"""Reading what language models reply: an answer, a letter, a refusal, a verdict.

Models do not keep to the form they are asked for, so each reader takes what is meant, and says
None where nothing can be told. A verdict that cannot be read counts as none, never as yes.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from docqa.engine.generators.base import MARKER
from docqa.trainer.answers.measures import normalise, subspan_match

ANSWER = re.compile(r"\W*\banswer\b[\s*_`#]*[:：]", re.IGNORECASE)
"""The keyword before an answer, and the dress a model gives it."""
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_DRESS = " \t\n*_`#\"'“”‘’[](){}<>|.:："

_REFUSAL = re.compile(
    r"not found\b"
    r"|(the |this )?(document|text|context|evidence|passage|excerpt|sentence|information)s?"
    r"( provided| given| above)? (does|do|did) ?(not|n['’]t)"
    r" (seem to |appear to )?(answer|say|state|mention|contain|provide|specify|include|tell)"
    r"|(the )?(answer|information)( to (the|this) question)? (is|was) not"
    r" (given|provided|stated|mentioned|specified|available|found|in the)"
    r"|(there is )?no (answer|information|mention)\b"
    r"|(it is )?not (mentioned|stated|specified|provided|given)\b"
    r"|(i )?(can ?not|can['’]t|could not|am unable to|['’]m unable to) "
    r"(be )?(answer|find|determine|tell|say)"
    r"|unanswerable|insufficient information|i (do not|don['’]t) know",
    re.IGNORECASE,
)

_KEYWORD = re.compile(r"\b(?:decision|verdict)\b", re.IGNORECASE)
_YES = r"yes|y|true|correct|right|agrees?|match(?:es)?"
_NO = r"no|n|false|incorrect|wrong|disagrees?|mismatch"
_NEGATED = rf"(?:is |does |do )?not (?:{_YES})"
_WORD = re.compile(rf"(?P<no>\b(?:{_NEGATED}|{_NO})\b)|(?P<yes>\b(?:{_YES})\b)", re.IGNORECASE)
_BOTH = re.compile(r"\byes\b\W{1,3}(?:or\W+)?no\b", re.IGNORECASE)
"""The form that was asked for, repeated: YES/NO."""

_LETTER = re.compile(
    r"[*_`\"'“\[(\s]*(?:(?:[Oo]ption|[Cc]hoice|[Ll]etter)\s+)?"
    r"(?:([AaIi])(?=[*_`)\].:,]|\s*$)|([B-HJ-Zb-hj-z])\b(?!['’]))"
)
"""At the beginning. A and I are words as well, so something must show that they are letters."""
_SAID_LETTER = re.compile(
    r"\b(?i:answer|option|choice)(?:\s+is)?\s*[:：]?\s*(?:option\s+)?[*_`(\[]*([A-Z])\b(?!['’])"
)


def final_answer(reply: str) -> str:
    """What stands behind the last ANSWER:, without numbers of sentences; else the whole reply."""
    said = _THOUGHT.sub("", reply)
    found = list(ANSWER.finditer(said))
    if found and said[found[-1].end() :].strip(_DRESS):
        said = said[found[-1].end() :]
    return " ".join(MARKER.sub("", said).split()).strip("*_` ")


def is_refusal(answer: str) -> bool:
    """Whether an answer says, at its beginning, that the document does not tell."""
    return bool(_REFUSAL.match(answer.strip(_DRESS)))


def chosen(answer: str, choices: Sequence[str]) -> int | None:
    """Which of the choices an answer names: by letter, by its text, or by both.

    A letter counts at the beginning or behind "answer is", a text where no other one is named.
    """
    wanted = normalise(answer)
    for i, choice in enumerate(choices):
        if wanted and wanted == normalise(choice):
            return i
    letters = string.ascii_uppercase[: len(choices)]
    first = _LETTER.match(answer)
    named = [(first[1] or first[2]).upper()] if first else _SAID_LETTER.findall(answer)
    if named and named[-1] in letters:
        return letters.index(named[-1])
    said = [i for i, choice in enumerate(choices) if subspan_match(answer, choice)]
    longest = max(said, key=lambda i: len(choices[i]), default=None)
    if longest is None or not all(subspan_match(choices[longest], choices[i]) for i in said):
        return None
    return longest


def decision(reply: str) -> bool | None:
    """A judge's verdict: True for yes, False for no, None where it cannot be told.

    Behind the last DECISION, which may be dressed up in any way; without the keyword, a verdict
    at the very beginning or as the last word of the reply counts.
    """
    said = _THOUGHT.sub("", reply)
    keywords = list(_KEYWORD.finditer(said))
    if keywords:
        return _verdict(said[keywords[-1].end() :].split("\n\n")[0])
    lines = [line for line in said.splitlines() if line.strip(_DRESS)]
    if not lines:
        return None
    start = _WORD.match(lines[0].strip(_DRESS))
    if start and not _BOTH.search(lines[0]):
        return start["yes"] is not None
    last = lines[-1].split()[-1].strip(_DRESS + ",;!")
    end = re.fullmatch(_WORD, last)
    return end["yes"] is not None if end else None


def _verdict(said: str) -> bool | None:
    if _BOTH.search(said):
        return None
    found = _WORD.search(said)
    return found["yes"] is not None if found else None
