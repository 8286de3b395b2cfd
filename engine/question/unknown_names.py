"""Names that a question has and the documents do not.

Who asks an annual report about another company gets figures all the same: scores hardly tell, for
every report has a row `Net sales`, and only its cover says whose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from docqa.engine.question.wording import in_words_of
from docqa.engine.statements.line_items import line_items, ratios
from docqa.engine.types import Document
from docqa.engine.words import is_stop_word

MIN_LETTERS = 4
"""Shorter names are often spelled out in the text, or the other way round: `PwC`, `US`."""
COMMON_START = 5
ENDING = 3
"""Words are taken for the same name that are alike in so many first letters, and in all but so many
of the last: `Guarantors` and guarantor, but not `Salesforce` and sales."""

_WORD = re.compile(r"[^\W\d_]+")
_ENDS_SENTENCE = re.compile(r"(?:^|[.?!:])[\s\"'“‘(]*$")
_OF_A_PLACE = re.compile(r"(?:ese|ish|ian|an)$")
"""`Chinese` is named where China is."""
_POSSESSIVE = re.compile(r"['’]s\b")


def unknown_names(question: str, documents: Sequence[Document]) -> tuple[str, ...]:
    """The names in a question that stand in no document and no title, as the question has them.

    A company that a report calls "the company" on every page but the cover is known, and so is a
    party that a contract calls by its term.

    Args:
        question: As the user wrote it.
        documents: What is asked; of none nothing is unknown.
    """
    found = [_unknown(in_words_of(document, question), document) for document in documents]
    return tuple(
        name
        for name in (dict.fromkeys(found[0]) if found else ())
        if all(name in one for one in found)
    )


def _unknown(question: str, document: Document) -> list[str]:
    names = list(_names(question))
    # a book names its author in its title alone
    text = f"{document.title}\n{document.text}".lower() if names else ""

    def stands_there(name: str) -> bool:
        stem = _OF_A_PLACE.sub("", name.lower())
        start = stem[: max(COMMON_START, len(stem) - ENDING)]
        return re.search(rf"(?<![^\W\d_]){re.escape(start)}", text) is not None

    return [name for name in names if not stands_there(name)]


def _names(question: str) -> Iterator[str]:
    """Words with a capital, where that says something: not the first of a sentence, and not in a
    question that is written in capitals all over."""
    words = list(_WORD.finditer(question))
    if all(not word[0].islower() for word in words if len(word[0]) >= MIN_LETTERS):
        return
    for word in words:
        if len(word[0]) < MIN_LETTERS or word[0].islower() or word[0].isupper():
            continue
        if word[0].lower() in _terms():
            continue
        opens = _ENDS_SENTENCE.search(question[: word.start()])
        has_inner_capital = word[0][1:] != word[0][1:].lower()
        is_possessive = _POSSESSIVE.match(question, word.end()) and not is_stop_word(word[0])
        if not opens or has_inner_capital or is_possessive:
            yield word[0]


@cache
def _terms() -> frozenset[str]:
    """What is no name although it may have a capital: `CapEx`, `Buybacks`."""
    names = [
        *(name for item in line_items().values() for name in item.names),
        *(name for ratio in ratios() for name in ratio.names),
    ]
    return frozenset(word.lower() for name in names for word in _WORD.findall(name))
