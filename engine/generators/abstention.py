"""What docqa says where the documents do not answer."""

from __future__ import annotations

from collections.abc import Mapping

from docqa.engine.generators.base import Draft
from docqa.engine.question.unknown_names import unknown_names
from docqa.engine.quote import pages_named
from docqa.engine.types import Document, Evidence

N_PLACES = 3
"""Most places that are named as the closest."""


def unlikely(
    question: str,
    documents: Mapping[str, Document],
    evidence: tuple[Evidence, ...],
    confidence: float,
) -> Draft:
    """Nothing in the scores speaks for an answer; no model is asked then."""
    if not evidence:
        return Draft("There is no readable text to answer from.", True, ())
    text = _text(documents, evidence, f" (confidence {confidence:.0%})")
    return Draft(" ".join(filter(None, [text, not_named(question, documents)])), True, ())


def not_found(
    documents: Mapping[str, Document], evidence: tuple[Evidence, ...], model: str | None
) -> Draft:
    """A language model read the evidence and found no answer in it."""
    who = model or "the language model"
    return Draft(_text(documents, evidence, f": {who} found no answer in the evidence"), True, ())


def not_named(question: str, documents: Mapping[str, Document]) -> str:
    """A sentence on the names in a question that stand nowhere; empty where all of them do."""
    names = unknown_names(question, [*documents.values()])
    if not names:
        return ""
    last = names[-1]
    listed = f"{', '.join(names[:-1])} or {last}" if len(names) > 1 else last
    return f"{_subject(documents)} not name {listed}."


def place(documents: Mapping[str, Document], evidence: Evidence) -> str:
    """`p. 12` or `pp. 12–13`, with the document's title where there are several."""
    document = documents[evidence.document_id]
    sentence = document.sentences[evidence.sentence_id]
    pages = pages_named(sentence.page, sentence.last_page)
    return pages if len(documents) == 1 else f"{document.title}, {pages}"


def _text(documents: Mapping[str, Document], evidence: tuple[Evidence, ...], why: str) -> str:
    places = list(dict.fromkeys(place(documents, one) for one in evidence))[:N_PLACES]
    where = places[0] if len(places) == 1 else f"{', '.join(places[:-1])} and {places[-1]}"
    closest = "passage is" if len(places) == 1 else "passages are"
    return (
        f"{_subject(documents)} not seem to answer this question{why}. "
        f"The closest {closest} on {where}."
    )


def _subject(documents: Mapping[str, Document]) -> str:
    return "The document does" if len(documents) == 1 else "The documents do"
