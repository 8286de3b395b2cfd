"""Words as the lexical retriever compares them."""

from __future__ import annotations

import re
import unicodedata

from docqa.engine.superscripts import set_apart

MONTHS = tuple(
    "january february march april may june july august september october november december".split()
)
CALENDAR = frozenset({*MONTHS, *"monday tuesday wednesday thursday friday saturday sunday".split()})
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"  # Chinese and Japanese write no spaces
    r"|\d+(?:[.,]\d+)*"  # 1,577 and 3.5 are one word each
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*|\w"
)
_WRITTEN_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:['’]\w+)*")
_STOP_WORD_LIST = """
    a an and are as at be been but by can could did do does for from had has have he her his how i
    if in is it its no not of on or our s she should that the their there these they this to was
    we were what when where which who whom whose why will with would you your
"""
_STOP_WORDS = frozenset(_STOP_WORD_LIST.split())
"""Words that a question has because it is one; they find nothing."""


def stems(text: str) -> list[str]:
    """Stems of the words and numbers, in lower case; a ligature like ﬁ is two letters."""
    return [_stem(word) for word in _words(text)]


def question_stems(question: str) -> list[str]:
    """Stems to look for: each once, stop words only where there is nothing else."""
    words = _words(question)
    telling = [word for word in words if word not in _STOP_WORDS]
    return list(dict.fromkeys(map(_stem, telling or words)))


def is_stop_word(word: str) -> bool:
    """Whether a question has the word only because it is a question."""
    return word.lower() in _STOP_WORDS


def telling_words(question: str) -> list[str]:
    """The words of a question that are looked for, as written, each once."""
    wanted = {*question_stems(question)}
    words = (word for word in _WRITTEN_WORD.findall(question) if {*stems(word)} & wanted)
    return list(dict.fromkeys(words))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", set_apart(text)).lower())


def _stem(word: str) -> str:
    """An English word without -s, -ed, -ing and silent -e: `company` for `companies`."""
    word = word.removesuffix("'s").removesuffix("’s")
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word[-1] == "s" and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return word.removesuffix(ending).rstrip("e")
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word
