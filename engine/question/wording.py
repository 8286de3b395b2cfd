"""A question as its document would put it."""

from __future__ import annotations

from docqa.engine.question.defined_terms import with_terms
from docqa.engine.question.own_name import about_the_company
from docqa.engine.question.rewording import with_line_items
from docqa.engine.question.trade_terms import with_trade_terms
from docqa.engine.types import Document


def in_words_of(document: Document, question: str) -> str:
    """The question in the words of a document, as retrievers read it.

    A contract's parties go by their terms, and the company that reports by "the company". What
    readers call otherwise than the document, it is asked for by the document's words besides: lines
    of financial statements by the labels of their rows, other things by the terms of the trade.

    Args:
        document: What is asked.
        question: As the user wrote it.
    """
    named = about_the_company(document, with_terms(document, question))
    return with_line_items(document, with_trade_terms(document, named))
