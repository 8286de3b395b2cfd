"""Questions made by rule: what people call a thing, put to the places where a text says it.

Labels in filings are the words of the filing, so that a model trained on them alone learns to match
words. The tables beside this file say what readers ask instead: `capex` for the row `Purchases of
property and equipment`, `Who audits the company?` for a signature. No language model is asked.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from docqa.trainer.dataset import LabelledDocument, read_documents
from docqa.trainer.templates.cloze import ask_cloze
from docqa.trainer.templates.facts import ask_facts
from docqa.trainer.templates.foreign import TITLE
from docqa.trainer.templates.rules import CLOZE, SWAPS, TemplateQuestion, read_rules
from docqa.trainer.templates.statements import ask_statements
from docqa.trainer.templates.swaps import ask_swaps
from docqa.trainer.templates.written import SPLITS, ask_written

CITATION = re.compile(r"\[([^\]]+)\]\[/us/[^\]]*\]")
"""A link in the United States Code: its words, then where it leads."""


def without_links(text: str) -> str:
    """The text of a statute with its links as plain words."""
    return CITATION.sub(r"\1", text)


def make_questions(
    paths: Iterable[Path], table: str, every: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Records of the documents of JSON Lines files, without those that no rule fits.

    Args:
        paths: Files of documents.
        table: One of `rules.TABLES`, `rules.CLOZE`, `rules.SWAPS` or `written.SPLITS`.
        every: Takes each so many-th document of a file.
        seed: Chooses the wordings.

    Raises:
        TrainingError: When a file cannot be read.
    """
    for path in paths:
        for found in islice(read_documents(path), 0, None, every):
            document = found
            if table != SWAPS:
                document = replace(found, text=without_links(found.text), questions=())
            if questions := ask(document, table, seed):
                yield labelled_record(document, questions, table)


def ask(document: LabelledDocument, table: str, seed: int) -> list[TemplateQuestion]:
    """All questions that a table's rules put to a document.

    Args:
        document: A filing or a statute; for swaps, one with questions.
        table: One of `rules.TABLES`, `rules.CLOZE`, `rules.SWAPS` or `written.SPLITS`.
        seed: Chooses the wording; with the same seed a document gets the same questions.
    """
    chance = random.Random(f"{seed} {document.id}")
    if table == SWAPS:
        return list(ask_swaps(document, chance))
    if table in SPLITS:
        return list(ask_written(document, table))
    title = TITLE.match(document.title)
    company = title["company"] if title else "the company"
    year = int(title["year"]) if title else None
    if table == CLOZE:
        return list(ask_cloze(document, company, year, chance))
    rules = read_rules(table)
    questions = list(ask_facts(document, rules.facts, company, chance))
    if rules.terms:
        is_annual = title is not None and title["form"] == "10-K"
        questions += ask_statements(document, rules, company, year if is_annual else None, chance)
    return questions


def labelled_record(
    document: LabelledDocument, questions: Iterable[TemplateQuestion], table: str
) -> dict[str, Any]:
    """A document with its questions, as `docqa.trainer.dataset` reads it."""
    return {
        "doc_id": document.id,
        "source": f"templates-{table}",
        "domain": document.domain,
        "title": document.title,
        "text": document.text,
        "questions": [
            {
                "id": f"{document.id}:{number}",
                "question": one.question,
                "answers": list(one.answers),
                "evidence": [list(document.document.span(i)) for i in one.sentences],
                "answerable": bool(one.sentences),
            }
            for number, one in enumerate(questions)
        ],
    }
