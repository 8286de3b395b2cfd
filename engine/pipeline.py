"""The whole way from a question to its answer. Read this file first.

document  = open_file(store, path)           # PDF → pages → sentences, once
retriever = load_retriever("mamba")          # reads question + document in one pass
generator = load_generator("extractive")     # answers from the evidence and nothing else
answer    = ask(question, [document], retriever, generator)
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from docqa.engine.enumeration import with_enumeration
from docqa.engine.errors import ConfigError, IngestError
from docqa.engine.evidence import select_evidence, with_cited
from docqa.engine.generators.base import Generator, OnText
from docqa.engine.hops import AUTO_HOPS, Lead, find_lead, mark_hop
from docqa.engine.library.store import Store
from docqa.engine.question.defined_terms import with_definitions
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.confidence import calibration_of, confidence
from docqa.engine.retrievers.retriever import IsCancelled, OnProgress, Progress, Retriever, Scores
from docqa.engine.surrogates import without_surrogates
from docqa.engine.types import Answer, Document, Evidence, Page, Reading

OnEvidence = Callable[[tuple[Evidence, ...], float], None]
"""Called with the evidence, best first, and the probability that the documents answer."""

DEFAULT_WORDS = 500
"""Words of evidence a generator gets when no other budget is named."""


def ask(
    question: str,
    documents: Sequence[Document],
    retriever: Retriever,
    generator: Generator,
    *,
    n_words: int | None = None,
    top_k: int | None = None,
    hops: int | None = 1,
    on_progress: OnProgress | None = None,
    on_evidence: OnEvidence | None = None,
    on_text: OnText | None = None,
    is_cancelled: IsCancelled | None = None,
) -> Answer:
    """Answer a question from documents, and say which sentences the answer stands on.

    Args:
        question: As the user wrote it.
        documents: What to read; each in one pass, one after another.
        retriever: Scores every sentence.
        generator: Writes the answer from the best sentences.
        n_words: Most words of evidence; what completes it (`completed`) comes besides.
        top_k: Most sentences of evidence; without any limit `DEFAULT_WORDS` holds.
        hops: How often the documents are read at most; None = a second time only where the first
            finds a name that leads elsewhere. Each further reading follows such a name.
        on_progress: Called after each segment that was read.
        on_evidence: Called once with the evidence, before the answer is written.
        on_text: Called with each further piece of the answer.
        is_cancelled: Asked between segments, and while the answer is written.

    Raises:
        ConfigError: When the question is empty.
        Cancelled: When `is_cancelled` said so.
        GeneratorError: When the generator could not write an answer.
    """
    question = checked_question(question)
    if n_words is None and top_k is None:
        n_words = DEFAULT_WORDS

    found = find(
        question,
        documents,
        retriever,
        n_words=n_words,
        top_k=top_k,
        hops=hops,
        on_progress=on_progress,
        is_cancelled=is_cancelled,
    )
    answerable = confidence(question, found.first_scores, calibration_of(retriever), documents)
    evidence = completed(found.evidence, question, found.scored)
    if on_evidence is not None:
        on_evidence(evidence, answerable)

    started = time.perf_counter()
    by_id = {document.id: document for document in documents}
    draft = generator.generate(
        question,
        by_id,
        evidence,
        answerable,
        further=found.reading.further,
        on_text=on_text,
        is_cancelled=is_cancelled,
    )
    return Answer(
        question=question,
        text=draft.text,
        abstained=draft.abstained,
        confidence=answerable,
        evidence=with_cited(evidence, draft.citations, found.scored),
        citations=draft.citations,
        reading=found.reading,
        generator=generator.name,
        generator_seconds=time.perf_counter() - started,
        writing=draft.writing,
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a question, in all readings."""

    evidence: tuple[Evidence, ...]
    """Best first."""
    scored: Sequence[tuple[Document, Scores]]
    """Every document with the best score of each sentence."""
    first_scores: Sequence[Scores]
    """Of the first reading, which asks the question itself."""
    reading: Reading


def find(
    question: str,
    documents: Sequence[Document],
    retriever: Retriever,
    *,
    n_words: int | None = None,
    top_k: int | None = None,
    hops: int | None = 1,
    on_progress: OnProgress | None = None,
    is_cancelled: IsCancelled | None = None,
) -> Found:
    """Read documents for a question, and on where that leads to another place; see `ask`."""
    scored, reading = read(question, documents, retriever, on_progress, is_cancelled)
    first_scores = [scores for _, scores in scored]
    evidence = select_evidence(scored, n_words=n_words, top_k=top_k)
    while lead := next_lead(question, evidence, documents, reading, hops):
        scored, reading = read_on(lead, scored, reading, retriever, on_progress, is_cancelled)
        best = select_evidence(scored, n_words=n_words, top_k=top_k)
        evidence = mark_hop(best, evidence, reading.n_hops)
    return Found(evidence, scored, first_scores, reading)


def completed(
    evidence: tuple[Evidence, ...], question: str, scored: Sequence[tuple[Document, Scores]]
) -> tuple[Evidence, ...]:
    """Evidence with what is not understood, or not whole, without it.

    That are the definitions of its terms, and the rest of a list where several things are asked
    for. They stand behind the last rank and count against no limit.
    """
    evidence = with_definitions(evidence, question, scored)
    return with_enumeration(evidence, question, scored)


def read(
    question: str,
    documents: Sequence[Document],
    retriever: Retriever,
    on_progress: OnProgress | None = None,
    is_cancelled: IsCancelled | None = None,
) -> tuple[list[tuple[Document, Scores]], Reading]:
    """Score every sentence of every document for a question.

    Returns:
        The documents with their scores, and how they were read.
    """
    count = TokenCount(retriever, on_progress)
    started = time.perf_counter()
    scored = [
        (
            document,
            retriever.score(
                in_words_of(document, question),
                document,
                on_progress=count,
                is_cancelled=is_cancelled,
            ),
        )
        for document in documents
    ]
    seconds = time.perf_counter() - started
    n_tokens = sum(count.n_tokens.values())
    return scored, Reading(
        retriever.name, retriever.checkpoint, retriever.device, n_tokens, seconds
    )


def next_lead(
    question: str,
    evidence: tuple[Evidence, ...],
    documents: Sequence[Document],
    reading: Reading,
    hops: int | None,
) -> Lead | None:
    """What a further reading would ask; None where none is wanted, or nothing leads on.

    Args:
        question: As the user wrote it.
        evidence: Of all readings so far; what the last of them found is followed.
        documents: What is read.
        reading: How they were read so far.
        hops: See `ask`.
    """
    if reading.n_hops >= (AUTO_HOPS if hops is None else hops):
        return None
    found = [one for one in evidence if one.hop == reading.n_hops]
    asked = reading.further[-1] if reading.further else question
    return find_lead(asked, found, documents, is_asked_for=hops is not None)


def read_on(
    lead: Lead,
    scored: list[tuple[Document, Scores]],
    before: Reading,
    retriever: Retriever,
    on_progress: OnProgress | None = None,
    is_cancelled: IsCancelled | None = None,
) -> tuple[list[tuple[Document, Scores]], Reading]:
    """Read the documents again for what a lead asks.

    Returns:
        The documents with the scores of all readings, and how they were read.
    """
    hop = before.n_hops + 1

    def on_further(progress: Progress) -> None:
        if on_progress is not None:
            on_progress(replace(progress, hop=hop))

    documents = [document for document, _ in scored]
    again, reading = read(lead.question, documents, retriever, on_further, is_cancelled)
    # What the first reading found stays found: a sentence keeps its better score.
    best = [
        (document, np.maximum(first, second))
        for (document, first), (_, second) in zip(scored, again, strict=True)
    ]
    return best, replace(
        reading,
        n_tokens=before.n_tokens + reading.n_tokens,
        seconds=before.seconds + reading.seconds,
        further=(*before.further, lead.question),
    )


def open_file(
    store: Store,
    path: Path,
    *,
    password: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    is_cancelled: IsCancelled | None = None,
    on_page: Callable[[Page], None] | None = None,
) -> tuple[Document, bool]:
    """The document of a file: from the library when its content is there, else read and kept.

    Args:
        store: The library.
        path: A PDF, plain text or Markdown file.
        password: Opens an encrypted PDF.
        on_progress: Called with pages done and pages in all.
        is_cancelled: Asked between pages.
        on_page: Called with each page that was read, before the whole is known.

    Returns:
        The document, and whether it had to be read.

    Raises:
        IngestError: When the file cannot become a document; nothing is kept then.
        Cancelled: When `is_cancelled` said so; nothing is kept then.
    """
    from docqa.engine.ingest.documents import ingest
    from docqa.engine.ingest.sentences import SEGMENTER

    check_name(path)
    kept = store.get(file_id(path))
    if kept is not None and kept.segmenter == SEGMENTER:
        store.touch(kept.id, path=str(path.absolute()))
        return store.load(kept.id), False
    document = ingest(
        path,
        password=password,
        on_progress=on_progress,
        is_cancelled=is_cancelled,
        on_page=on_page,
    )
    store.add(document)
    return document, True


def check_name(path: Path) -> None:
    """Refuse a file whose name the library cannot keep.

    Raises:
        IngestError: When the name, or that of a folder above it, is no Unicode.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise IngestError(
            f"Cannot ingest {without_surrogates(str(path))}: its path is not UTF-8.",
            "Rename the file or its folder.",
        ) from None


def file_id(path: Path) -> str:
    """The id a file's document has: the sha256 of its bytes.

    Raises:
        IngestError: When the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise IngestError(f"Cannot read {path}: {error.strerror}.") from error


def checked_question(question: str) -> str:
    """The question without the space around it and without what is no text.

    Raises:
        ConfigError: When nothing is left.
    """
    if not question.strip():
        raise ConfigError("The question is empty.", 'Ask one: docqa ask "What …?" report.pdf')
    return without_surrogates(question.strip())


class TokenCount:
    """Counts the tokens read of each document on their way to whoever shows progress.

    A retriever without a checkpoint counts words to show progress; those are no tokens.
    """

    def __init__(self, retriever: Retriever, on_progress: OnProgress | None = None) -> None:
        self.n_tokens: dict[str, int] = {}
        """Tokens read, by document id."""
        self._counts = retriever.checkpoint is not None
        self._on_progress = on_progress

    def __call__(self, progress: Progress) -> None:
        if self._counts:
            self.n_tokens[progress.document_id] = progress.n_tokens_read
        if self._on_progress is not None:
            self._on_progress(progress)
