"""Words that a document defines for the names of its parties.

After `Stamps.com Inc., a Delaware corporation ("Client")` a contract says Client and no other name.
Who asks what Stamps.com pays finds it when the contract is read for what the Client pays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docqa.engine.retrievers.retriever import Scores
from docqa.engine.types import Citation, Document, Evidence

FRONT_SENTENCES = 80
"""The parties are named at a document's beginning; what an exhibit defines holds there only."""
_REACH = 300
"""Most characters from a name to its term: a state and an address stand between."""

FORM = (
    r"(?:Incorporated|Inc|INC|Corporation|CORPORATION|Corp|CORP|Company|COMPANY|Co|CO|LLC|L\.L\.C"
    r"|LLP|L\.P|LP|Limited|LIMITED|Ltd|LTD|plc|PLC|GmbH|AG|N\.V|B\.V|S\.A|S\.p\.A|Bank|University"
    r"|Association)"
)
"""What stands behind the name of a company: `Inc`, `Ltd`."""
_WORD = r"[A-Z][\w.&'’-]*\w"
_COMPANY = re.compile(
    rf"(?:The )?(?P<name>{_WORD}(?: (?:{_WORD}|[A-Z]|\d[A-Z]?|&|of|and))*?)(?:,? {FORM}\b\.?)+"
)
_PERSON = re.compile(
    r"(?P<name>(?!(?:Between|And|By|With|To|From)\b)[A-Z][a-z’'-]+(?: [A-Z]\.)?"
    r"(?: [A-Z][a-z’'-]+){1,2}),?(?: an individual\b[^()]*)? $"
)
_TERM = re.compile(
    r"\((?:[\w, ]{0,40}?\b(?:the|as|each|an?|called|hereinafter|hereafter)[, ]+)?"
    r"[\"“](?P<term>[A-Z][\w’' -]{1,30}?),?[\"”]"
)
_PARTY = re.compile(
    r"(?:\w+(?:er|or|ee|ant)|client|company|corporation|agent|bank|fund|trust|partnership|executive"
    r"|university|firm|affiliate)",
    re.IGNORECASE,
)
"""What parties are called by their part: Buyer, Licensor, Employee, Consultant, Company."""
_NO_PARTY = frozenset(
    "number order letter paper matter offer color transfer server user fee committee".split()
)
_PERSONS = frozenset("executive employee consultant contractor advisor director artist".split())
"""What people are called in contracts."""


_OF_OTHERS = re.compile(
    r"\b(?:affiliate|founder|subsidiary|division|member|director|officer|shareholder|stockholder|owner"
    r"|employee|parent|successor)s?\s+(?:of|to)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
"""Before a name that tells who somebody else is."""
_BY = re.compile(r"\bby\s+[A-Z]")
_ASKS_WHO = re.compile(
    r"^\W*(?:who|which (?:company|party|person))(?:\s+(?:is|was)|['’]s)\s+"
    r"(?:(?:called|known as|meant by|referred to as)\s+)?(?:the\s+)?"
    r"[\"“”'‘’]?(?P<term>[\w’' -]+?)[\"“”'‘’]?"
    r"(?:\s+(?:in|of|under|to)\s+(?:this|the)\s+(?:agreement|contract|document|lease))?\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DefinedTerm:
    """A party's name and the word that stands for it."""

    name: str
    """As far as readers say it: without `Inc.`"""
    term: str
    is_plain: bool = True
    """Whether nobody else is named beside it whom the term may stand for."""

    def is_named_in(self, question: str) -> bool:
        """Whether a question says the name and not the term."""
        return bool(_whole(self.name).search(question) and not _whole(self.term).search(question))


def with_terms(document: Document, question: str) -> str:
    """The question with the document's terms instead of the names of its parties.

    Args:
        document: What is asked.
        question: As the user wrote it.
    """
    for term, _ in _terms_for(question, document):
        question = _whole(term.name).sub(f"the {term.term}", question)
    return question


def with_definitions(
    evidence: tuple[Evidence, ...],
    question: str,
    scored: Sequence[tuple[Document, Scores]],
) -> tuple[Evidence, ...]:
    """Evidence with the sentences that define the terms it was looked for by, behind the last rank.

    What says that the Client pays is not understood without them.

    Args:
        evidence: Best first.
        question: As the user wrote it.
        scored: Every document with the scores of its sentences.
    """
    found = {(one.document_id, one.sentence_id) for one in evidence}
    added = list(evidence)
    for document, scores in scored:
        for _, sentence_id in _terms_for(question, document):
            if (document.id, sentence_id) not in found:
                found.add((document.id, sentence_id))
                score = float(scores[sentence_id])
                added.append(Evidence(document.id, sentence_id, score, len(added) + 1))
    return tuple(added)


def defined_party(question: str, documents: Sequence[Document]) -> Citation | None:
    """The name of the party that a question asks for by its term, where its definition has it.

    `Who is the Client?` has no word of the name; None where no document or several tell.
    """
    asked = _ASKS_WHO.search(question)
    if asked is None:
        return None
    found = [
        (document, at, term.name)
        for document in documents
        for term, at in _terms_of(document)
        if term.term.lower() == asked["term"].lower() and term.is_plain
    ]
    if len(found) != 1:
        return None
    document, at, name = found[0]
    whole = re.compile(rf"{re.escape(name)}(?:,? {FORM}\b\.?)*").search(document.sentence_text(at))
    return Citation(document.id, at, whole[0] if whole else name)


def terms_in(text: str) -> Iterator[DefinedTerm]:
    """What a text defines."""
    for match in _TERM.finditer(text):
        last_word = match["term"].split()[-1].lower()
        if not _PARTY.fullmatch(last_word) or last_word in _NO_PARTY:
            continue
        before = text[max(match.start() - _REACH, 0) : match.start()]
        # what stands before an earlier definition has that one
        before = before[max((one.end() for one in _TERM.finditer(before)), default=0) :]
        named = [*_COMPANY.finditer(before)]
        if not named and last_word in _PERSONS:
            named = [*_PERSON.finditer(before)]
        if named and not _words(match["term"]) <= _words(named[-1][0]):
            name = named[-1]
            is_plain = not (
                _OF_OTHERS.search(before[: name.start()]) or _BY.search(before, name.end())
            )
            yield DefinedTerm(name["name"], match["term"], is_plain)


def _terms_for(question: str, document: Document) -> list[tuple[DefinedTerm, int]]:
    """The terms of the names in a question, longest names first."""
    return [(term, at) for term, at in _terms_of(document) if term.is_named_in(question)]


def _terms_of(document: Document) -> tuple[tuple[DefinedTerm, int], ...]:
    """The terms of a document, each with the sentence that defines it."""
    found: dict[str, tuple[DefinedTerm, int]] = {}
    for sentence in document.sentences[:FRONT_SENTENCES]:
        for term in terms_in(document.sentence_text(sentence.id)):
            found.setdefault(term.name, (term, sentence.id))
    return tuple(sorted(found.values(), key=lambda pair: -len(pair[0].name)))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _whole(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)
