"""A question with its answer as it is shown, kept in the history and exported.

A record carries its texts, so it stays readable when the document has left the library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docqa.engine.ingest.sentences import CELL_SEPARATOR
from docqa.engine.question.defined_terms import FRONT_SENTENCES, DefinedTerm, terms_in
from docqa.engine.question.rewording import Reworded, reworded
from docqa.engine.question.trade_terms import TradeTerm, trade_terms
from docqa.engine.quote import pages_named
from docqa.engine.types import Answer, Document, Evidence, Reading, Writing


@dataclass(frozen=True, slots=True)
class RecordedDocument:
    """A document that was read for the question."""

    id: str
    title: str
    path: str | None
    n_pages: int
    n_words: int
    n_tokens: int
    """Its tokens, however often they were read for this question; 0 where the retriever reads
    none."""
    unread_pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RecordedEvidence:
    """An evidence sentence with its text and surroundings."""

    rank: int
    document_id: str
    sentence_id: int
    page: int
    start: int
    """First character, counted in the text of its page."""
    end: int
    """One past the last on that page; what else `text` has stands on the next."""
    text: str
    score: float
    heading: str | None
    """The section heading above it."""
    header: str | None
    """For a table row: the row that names the columns."""
    quotes: tuple[str, ...]
    """The words the answer takes from it."""
    hop: int = 1
    """The reading that found it, from 1."""
    last_page: int | None = None
    """The page it ends on, where that is another."""

    @property
    def place(self) -> str:
        """`p. 12`, or `pp. 12–13`."""
        return pages_named(self.page, self.last_page or self.page)

    @property
    def parts(self) -> tuple[tuple[int, str], ...]:
        """Its words by page."""
        if self.last_page is None:
            return ((self.page, self.text),)
        n_first = self.end - self.start
        return (self.page, self.text[:n_first]), (self.last_page, self.text[n_first:].lstrip())

    @property
    def is_row(self) -> bool:
        """Whether it is a row of a table."""
        return CELL_SEPARATOR in self.text

    @property
    def cited(self) -> bool:
        return bool(self.quotes)


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the time went."""

    ingest: float
    retrieve: float
    generate: float
    total: float


@dataclass(frozen=True, slots=True)
class Record:
    """One question, its answer and everything the answer stands on."""

    question: str
    answer: str
    abstained: bool
    confidence: float
    documents: tuple[RecordedDocument, ...]
    evidence: tuple[RecordedEvidence, ...]
    """Best first."""
    reading: Reading
    generator: str
    model: str | None
    strategy: str
    seconds: Seconds
    writing: Writing | None = None
    """How a language model wrote the answer; None where none did."""

    @property
    def unsupported(self) -> bool:
        """True when the answer claims something and cites nothing."""
        return not self.abstained and not any(evidence.cited for evidence in self.evidence)

    @property
    def terms(self) -> tuple[DefinedTerm, ...]:
        """Names in the question, with the words that the documents were read for instead."""
        front = (one for one in self.evidence if one.sentence_id < FRONT_SENTENCES)
        defined = (term for one in front for term in terms_in(one.text))
        return tuple(dict.fromkeys(term for term in defined if term.is_named_in(self.question)))

    @property
    def reworded(self) -> tuple[Reworded, ...]:
        """Names in the question, with what the rows that were found by them are called."""
        rows = ((one.page, one.text) for one in self.evidence if one.is_row)
        return tuple(reworded(self.question, rows))

    @property
    def trade_terms(self) -> tuple[TradeTerm, ...]:
        """Words of the question that nothing found has, with what is said there instead."""
        found = "\n".join(one.text for one in self.evidence)
        return tuple(trade_terms(self.question, found, most_said=0))

    def title_of(self, document_id: str) -> str:
        """The title of one of the record's documents."""
        return next(d.title for d in self.documents if d.id == document_id)


def make_record(
    answer: Answer,
    documents: Sequence[Document],
    *,
    n_tokens: Mapping[str, int],
    model: str | None,
    strategy: str,
    ingest_seconds: float,
    total_seconds: float,
) -> Record:
    """Write down an answer with the texts it stands on.

    Args:
        answer: What was answered.
        documents: What was read, in the order the user named it.
        n_tokens: Tokens read, by document id.
        model: The generator's model, if it runs one.
        strategy: How the generator was asked.
        ingest_seconds: Time spent opening the documents.
        total_seconds: Time from the question to the answer.
    """
    by_id = {document.id: document for document in documents}
    return Record(
        question=answer.question,
        answer=answer.text,
        abstained=answer.abstained,
        confidence=answer.confidence,
        documents=tuple(
            _recorded(document, n_tokens.get(document.id, 0)) for document in documents
        ),
        evidence=tuple(
            _recorded_evidence(evidence, by_id[evidence.document_id], answer)
            for evidence in answer.evidence
        ),
        reading=answer.reading,
        generator=answer.generator,
        model=model,
        strategy=strategy,
        seconds=Seconds(
            ingest_seconds, answer.reading.seconds, answer.generator_seconds, total_seconds
        ),
        writing=answer.writing,
    )


def _recorded(document: Document, n_tokens: int) -> RecordedDocument:
    return RecordedDocument(
        id=document.id,
        title=document.title,
        path=document.path,
        n_pages=len(document.pages),
        n_words=document.n_words,
        n_tokens=n_tokens,
        unread_pages=document.unread_pages,
    )


def _recorded_evidence(evidence: Evidence, document: Document, answer: Answer) -> RecordedEvidence:
    sentence = document.sentences[evidence.sentence_id]
    place = (evidence.document_id, evidence.sentence_id)
    return RecordedEvidence(
        rank=evidence.rank,
        document_id=document.id,
        sentence_id=sentence.id,
        page=sentence.page,
        start=sentence.start,
        end=sentence.end,
        text=document.sentence_text(sentence.id),
        score=evidence.score,
        heading=_text(document, sentence.heading),
        header=_text(document, sentence.header),
        quotes=tuple(c.quote for c in answer.citations if (c.document_id, c.sentence_id) == place),
        hop=evidence.hop,
        last_page=None if sentence.rest is None else sentence.last_page,
    )


def _text(document: Document, sentence_id: int | None) -> str | None:
    return None if sentence_id is None else document.sentence_text(sentence_id)
