"""What the letters of an acronym stand for, where the document says it.

`What does BMF stand for?` shares no word with `Business Master File (BMF)` but the letters
themselves, which stand everywhere. Which words before or behind an acronym are its long form is
told by their first letters; else letter by letter from the right, as in A. S. Schwartz and M. A.
Hearst, A simple algorithm for identifying abbreviation definitions in biomedical text, Pacific
Symposium on Biocomputing, 2003, if every word of them gives a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from docqa.engine.columns import cell_spans
from docqa.engine.types import Citation, Document, SentenceKind

_ACRONYM = r"[\"“”'‘’]?(?P<{}>[A-Z][A-Za-z\d&-]{{0,8}}[A-Z])[\"“”'‘’]?"
_ASKS = re.compile(
    r"^\W*what\s+(?:(?:do|does)\s+(?:the\s+)?(?:(?:acronym|abbreviation|letters|initials)\s+)?"
    rf"{_ACRONYM.format('said')}\s+(?:stand\s+for|mean)"
    rf"|(?:is|are)\s+(?:the\s+)?{_ACRONYM.format('short')}\s+short\s+for"
    rf"|is\s+the\s+(?:full|long)\s+(?:form|name)\s+of\s+(?:the\s+)?{_ACRONYM.format('named')})"
    r"(?:\s+here|\s+in\s+(?:the|this)\s+\w+)?\W*$",
    re.IGNORECASE,
)
_INITIAL = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SMALL_WORDS = frozenset(
    "a an and as at by for from in inc of on or other than the to with".split()
)
_ASIDE = re.compile(r"(?:\s*\([^()]*\)|,? as amended|, International|(?: of)? (?:19|20)\d\d)+$")
"""What a name has behind it: `(United States)`, `of 1995`."""
_INITIAL_WAYS = ((False, 0), (True, 0), (False, 1))
_SAID_AS = {"2": "t", "4": "f"}
"""B2B is business to business."""
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
    firsts = [first for one in documents if (first := _first_told(one, acronym))]
    told = {" ".join(one.quote.lower().split()) for one in firsts}
    return firsts[0] if len(told) == 1 else None


def _first_told(document: Document, acronym: str) -> Citation | None:
    """Where a document first says what an acronym stands for, by first letters if anywhere."""
    beside = [
        (sentence.id, text, is_all)
        for sentence in document.sentences
        for text, is_all in _beside(acronym, document, sentence.id)
    ]
    for by_letters in (False, True):
        for sentence_id, text, is_all in beside:
            words = long_form(acronym, text, is_all=is_all, by_letters=by_letters)
            if words:
                return Citation(document.id, sentence_id, words)
    return None


def _beside(acronym: str, document: Document, sentence_id: int) -> Iterator[tuple[str, bool]]:
    """What may end in a long form, and whether it must be one as a whole."""
    text = document.sentence_text(sentence_id)
    if acronym not in text:
        return
    name = rf"[\"“'‘]?{re.escape(acronym)}[\"”'’]?"
    for one in re.finditer(rf"\(\s*(?:the\s+)?{name},?(?:\s*\)|[;]|\s+or\s)", text):
        yield text[: one.start()], False
    for one in re.finditer(rf"(?<!\w){name}\s*\(([^()]{{3,{_REACH}}})\)", text):
        yield one[1], True
    opens = rf"^\W*(?:\(\w{{1,4}}\)\s*)?{name}(?:\s*[:=–—]|\s+(?:means|stands\s+for))\s+(?:the\s+)?"
    if item := re.match(opens, text):
        defined = text[item.end() : item.end() + _REACH]
        yield from ((defined[: word.end()], True) for word in _INITIAL.finditer(defined))
    if document.sentences[sentence_id].kind is SentenceKind.ROW:
        first, second, *_ = [text[slice(*span)] for span in cell_spans(text)] + ["", ""]
        if first.strip(" :") == acronym:
            yield second, True


def long_form(acronym: str, text: str, *, is_all: bool = False, by_letters: bool = False) -> str:
    """The words at the end of a text that an acronym is made of; empty if there are none.

    Args:
        acronym: In capitals.
        text: What stands before the acronym, or beside it.
        is_all: The whole text must be the long form.
        by_letters: Letters within the words count, not the first ones alone.
    """
    text = _ASIDE.sub("", text[-_REACH:].rstrip(" “”\"'‘,"))
    text = re.sub(r"['’]s?$", "", text)
    letters = [_SAID_AS.get(char, char) for char in acronym.lower() if char.isalnum()]
    if by_letters:
        at = _begin_by_letters(letters, text)
    else:
        begins = (_begin_by_initials(letters, text, *way) for way in _INITIAL_WAYS)
        at = next((one for one in begins if one is not None), None)
    if at is None:
        return ""
    words = _INITIAL.findall(text[at:])
    is_short = len(words) <= min(len(letters) + 5, 2 * len(letters))
    is_other = acronym not in text[at:] and len(words) > 1
    is_whole = text.count("(", at) == text.count(")", at) and not (is_all and text[:at].strip())
    return text[at:] if is_short and is_other and is_whole else ""


def _begin_by_initials(letters: list[str], text: str, of_small: bool, n_others: int) -> int | None:
    """Where the words begin whose first letters are those of an acronym.

    Small words may stand between them; first letters of theirs count only with `of_small`.

    Args:
        letters: In lower case.
        text: Ends in the long form.
        of_small: Whether small words may give a letter.
        n_others: Further words between that may give none: `earnings per common share`.
    """
    left = len(letters)
    for word in reversed([*_INITIAL.finditer(text)]):
        is_small = word[0].lower() in _SMALL_WORDS
        if word[0][0].lower() == letters[left - 1] and (of_small or not is_small):
            left -= 1
            if left == 0:
                return word.start()
        elif not is_small:
            n_others -= 1
            if n_others < 0 or left == len(letters):
                return None
    return None


def _begin_by_letters(letters: list[str], text: str) -> int | None:
    """Where the words begin that hold the letters of an acronym, the first at the begin of one.

    None where a word that is not small gives no letter.
    """
    at, used = len(text), set[int]()
    for i, letter in reversed([*enumerate(letters)]):
        at -= 1
        while at >= 0 and (text[at].lower() != letter or (i == 0 and not _opens_word(text, at))):
            at -= 1
        if at < 0:
            return None
        used.add(at)
    words = [word for word in _INITIAL.finditer(text, at) if word[0].lower() not in _SMALL_WORDS]
    gives = all(used.intersection(range(word.start(), word.end())) for word in words)
    return at if gives else None


def _opens_word(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum()
