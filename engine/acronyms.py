"""What the letters of an acronym stand for, where the document says it.

`What does BMF stand for?` shares no word with `Business Master File (BMF)` but the letters
themselves, which stand everywhere. Which words before or behind an acronym are its long form is
found letter by letter from the right, as in A. S. Schwartz and M. A. Hearst, A simple algorithm for
identifying abbreviation definitions in biomedical text, Pacific Symposium on Biocomputing, 2003.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from docqa.engine.columns import cell_spans
from docqa.engine.types import Citation, Document, SentenceKind

_ACRONYM = r"[\"“”'‘’]?(?P<{}>[A-Z][A-Za-z&-]{{0,8}}[A-Z])[\"“”'‘’]?"
_ASKS = re.compile(
    r"^\W*what\s+(?:(?:do|does)\s+(?:the\s+)?(?:(?:acronym|abbreviation|letters|initials)\s+)?"
    rf"{_ACRONYM.format('said')}\s+(?:stand\s+for|mean)"
    rf"|(?:is|are)\s+(?:the\s+)?{_ACRONYM.format('short')}\s+short\s+for"
    rf"|is\s+the\s+(?:full|long)\s+(?:form|name)\s+of\s+(?:the\s+)?{_ACRONYM.format('named')})"
    r"(?:\s+here|\s+in\s+(?:the|this)\s+\w+)?\W*$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w&’'-]+")
_INITIAL = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SMALL_WORDS = frozenset("a an and as at by for from in of on or other than the to with".split())
_REACH = 120
"""Most characters of a long form."""


def stands_for(question: str, documents: Sequence[Document]) -> Citation | None:
    """The words that an acronym stands for, if a question asks for those.

    None where no document tells, or two tell different things.

    Args:
        question: As the user wrote it.
        documents: What is asked.
    """
    asked = _ASKS.search(question)
    if asked is None:
        return None
    acronym = next(filter(None, asked.groups()))
    if not acronym.isupper():
        return None
    firsts = [first for one in documents if (first := next(_told(one, acronym), None))]
    told = {" ".join(one.quote.lower().split()) for one in firsts}
    return firsts[0] if len(told) == 1 else None


def _told(document: Document, acronym: str) -> Iterator[Citation]:
    """Where a document says what an acronym stands for, in its order."""
    spelled = re.escape(acronym)
    behind = re.compile(rf"\(\s*(?:the\s+)?[\"“'‘]?{spelled}[\"”'’,]*(?:\s*\)|[,;]|\s+or\s)")
    before = re.compile(rf"(?<!\w){spelled}[\"”'’]?\s*\(([^()]{{3,{_REACH}}})\)")
    for sentence in document.sentences:
        text = document.sentence_text(sentence.id)
        if acronym not in text:
            continue
        found = [long_form(acronym, text[: one.start()]) for one in behind.finditer(text)]
        found += [long_form(acronym, one[1], is_all=True) for one in before.finditer(text)]
        if sentence.kind is SentenceKind.ROW:
            first, second, *_ = [text[slice(*span)] for span in cell_spans(text)] + ["", ""]
            if first.strip(" :") == acronym:
                found.append(long_form(acronym, second, is_all=True))
        yield from (Citation(document.id, sentence.id, words) for words in found if words)


def long_form(acronym: str, text: str, *, is_all: bool = False) -> str:
    """The words at the end of a text that have the letters of an acronym; empty if none do.

    Args:
        acronym: In capitals.
        text: What stands before the acronym, or beside it.
        is_all: The whole text must be the long form.
    """
    text = text[-_REACH:].rstrip(" “\"'‘,")
    letters = [char for char in acronym.lower() if char.isalnum()]
    ways = (
        _begin_by_initials(letters, text, of_small=False),
        _begin_by_initials(letters, text, of_small=True),
        _begin_by_letters(letters, text),
    )
    at = next((way for way in ways if way is not None), None)
    if at is None:
        return ""
    words = _WORD.findall(text[at:])
    is_short = len(words) <= min(len(letters) + 5, 2 * len(letters))
    is_other = acronym not in text[at:] and len(words) > 1
    is_whole = text.count("(", at) == text.count(")", at) and not (is_all and text[:at].strip())
    return text[at:] if is_short and is_other and is_whole else ""


def _begin_by_initials(letters: list[str], text: str, *, of_small: bool) -> int | None:
    """Where the words begin whose first letters are those of an acronym.

    Small words may stand between them; first letters of theirs count only with `of_small`.
    """
    left = len(letters)
    for word in reversed([*_INITIAL.finditer(text)]):
        is_small = word[0].lower() in _SMALL_WORDS
        if word[0][0].lower() == letters[left - 1] and (of_small or not is_small):
            left -= 1
            if left == 0:
                return word.start()
        elif not is_small:
            return None
    return None


def _begin_by_letters(letters: list[str], text: str) -> int | None:
    """Where the words begin that hold the letters of an acronym, the first at the begin of one."""
    at = len(text)
    for i, letter in reversed([*enumerate(letters)]):
        at -= 1
        while at >= 0 and (text[at].lower() != letter or (i == 0 and not _opens_word(text, at))):
            at -= 1
        if at < 0:
            return None
    return at


def _opens_word(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum()
