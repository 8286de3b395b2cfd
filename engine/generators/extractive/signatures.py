"""Who signed a document, and who holds an office: by signatures and the lines around them.

A retriever finds the sentence that says that somebody signed; the name stands below it, behind an
`/s/`, as reports to the SEC and the contracts filed with them give signatures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from docqa.engine.ingest.sentences import is_stopped
from docqa.engine.question.asked_kind import asks_who
from docqa.engine.question.defined_terms import FORM
from docqa.engine.question.own_name import about_the_company
from docqa.engine.question.wording import in_words_of
from docqa.engine.types import Document, Evidence, Sentence
from docqa.engine.words import is_stop_word, stems

MOST_SIGNATURES = 3
"""Where more sign, the question has to tell which."""
LINES_AROUND = 2
"""Lines before and behind a signature that tell for whom, and in which office."""
LINE_WORDS = 14
"""A longer sentence is none of them."""

_WORD = re.compile(r"\w+")
_SIGNED = re.compile(
    r"\bsigned\b|\bsignator(?:y|ies)\b|\bwho\s+signs\b"
    r"|\bwho\s+(?:did|does|shall|will|must|may|can|has\s+to)\s+(?:\w+\s+)?sign\b",
    re.IGNORECASE,
)
_WHO_IS = re.compile(r"\bwho(?:\s+is|['’]s)\b", re.IGNORECASE)
_OFFICE = re.compile(
    r"\bchief (?:[a-z]+ ){1,2}officer\b|\bgeneral counsel\b|\bcontroller\b|\btreasurer\b"
    r"|\bchair(?:man|woman|person)? of the board\b",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"(?<![\w/.])/[sS]/(?=\s|$|[A-Z])\s*(?P<name>[^|/]*)")
_PARTY = re.compile(
    rf"^[^a-z]*[A-Z]{{2}}[^a-z]*$|:$|\b{FORM}\b",
)
"""A line that says for whom the next one signs, and none behind a signature."""
_LABELLED = re.compile(r"(?:Name|Title|Its|Date|Dated|By)\b", re.IGNORECASE)
_ANY_DOCUMENT = frozenset(
    stems(
        "agreement contract document report annual quarterly filing form letter lease it this the"
        " amendment certificate company behalf of for on by name"
    )
)
"""Words of a question that tell no signature from another."""


def signatures(
    question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> tuple[Evidence, ...]:
    """The signatures that have most of the question's words, with the lines around them.

    Nothing where the question does not ask who signed, where no signature has any of its words, or
    where many have as many.

    Args:
        question: As the user wrote it.
        documents: By id.
        evidence: Best first; the signatures of the first one's document are looked through.
    """
    if not (evidence and asks_who(question) and _SIGNED.search(question)):
        return ()
    document = documents[evidence[0].document_id]
    asked = [
        one
        for one in stems(" ".join(_telling(_SIGNED.sub("", question))))
        if one not in _ANY_DOCUMENT
    ]
    signed = _signed(document)
    shares = {one: _said_of(asked, document, lines) for one, lines in signed.items()}
    most = max(shares.values(), default=0)
    if asked and not most:
        return ()
    best = {one: signed[one] for one, share in shares.items() if share == most}
    return _few(document, best, evidence)


def holders(
    question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> tuple[Evidence, ...]:
    """The signatures of who holds an office of the company, where a question asks for that alone.

    A report speaks of its chief financial officer on many pages, and names them where they sign.

    Args:
        question: As the user wrote it.
        documents: By id.
        evidence: Best first; the signatures of the first one's document are looked through.
    """
    if not _WHO_IS.search(question):
        return ()
    document = documents[evidence[0].document_id]
    read = about_the_company(document, in_words_of(document, question))
    office = _OFFICE.search(read)
    if office is None:
        return ()
    # `Who is the CFO (chief financial officer)?` says no more than its brackets
    opens = "" if read[: office.start()].endswith("(") else read[: office.start()]
    besides = {*stems(" ".join(_telling(f"{opens} {read[office.end() :]}")))}
    if besides - _ANY_DOCUMENT:
        return ()
    told = " ".join(stems(office[0]))
    holding = {
        one: lines
        for one, lines in _signed(document).items()
        if any(told in " ".join(stems(document.sentence_text(line.id))) for line in lines)
    }
    return _few(document, holding, evidence)


def _telling(question: str) -> list[str]:
    return [word for word in _WORD.findall(question) if not is_stop_word(word)]


def _signed(document: Document) -> dict[Sentence, list[Sentence]]:
    """The signatures of a document, with the lines around each."""
    return {
        sentence: _with_lines_around(document, sentence)
        for sentence in document.sentences
        if _SIGNATURE.search(document.sentence_text(sentence.id))
    }


def _with_lines_around(document: Document, signature: Sentence) -> list[Sentence]:
    """A signature, the names of parties above it, and what tells its office below it."""
    above: list[Sentence] = []
    for one in reversed(document.sentences[max(signature.id - LINES_AROUND, 0) : signature.id]):
        text = document.sentence_text(one.id)
        belongs = _is_party(text) or not _is_behind_signature(document, one)
        if not _is_line(text) or not belongs:
            break
        above.insert(0, one)
    below: list[Sentence] = []
    for one in document.sentences[signature.id + 1 : signature.id + 1 + LINES_AROUND]:
        text = document.sentence_text(one.id)
        if not _is_line(text) or _is_party(text):
            break
        below.append(one)
    return [*above, signature, *below]


def _is_line(text: str) -> bool:
    """Whether a text is a name, an office or a date, and no signature."""
    if not text or _SIGNATURE.search(text) or len(text.split()) > LINE_WORDS:
        return False
    # `Name:` is left open for a pen
    return not is_stopped(text.rstrip(": ") or text)


def _is_party(text: str) -> bool:
    return _PARTY.search(text) is not None and not _LABELLED.match(text)


def _is_behind_signature(document: Document, line: Sentence) -> bool:
    """Whether a line may belong to the signature above it."""
    above = document.sentences[max(line.id - LINES_AROUND, 0) : line.id]
    return any(_SIGNATURE.search(document.sentence_text(one.id)) for one in above)


def _few(
    document: Document, signed: Mapping[Sentence, list[Sentence]], evidence: Sequence[Evidence]
) -> tuple[Evidence, ...]:
    """The lines of a few signatures as evidence, of who signs twice the first; else nothing."""
    by_name: dict[str, list[Sentence]] = {}
    for one, lines in signed.items():
        by_name.setdefault(_names(document, one), lines)
    if not 0 < len(by_name) <= MOST_SIGNATURES:
        return ()
    places = dict.fromkeys(line.id for lines in by_name.values() for line in lines)
    scores = {one.sentence_id: one.score for one in evidence if one.document_id == document.id}
    return tuple(Evidence(document.id, i, scores.get(i, 0.0), 0) for i in places)


def _names(document: Document, signature: Sentence) -> str:
    """The names that a line signs with; those of the next one where it has none itself.

    `/s/ Ada Lund Ada Lund`, signed and printed, is one name.
    """
    found = [
        " ".join(_WORD.findall(name["name"].lower()))
        for name in _SIGNATURE.finditer(document.sentence_text(signature.id))
    ]
    names = [_halved(name) for name in found]
    if any(names):
        return " | ".join(names)
    following = document.sentences[signature.id + 1 : signature.id + 2]
    return " ".join(f"{one.id} {document.sentence_text(one.id)}" for one in following)


def _halved(name: str) -> str:
    words = name.split()
    half = len(words) // 2
    return " ".join(words[:half] if words[:half] == words[half:] else words)


def _said_of(asked: Sequence[str], document: Document, lines: Sequence[Sentence]) -> int:
    """How many words of a question lines have, and how many of them side by side."""
    said = stems(" ".join(document.sentence_text(one.id) for one in lines))
    return len({*asked} & {*said}) + len({*pairwise(asked)} & {*pairwise(said)})
