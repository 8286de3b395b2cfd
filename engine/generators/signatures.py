"""Who signed a document, and who holds an office: by signatures and the lines around them.

A retriever finds the sentence that says that somebody signed; the name stands below it, behind an
`/s/`, as reports to the SEC and the contracts filed with them give signatures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from docqa.engine.generators.asked_kind import asks_who
from docqa.engine.sentences import TERMINAL
from docqa.engine.types import Document, Evidence, Sentence
from docqa.engine.wording import in_words_of
from docqa.engine.words import is_stop_word, stems

MOST_SIGNATURES = 3
"""More than these are quoted no further."""
LINES_AROUND = 2
"""Lines before and behind a signature that tell for whom, and in which office."""
LINE_WORDS = 14
"""A longer sentence is none of them."""
STOPPED_WORDS = 5
"""Nor is a longer one that ends with a full stop; `NORTH STAR INC.` may be."""

_WORD = re.compile(r"\w+")
_SIGNED = re.compile(r"\bsign(?:s|ed|ing|ator(?:y|ies))?\b", re.IGNORECASE)
_WHO_IS = re.compile(r"\bwho(?:\s+is|['’]s)\b", re.IGNORECASE)
_OFFICE = re.compile(
    r"\bchief (?:[a-z]+ ){1,2}officer\b|\bgeneral counsel\b|\bcontroller\b|\btreasurer\b"
    r"|\bchair(?:man|woman|person)? of the board\b",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"/[sS]/\s*(?P<name>[^|/]*)")


def signatures(
    question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> tuple[Evidence, ...]:
    """The signatures that have most of the question's words, with the lines around them.

    Nothing where the question does not ask who signed, or where many signed and it tells no
    further.

    Args:
        question: As the user wrote it.
        documents: By id.
        evidence: Best first; the signatures of the first one's document are looked through.
    """
    if not (evidence and asks_who(question) and _SIGNED.search(question)):
        return ()
    document = documents[evidence[0].document_id]
    signed = _signed(document)
    asked = _SIGNED.sub("", question)
    shares = {one: _said_of(asked, document, lines) for one, lines in signed.items()}
    best = {one: signed[one] for one, share in shares.items() if share == max(shares.values())}
    return _few(document, best, evidence)


def holders(
    question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> tuple[Evidence, ...]:
    """The signatures of who holds the office that a question asks the holder of.

    A report speaks of its chief financial officer on many pages, and names them where they sign.

    Args:
        question: As the user wrote it.
        documents: By id.
        evidence: Best first; the signatures of the first one's document are looked through.
    """
    document = documents[evidence[0].document_id]
    office = _OFFICE.search(in_words_of(document, question))
    if office is None or not _WHO_IS.search(question):
        return ()
    told = " ".join(stems(office[0]))
    holding = {
        one: lines
        for one, lines in _signed(document).items()
        if any(told in " ".join(stems(document.sentence_text(line.id))) for line in lines)
    }
    return _few(document, holding, evidence)


def _signed(document: Document) -> dict[Sentence, list[Sentence]]:
    """The signatures of a document, with the lines around each."""
    return {
        sentence: _with_lines_around(document, sentence)
        for sentence in document.sentences
        if _SIGNATURE.search(document.sentence_text(sentence.id))
    }


def _few(
    document: Document, signed: Mapping[Sentence, list[Sentence]], evidence: Sequence[Evidence]
) -> tuple[Evidence, ...]:
    """The lines of a few signatures as evidence, of who signs twice the first; else nothing."""
    by_name: dict[str, list[Sentence]] = {}
    for one, lines in signed.items():
        by_name.setdefault(_name(document, one), lines)
    if not 0 < len(by_name) <= MOST_SIGNATURES:
        return ()
    places = dict.fromkeys(line.id for lines in by_name.values() for line in lines)
    scores = {one.sentence_id: one.score for one in evidence if one.document_id == document.id}
    return tuple(Evidence(document.id, i, scores.get(i, 0.0), 0) for i in places)


def _with_lines_around(document: Document, signature: Sentence) -> list[Sentence]:
    """A signature with the short lines next to it, as far as they hold no other."""

    def lines(way: int) -> list[Sentence]:
        found = []
        for distance in range(1, LINES_AROUND + 1):
            i = signature.id + way * distance
            text = document.sentence_text(i) if 0 <= i < len(document.sentences) else ""
            if not text or _SIGNATURE.search(text) or _is_sentence(text):
                break
            if way < 0 and _is_behind_signature(document, i):
                break
            found.append(document.sentences[i])
        return found

    return [*reversed(lines(-1)), signature, *lines(1)]


def _is_sentence(text: str) -> bool:
    """Whether a text is more than a name, an office or a date."""
    n_words = len(text.split())
    return n_words > LINE_WORDS or (n_words > STOPPED_WORDS and TERMINAL.search(text) is not None)


def _is_behind_signature(document: Document, i: int) -> bool:
    """Whether a line may belong to the signature above it."""
    above = document.sentences[max(i - LINES_AROUND, 0) : i]
    return any(_SIGNATURE.search(document.sentence_text(one.id)) for one in above)


def _name(document: Document, signature: Sentence) -> str:
    """The beginning of a signed name: who signs twice signs as the same."""
    name = _SIGNATURE.search(document.sentence_text(signature.id))
    return " ".join(name["name"].lower().split()[:2]) if name else ""


def _said_of(asked: str, document: Document, lines: Sequence[Sentence]) -> int:
    """How many words of a question lines have, and how many of them side by side."""
    said = stems(" ".join(document.sentence_text(one.id) for one in lines))
    words = stems(" ".join(word for word in _WORD.findall(asked) if not is_stop_word(word)))
    return len({*words} & {*said}) + len({*pairwise(words)} & {*pairwise(said)})
