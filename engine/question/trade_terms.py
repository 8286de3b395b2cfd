"""What readers call things, in the words of the document at hand.

A report of `employees` answers what its `headcount` is, and a model that is small knows few such
pairs. assets/trade_terms.toml does: behind such a word the question is read with what the document
says instead. Who takes over as an officer acquires nothing: such phrases stand there too. Lines of
statements have their own way (`docqa.engine.question.rewording`).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from docqa.engine.question.rewording import named_places
from docqa.engine.types import Document

MOST_SAID = 10
"""A document that says what the reader says more often needs no other words."""
MOST_STATED = 2
"""Words of a document that are added for one of the question, the first of the table."""


@dataclass(frozen=True, slots=True)
class TradeTerm:
    """What a question calls by one word and a document by others."""

    name: str
    """As the question has it."""
    stated: tuple[str, ...]
    end: int
    """Where the name ends in the question."""


def with_trade_terms(document: Document, question: str) -> str:
    """The question with words of the document behind what it calls otherwise.

    `headcount` becomes `headcount (employees)` where the document has employees and hardly a
    headcount.

    Args:
        document: What is asked.
        question: As the user wrote it.
    """
    for one in reversed(trade_terms(question, document.text)):
        question = f"{question[: one.end]} ({', '.join(one.stated)}){question[one.end :]}"
    return question


def trade_terms(question: str, text: str, most_said: int = MOST_SAID) -> list[TradeTerm]:
    """What a question calls otherwise than a text, in its order.

    Names of lines of statements stay for `docqa.engine.question.rewording`.

    Args:
        question: As the user wrote it.
        text: Of a document, or what was found in one.
        most_said: How often the text may say what the question says.
    """
    lines = named_places(question)
    found = [
        one
        for one in _names().finditer(question)
        if all(one.end() <= start or end <= one.start() for start, end in lines)
    ]
    if not found:
        return []
    asked, told = question.lower(), text.lower()
    terms = [
        TradeTerm(one[0], tuple(_stated(one["name"].lower(), asked, told, most_said)), one.end())
        for one in found
    ]
    return [term for term in terms if term.stated]


def _stated(name: str, asked: str, text: str, most_said: int) -> list[str]:
    """Words of a text that say what a question calls by a name; none where the text does too."""
    if sum(1 for _ in re.finditer(_written(re.escape(name)), text)) > most_said:
        return []
    stated: list[str] = []
    for words in _terms()[name]:
        is_news = words not in asked and not any(words in known for known in stated)
        if is_news and re.search(rf"\b{re.escape(words)}", text):
            stated.append(words)
    return stated[:MOST_STATED]


def _written(names: str) -> str:
    """A pattern for one of some names, whatever its ending.

    Who cares asks for no cars, and what is gas-fired has kept its job.
    """
    ending = r"(?:s?['’]s?|s|(?<=[sxzh])es|(?<=\w{4})(?:ed|ing))?"
    return rf"(?<![\w-])(?P<name>{names}){ending}(?!\w)"


@cache
def _terms() -> dict[str, tuple[str, ...]]:
    """What documents say, by what readers say, all in lower case; nothing for other senses."""
    source = files("docqa.assets") / "trade_terms.toml"
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    stated = {
        name.lower(): tuple(words.lower() for words in term["stated"])
        for term in table["term"]
        for name in term["names"]
    }
    return stated | {phrase.lower(): () for phrase in table["other_senses"]}


@cache
def _names() -> re.Pattern[str]:
    """Finds what readers say, whatever its ending; of two that begin at one place the longer."""
    longest_first = sorted(_terms(), key=len, reverse=True)
    either = "|".join(map(re.escape, longest_first))
    return re.compile(_written(either), re.IGNORECASE)
