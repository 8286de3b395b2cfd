"""Reads the replies of language models, as they really write: bold, lists, JSON, small talk.

What is asked for is a plain form (`[12] reason`, `QUESTION: …`, `LIST: 1, 3 and 7`), and every
model has its own manners. A reply is read generously; what cannot be read ends the attempt with a
reason (`Unusable`). Nothing is guessed: a number counts only if it was offered.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from docqa.trainer.synthetic.drops import Reason, Unusable
from docqa.trainer.synthetic.json_reply import find_json

MAX_RANGE = 30
"""`4-6` is three numbers; a wider range is none."""

_THOUGHTS = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHTS_END = re.compile(r".*</(?:think|thinking|thought|reasoning)>", re.DOTALL | re.IGNORECASE)
_THOUGHTS_OPEN = re.compile(r"<(?:think|thinking|thought|reasoning)>.*", re.DOTALL | re.IGNORECASE)
_DECORATION = re.compile(r"\*\*|__|`|^\s*#{1,6}\s+|^\s*>\s?", re.MULTILINE)
_REFUSAL = re.compile(
    r"\W*(?:sorry\b|as an ai\b|unfortunately,? i\b|i (?:can(?:no|['’])t|won['’]t)"
    r"|i(?:['’]m| am) (?:sorry|unable|not able))",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"\W*(?:none|no(?:ne)? of (?:the|these)\b.*|n/a|not found|no connections?(?: found)?"
    r"|there (?:is|are) no(?:ne)?\b.*|the sentences do not answer\b.*)\W*",
    re.IGNORECASE | re.DOTALL,
)

_WORD = r"(?:sentences?|units?|items?|lines?|rows?|numbers?|nos?\.?|id|[#])"
_DIGITS = r"(?<!\d)\d{1,5}(?!\d)"
_NUMBER = (
    rf"(?>[\[(【]?\s*+[#]?{_DIGITS}"
    rf"(?>\s*+(?:-|–|—|to)\s*+[#]?{_DIGITS})?+(?>\s*+[\])】])?+)"
)
_NUMBERS = rf"(?>{_NUMBER}(?>\s*+(?:,\s*+and|,|;|&|and)?+\s*+(?:{_WORD}\s*+)?+{_NUMBER})*+)"
"""Atomic: a reply that repeats itself for pages must be read in one go."""
_ENTRY = re.compile(
    rf"""^[\s*•·+|-]*                                   # bullets, bars of a table
    (?:\d{{1,3}}[.)]\s+(?=[\[(【]\s*\d|{_WORD}\W*\d|\d+\s*(?:[:–—-]|$)))?  # `1.` before `[12]`
    (?:{_WORD}\s*:?\s*)?
    (?P<numbers>{_NUMBERS})
    \s*(?P<mark>[:.)|–—-]*)\s*(?P<rest>.*)$""",
    re.IGNORECASE | re.VERBOSE,
)
_ONLY_NUMBERS = re.compile(rf"(?:{_WORD}\s*)?{_NUMBERS}", re.IGNORECASE)
_INSIDE = re.compile(
    rf"\b{_WORD}\s*:?\s*({_NUMBERS})|(\[\s*\d{{1,5}}(?:\s*[,;–-]\s*\d{{1,5}})*\s*\])",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d{1,5})(?:\s*(?:-|–|—|to)\s*#?(\d{1,5}))?")
_REASON_LABEL = re.compile(
    r"^[\s*•+|-]*(?:reason(?:ing)?|why|connection|explanation)\s*:\s*", re.IGNORECASE
)
_QUESTION_LABEL = re.compile(
    r"^[\s*•+-]*(?:\d{1,2}[.)]\s+)?(?:(?:the |final |new )?question)\s*\d*\s*[:：]\s*",
    re.IGNORECASE | re.MULTILINE,
)
_LIST_LABEL = re.compile(
    r"^\W*(?:final |the )?(?:list|helpful sentences|sentences)\s*[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER_LABEL = re.compile(
    r"^[\s*•+-]*(?:the |final |short )?answer\s*[:：]", re.IGNORECASE | re.MULTILINE
)
_ORDINAL = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_QUOTES = "\"'“”‘’«» "


@dataclass(frozen=True, slots=True)
class Connection:
    """A sentence that a model finds connected to the passage."""

    number: int
    reason: str


def read_connections(reply: str, offered: Collection[int]) -> list[Connection]:
    """The connected sentences that were offered, each once, with the reason.

    Raises:
        Unusable: When there are none.
    """
    text = _plain(reply)
    named = list(_connections_of_json(find_json(text))) or list(_connections_of_lines(text))
    if not named:
        raise _nothing_in(text, Reason.NO_NUMBERS)
    known = {one.number: one for one in reversed(named) if one.number in offered}
    if not known:
        raise Unusable(Reason.UNKNOWN_NUMBERS)
    given = [one for one in known.values() if one.reason]
    if not given:
        raise Unusable(Reason.NO_REASON)
    return given[::-1]


def read_question(reply: str) -> str:
    """The question, on one line.

    Raises:
        Unusable: When there is none.
    """
    text = _plain(reply)
    found = find_json(text)
    if isinstance(found, dict):
        values = {str(key).lower(): value for key, value in found.items()}
        if isinstance(values.get("question"), str):
            return _bare(values["question"])
    labels = list(_QUESTION_LABEL.finditer(text))
    if labels:
        after = text[labels[-1].end() :].strip().splitlines()
        if after and not _NONE.fullmatch(after[0]):
            return _bare(after[0])
    asked = [line for line in map(_bare, text.splitlines()) if line.endswith(("?", "？"))]
    if len(asked) == 1:
        return asked[0]
    raise _nothing_in(text, Reason.NO_QUESTION)


def read_sentences(reply: str, offered: Collection[int]) -> tuple[list[int], str]:
    """The sentences that help, in the order of the document, and the answer, where it is given.

    Raises:
        Unusable: When no sentence is named that was offered.
    """
    text = _plain(reply)
    found = find_json(text)
    numbers = list(_numbers_of_json(found))
    answer = _answer_of_json(found)
    if not numbers:
        listed, answer = _split_answer(text)
        numbers = [number for entry, _ in _entries(listed) for number in entry]
    if not numbers:
        raise _nothing_in(listed, Reason.NO_NUMBERS)
    known = sorted({one for one in numbers if one in offered})
    if not known:
        raise Unusable(Reason.UNKNOWN_NUMBERS)
    return known, answer


def _plain(reply: str) -> str:
    """A reply without thoughts and marks of Markdown.

    Raises:
        Unusable: When nothing is left.
    """
    if not reply.strip():
        raise Unusable(Reason.EMPTY)
    text = _THOUGHTS_OPEN.sub("", _THOUGHTS_END.sub("", _THOUGHTS.sub("", reply)))
    if not text.strip():
        raise Unusable(Reason.ONLY_THOUGHTS)
    return re.sub(r"[^\S\n]+", " ", _DECORATION.sub("", text)).strip()


def _nothing_in(text: str, otherwise: Reason) -> Unusable:
    """Why a reply has nothing to read."""
    if _REFUSAL.match(text):
        return Unusable(Reason.REFUSAL)
    bare = _QUESTION_LABEL.sub("", _LIST_LABEL.sub("", text)).strip()
    if not bare.strip("[](){}. "):
        return Unusable(Reason.NONE)
    return Unusable(Reason.NONE if _NONE.fullmatch(bare) else otherwise)


# Connections


def _connections_of_lines(text: str) -> Iterator[Connection]:
    """One line for each, or a line and what follows it; else sentences named inside of prose."""
    for numbers, lines in _entries(text):
        reason = " ".join(_REASON_LABEL.sub("", line).strip(" |") for line in lines).strip()
        yield from (Connection(number, reason) for number in numbers)


def _connections_of_json(found: Any) -> Iterator[Connection]:
    """Objects with a number and a text, wherever they stand; or texts under numbers."""
    if isinstance(found, list):
        for one in found:
            yield from _connections_of_json(one)
    elif isinstance(found, dict):
        texts = [value for value in found.values() if isinstance(value, str)]
        numbers = [n for value in found.values() for n in _plain_numbers(value)]
        if numbers and any(" " in text.strip() for text in texts):
            reason = max(texts, key=len).strip()
            yield from (Connection(number, reason) for number in numbers)
            return
        for key, value in found.items():
            if isinstance(value, str) and value.strip():
                yield from (Connection(n, value.strip()) for n in _plain_numbers(str(key)))
            else:
                yield from _connections_of_json(value)


# Sentences that help


def _split_answer(text: str) -> tuple[str, str]:
    """What stands before the answer, from the last `LIST:` on, and the answer."""
    labels = list(_ANSWER_LABEL.finditer(text))
    lists = list(_LIST_LABEL.finditer(text))
    answer = ""
    if labels:
        stop = lists[-1].start() if lists and lists[-1].start() > labels[-1].start() else len(text)
        answer = _bare(text[labels[-1].end() : stop])
    start = lists[-1].end() if lists else 0
    before = [label.start() for label in labels if label.start() >= start]
    listed = text[start : before[0] if before else len(text)]
    return listed.strip(), "" if _NONE.fullmatch(answer or "none") else answer


def _numbers_of_json(found: Any) -> Iterator[int]:
    """The numbers of a list, or of the lists and objects in an object."""
    if isinstance(found, list):
        for one in found:
            if isinstance(one, dict):
                yield from (n for value in one.values() for n in _plain_numbers(value))
            else:
                yield from _plain_numbers(one)
    elif isinstance(found, dict):
        for value in found.values():
            if isinstance(value, list | dict):
                yield from _numbers_of_json(value)


def _answer_of_json(found: Any) -> str:
    values = found.items() if isinstance(found, dict) else ()
    answers = [v for k, v in values if str(k).lower() == "answer" and isinstance(v, str | int)]
    return _bare(str(answers[0])) if answers else ""


# Lines


def _entries(text: str) -> list[tuple[list[int], list[str]]]:
    """The numbers that lines begin with, and what else stands there and in the lines below."""
    entries: list[tuple[list[int], list[str]]] = []
    only_counts = True
    for line in text.splitlines():
        entry = _ENTRY.match(line)
        if entry and (entry["mark"] or not entry["rest"] or "[" in entry["numbers"]):
            entries.append((_numbers_in(entry["numbers"]), [entry["rest"]]))
            only_counts &= entry["mark"] in (".", ")") and bool(_INSIDE.search(entry["rest"]))
        elif entries and line.strip():
            entries[-1][1].append(line)
    is_count = only_counts and [one for one, _ in entries] == [[i + 1] for i in range(len(entries))]
    return entries if entries and not is_count else _named_in_prose(text)


def _named_in_prose(text: str) -> list[tuple[list[int], list[str]]]:
    """The numbers that lines name somewhere: `Both [12] and sentence 15 tell …`."""
    named = []
    for line in text.splitlines():
        numbers = [n for found in _INSIDE.finditer(line) for n in _numbers_in(found[0])]
        if numbers:
            named.append((numbers, [_ORDINAL.sub("", line)]))
    return named


# Small things


def _plain_numbers(value: Any) -> list[int]:
    """The numbers of a JSON value that is a number or says one: `12`, `"12"`, `"sentence 12"`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, str) and _ONLY_NUMBERS.fullmatch(" ".join(value.split())):
        return _numbers_in(value)
    return []


def _numbers_in(text: str) -> list[int]:
    """All numbers of a text, ranges written out."""
    numbers: list[int] = []
    for found in _RANGE.finditer(text):
        first = int(found[1])
        last = int(found[2]) if found[2] else first
        numbers += range(first, last + 1) if first <= last < first + MAX_RANGE else [first]
    return numbers


def _bare(text: str) -> str:
    """A text on one line, without its number, its quotation marks and the space around it."""
    line = _ORDINAL.sub("", " ".join(text.split()))
    return line.strip(_QUOTES) if line[:1] in _QUOTES or line[-1:] in _QUOTES else line
