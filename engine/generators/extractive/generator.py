"""Answers without a language model: the best evidence in the document's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from docqa.engine.columns import cell_spans, row_names
from docqa.engine.enumeration import enumeration
from docqa.engine.generators.abstention import not_named, place, unlikely
from docqa.engine.generators.base import BRACKETED_NUMBER, Draft, OnText
from docqa.engine.generators.extractive.answer_kind import is_of_the_kind
from docqa.engine.generators.extractive.asked_year import of_asked_year
from docqa.engine.generators.extractive.growth import Growth, growth_asked_for, work_out_growth
from docqa.engine.generators.extractive.ratio import (
    asked_part,
    ratio_asked_for,
    that_state,
    work_out,
)
from docqa.engine.generators.extractive.signatures import holders, signatures
from docqa.engine.generators.extractive.whole_name import with_whole_name
from docqa.engine.question.acronyms import stands_for
from docqa.engine.question.asked_kind import asks_who, asks_why
from docqa.engine.question.defined_terms import defined_party
from docqa.engine.question.rewording import named_ratios
from docqa.engine.question.unknown_names import unknown_names
from docqa.engine.retrievers.retriever import IsCancelled
from docqa.engine.statements.scale import scale_of
from docqa.engine.types import Citation, Document, Evidence, SentenceKind

if TYPE_CHECKING:
    from docqa.engine.reader import AnswerSpan, SpanReader

MAX_QUOTES = 3
"""Most sentences an answer quotes."""
CLEAR_LEAD = 0.5
"""One sentence answers alone when its lead over the second is this share of the lead over the
tenth: scores of different retrievers have different scales, leads have none."""
NEAR_LEAD = 0.5
"""Further sentences are quoted down to this share of the lead over the tenth."""
N_COMPARED = 10
MIN_WORDS = 4
"""Shorter prose (`12.1 Term.`) names a place, as a heading does."""


class ExtractiveGenerator:
    """Quotes the best evidence with its pages, or says that there is none.

    With a reader, the answer opens with the few words that answer, where there are such words.
    """

    name = "extractive"
    model: str | None = None

    def __init__(self, threshold: float = 0.0, reader: SpanReader | None = None) -> None:
        """
        Args:
            threshold: Confidence below which it abstains.
            reader: Finds those words; that of the retriever's checkpoint, if it has one.
        """
        self.threshold = threshold
        self.reader = reader

    def check(self, is_cancelled: IsCancelled | None = None) -> None:
        """See `LoadedGenerator.check`: nothing can fail."""

    def generate(
        self,
        question: str,
        documents: Mapping[str, Document],
        evidence: tuple[Evidence, ...],
        confidence: float,
        *,
        further: Sequence[str] = (),
        on_text: OnText | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Draft:
        """See `Generator.generate`; the whole text comes at once."""
        draft = self._draft(question, documents, evidence, confidence, further)
        if not draft.abstained and (unnamed := not_named(question, documents)):
            draft = replace(draft, text=f"{unnamed}\n{draft.text}")
        if on_text is not None:
            on_text(draft.text)
        return draft

    def _draft(
        self,
        question: str,
        documents: Mapping[str, Document],
        evidence: tuple[Evidence, ...],
        confidence: float,
        further: Sequence[str],
    ) -> Draft:
        # What is defined is answered, whatever the scores say.
        asked = [*documents.values()]
        if told := defined_party(question, asked) or stands_for(question, asked):
            return definition(documents, told)
        growth = growth_asked_for(question, asked)
        opening, rows = answer_sum(question, growth, documents, evidence)
        # What can be worked out is answered, whatever the scores say, but not of somebody else.
        is_answer = bool(opening) and not unknown_names(question, asked)
        if not evidence or (confidence < self.threshold and not is_answer):
            return unlikely(question, documents, evidence, confidence)
        together = (
            rows
            or signatures(question, documents, evidence)
            or enumeration(question, documents, evidence)
        )
        if together:
            return quotation(documents, together, opening)
        # Another figure would pass for the ratio, and the company's for that of a part.
        ratios = named_ratios(question)
        part = asked_part(question, asked) if ratios else ()
        stating = that_state(ratios, part, documents, evidence)
        candidates = quotable(documents, stating or evidence, of_reason=asks_why(question))
        # One figure would pass for a growth.
        may_be_short = growth is None and (bool(stating) or not ratios)
        if self.reader is not None and may_be_short:
            read = candidates if ratios else readable(question, documents, evidence)
            span = find_words(self.reader, question, documents, read, further)
            if span is not None and not (ratios and _lacks_percent(documents, span)):
                return short_answer(documents, span)
        held = holders(question, documents, evidence)
        return quotation(documents, held or choose_quotes(candidates))


def quotation(
    documents: Mapping[str, Document], chosen: Sequence[Evidence], opening: Sequence[str] = ()
) -> Draft:
    """Sentences with their pages, a line each, behind what opens the answer."""
    text = "\n".join([*opening, *(show_quote(documents, one) for one in chosen)])
    citations = tuple(
        Citation(
            one.document_id,
            one.sentence_id,
            documents[one.document_id].sentence_text(one.sentence_id),
        )
        for one in chosen
    )
    return Draft(text, False, citations)


def answer_sum(
    question: str,
    growth: Growth | None,
    documents: Mapping[str, Document],
    evidence: tuple[Evidence, ...],
) -> tuple[list[str], tuple[Evidence, ...]]:
    """A line with the growth or ratio that is asked for, if it can be worked out, and its rows.

    Nothing and no rows where neither is asked for. Of a ratio that cannot be worked out the rows
    alone: one figure of them would pass for it.
    """
    grown = growth and work_out_growth(growth, documents, evidence)
    if grown:
        return [grown.text], grown.rows
    ratio = ratio_asked_for(question, documents, evidence)
    if ratio is None:
        return [], ()
    done = work_out(ratio, question, documents, evidence)
    rows = [row for one in done for row in one.rows] or [rows[0] for rows in ratio.rows]
    return [one.text for one in done], tuple(dict.fromkeys(rows))


def find_words(
    reader: SpanReader,
    question: str,
    documents: Mapping[str, Document],
    candidates: tuple[Evidence, ...],
    further: Sequence[str] = (),
) -> AnswerSpan | None:
    """The words that answer, if there are such words.

    Where the documents were read again, what that found comes first, asked for what was read then:
    the sentence that led there says who or what is asked about, which a reader takes for the
    answer, and the sentence that it led to holds little of the question. Words of another kind than
    is asked for are no answer, nor is the figure of another year; a name is taken whole.
    """
    span = None
    if further:
        last_hop = 1 + len(further)
        found = [one for one in candidates if one.hop == last_hop]
        span = reader.find(further[-1], documents, found)
    span = span or reader.find(question, documents, candidates)
    span = span and of_asked_year(question, documents, span)
    if span is None or not is_of_the_kind(question, documents, span):
        return None
    return with_whole_name(documents, span)


def quotable(
    documents: Mapping[str, Document],
    evidence: tuple[Evidence, ...],
    *,
    of_reason: bool = False,
    of_person: bool = False,
) -> tuple[Evidence, ...]:
    """The best sentences that may stand in an answer, best first.

    A heading or stub may only where the evidence holds nothing else: it names the place. What ends
    in a colon gives way to what follows it. Sentences that say the same words count once.

    Args:
        documents: By id.
        evidence: Best first.
        of_reason: A row of figures may not, either, while there is prose: it gives no reason.
        of_person: A heading of `MIN_WORDS` or more may: `Ada Lund, Chief Financial Officer`.
    """
    found = {(one.document_id, one.sentence_id) for one in evidence}
    telling = [
        one
        for one in evidence
        if _says_something(documents[one.document_id], one, of_person)
        and not (_leads_in(documents[one.document_id], one) and _next_to(one) in found)
    ]
    if of_reason:
        telling = [one for one in telling if _is_prose(documents[one.document_id], one)] or telling
    seen: set[str] = set()
    candidates: list[Evidence] = []
    for one in (telling or evidence)[: N_COMPARED * 2]:
        words = " ".join(documents[one.document_id].sentence_text(one.sentence_id).lower().split())
        if words not in seen and len(candidates) < N_COMPARED:
            seen.add(words)
            candidates.append(one)
    return tuple(candidates)


def readable(
    question: str, documents: Mapping[str, Document], evidence: tuple[Evidence, ...]
) -> tuple[Evidence, ...]:
    """The best sentences in which words are looked for that answer, best first."""
    return quotable(documents, evidence, of_reason=asks_why(question), of_person=asks_who(question))


def choose_quotes(candidates: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The sentences to quote: the best one alone where it clearly leads, else those near it.

    The best comes first: ordered by length, a short sentence beside the point opened the answer.
    """
    best = candidates[0]
    spread = best.score - candidates[-1].score
    if len(candidates) == 1 or best.score - candidates[1].score >= CLEAR_LEAD * spread > 0:
        return (best,)
    near = [one for one in candidates if best.score - one.score <= (1 - NEAR_LEAD) * spread]
    return tuple(near[:MAX_QUOTES])


def short_answer(documents: Mapping[str, Document], span: AnswerSpan) -> Draft:
    """The words that answer with their page, and below them the sentence they stand in."""
    evidence = span.evidence
    document = documents[evidence.document_id]
    words = span.text(documents)
    scale = scale_of(document, document.sentences[evidence.sentence_id], words, span.start)
    short = " ".join(part for part in (_one_line(words), scale) if part)
    text = f"{short} ({place(documents, evidence)})\n{show_quote(documents, evidence)}"
    return Draft(text, False, (Citation(document.id, evidence.sentence_id, words),))


def definition(documents: Mapping[str, Document], told: Citation) -> Draft:
    """What a word stands for with its page, and below it the sentence that defines it."""
    defining = Evidence(told.document_id, told.sentence_id, 0.0, 0)
    text = f"{_one_line(told.quote)} ({place(documents, defining)})"
    return Draft(f"{text}\n{show_quote(documents, defining)}", False, (told,))


def show_quote(documents: Mapping[str, Document], evidence: Evidence) -> str:
    """One sentence as a line of the answer, with its page.

    A table row comes with its column names and the heading of its section: `(1,577)` alone says
    neither which year nor which statement.
    """
    document = documents[evidence.document_id]
    sentence = document.sentences[evidence.sentence_id]
    text = _one_line(document.sentence_text(sentence.id))
    where = f"({place(documents, evidence)})"
    if sentence.kind is not SentenceKind.ROW:
        return f"{text} {where}"
    header = "" if sentence.header is None else document.sentence_text(sentence.header)
    row = name_columns(text, header)
    if sentence.heading is None:
        return f"{row} {where}"
    return f"{' '.join(document.sentence_text(sentence.heading).split())}: {row} {where}"


def _lacks_percent(documents: Mapping[str, Document], span: AnswerSpan) -> bool:
    """Whether it is a figure of a sentence with percentages, and none of them."""
    text = documents[span.evidence.document_id].sentence_text(span.evidence.sentence_id)
    return "%" in text and "%" not in span.text(documents)


def _one_line(text: str) -> str:
    # A footnote `[3]` of the document is no citation of ours.
    return BRACKETED_NUMBER.sub("[ ", " ".join(text.split()))


def name_columns(row: str, header: str) -> str:
    """A table row with its column names: `Revenue — 2023: 1,577; 2022: 1,373`.

    Args:
        row: Cells joined by ` | `.
        header: The row of column names, or an empty string. It may lack a name for the first
            column; where the cells do not match up, row and header are shown side by side.
    """
    row, header = " ".join(row.split()), " ".join(header.split())
    if not header.strip("| "):
        return row
    cells = [row[start:end] for start, end in cell_spans(row)]
    names = row_names(row, header)
    if names is None:
        return f"{row} [columns: {header}]"
    named = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip(names[1:], cells[1:], strict=True)
        if cell
    ]
    return f"{cells[0]} — {'; '.join(named)}" if cells[0] else "; ".join(named)


def _is_prose(document: Document, evidence: Evidence) -> bool:
    return document.sentences[evidence.sentence_id].kind is SentenceKind.PROSE


def _leads_in(document: Document, evidence: Evidence) -> bool:
    return document.sentence_text(evidence.sentence_id).endswith(":")


def _next_to(evidence: Evidence) -> tuple[str, int]:
    return evidence.document_id, evidence.sentence_id + 1


def _says_something(document: Document, evidence: Evidence, of_person: bool) -> bool:
    kind = document.sentences[evidence.sentence_id].kind
    if kind is SentenceKind.PROSE or (kind is SentenceKind.HEADING and of_person):
        return len(document.sentence_text(evidence.sentence_id).split()) >= MIN_WORDS
    return kind is SentenceKind.ROW
