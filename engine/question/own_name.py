"""The name of the company whose report is read.

It stands on every page and tells nothing there, and the report itself says "we" or "the Company".
So a question that names it is read as one about the company. trainer/README.md has the figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from docqa.engine.types import Document

COVER_SENTENCES = 40
"""The cover of a report; further on stand the names of others."""
MOST_WORDS = 8
"""A longer name is more than a name."""
THE_COMPANY = "the company"

_COVER = re.compile(r"securities and exchange commission", re.IGNORECASE)
_END_OF_COVER = re.compile(r"securities registered|indicate by check mark", re.IGNORECASE)
_CAPTION = re.compile(r"\(? ?exact name of (?:the )?registrants?\b", re.IGNORECASE)
"""What stands below the name on the cover of a report, or behind it."""
_FORM = (
    r"(?:Incorporated|Inc|Corporation|Corp|Company|Companies|Co|LLC|L\.L\.C|L\.?P|Limited|Ltd|plc"
    r"|N\.?V|S\.?A)(?!\w)\.?"
)
_WORD = r"[\w&][\w.&'’-]*"
_NAME = re.compile(
    rf"(?:The )?(?!An? )(?P<name>{_WORD}(?:,? {_WORD})*?)(?P<form>(?:(?:,| &)? {_FORM})+)?",
    re.IGNORECASE,
)
_NO_FURTHER_NAME = r"(?!(?-i: [A-Z][a-z]))"
"""FedEx Ground is a part of FedEx."""
_NAME_BEHIND_OTHERS = re.compile(rf"(?:[A-Z0-9][\w.&'’-]*,? )+{_FORM}$")
_COLORADO = ", CO"
"""Ends the place in an address and no name."""
_NO_NAMES = frozenset(
    "ai american bank best eastern eu first general global great international national new north"
    " northern pacific royal sec south southern state texas uk united us western".split()
)
"""What names begin with and is none by itself, and initials that mean something else."""


def about_the_company(document: Document, question: str) -> str:
    """The question with "the company" for the name of the company whose report is read.

    Args:
        document: What is asked; only the cover of a report to the SEC says whose it is.
        question: As the user wrote it.
    """
    name = registrant(document)
    for alias in aliases(name) if name else ():
        spelled = re.escape(alias).replace("’", "'").replace("'", "['’]")
        named = re.compile(
            rf"(?<![\w&])(?:the )?(?P<alias>{spelled})(?![\w&])(?:,? {_FORM})?{_NO_FURTHER_NAME}",
            re.IGNORECASE,
        )
        for match in reversed([*named.finditer(question)]):
            if _is_name(match["alias"], document, is_whole=alias == name):
                question = f"{question[: match.start()]}{THE_COMPANY}{question[match.end() :]}"
    return question


def registrant(document: Document) -> str:
    """The name on the cover of a report, without `Inc.`; empty where it tells none or several."""
    front = [document.sentence_text(one.id) for one in document.sentences[:COVER_SENTENCES]]
    begin = next((i for i, text in enumerate(front) if _COVER.search(text)), len(front))
    end = next((i for i, text in enumerate(front) if _END_OF_COVER.search(text)), len(front))
    cover = front[begin + 1 : end]
    for above, text in pairwise(cover):
        if caption := _CAPTION.search(text):
            behind = _NAME_BEHIND_OTHERS.search(text[: caption.start()].strip())
            if name := _name_in(behind[0] if behind else above, needs_form=False):
                return name
    cells = [cell for text in cover for cell in text.split(" | ")]
    names = {name.lower(): name for cell in cells if (name := _name_in(cell, needs_form=True))}
    return names.popitem()[1] if len(names) == 1 else ""


def aliases(name: str) -> Iterator[str]:
    """What people may call a company, longest first: its name, a beginning of it, its initials."""
    words = name.split()
    shorter = [" ".join(words[:n]) for n in range(len(words) - 1, 0, -1)]
    shorter.append(re.sub(r"\.com$", "", words[0], flags=re.IGNORECASE))
    shorter.append("".join(word[0] for word in words if word not in ("and", "of")).upper())
    yield name
    for alias in dict.fromkeys(shorter):
        if len(alias) > 1 and alias.lower() not in _NO_NAMES and alias != name:
            yield alias


def _is_name(written: str, document: Document, *, is_whole: bool) -> bool:
    """Whether a question means the company by an alias, and not a word of the language.

    Args:
        written: As the question has it.
        document: A shorter name stands there too, and never in lower case.
        is_whole: It is all of the name: in lower case it is one where it is no word.
    """
    if is_whole and written != written.lower():
        return True
    whole_word = rf"(?<![\w./@-]){re.escape(written)}(?!\w|[.@-]\w)"
    spellings = re.findall(whole_word, document.text, re.IGNORECASE)
    return bool(spellings) and written.lower() not in spellings


def _name_in(text: str, *, needs_form: bool) -> str:
    """A company's name without its form, where a text is one and nothing else; else empty."""
    if len(text.split()) > MOST_WORDS or "__" in text or text.endswith(_COLORADO):
        return ""
    found = _NAME.fullmatch(text.strip(" *®"))
    if not found:
        return ""
    return found["name"] if found["form"] or not needs_form else ""
