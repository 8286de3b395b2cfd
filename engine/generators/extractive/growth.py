"""How much a line of the statements grew from one year to another, with the sum shown.

`Net revenue growth: 17.2% = (10,420 − 8,894) / 8,894 (2020 to 2021, in millions, p. 58)`. As for a
ratio, nothing is worked out that is not plain: both figures stand in one row of the statements,
that row or one that says the same is in the evidence, and the question asks for the whole company.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docqa.engine.generators.abstention import place
from docqa.engine.generators.extractive.ratio import WorkedOut
from docqa.engine.question.own_name import about_the_company
from docqa.engine.statements.figures import (
    YEAR,
    Figure,
    figures_of,
    latest_year,
    rows_called,
)
from docqa.engine.statements.line_items import label_of, line_items
from docqa.engine.statements.line_question import asked_line
from docqa.engine.types import Document, Evidence

_PART = re.compile(r"\b(?:non-?)?current\b|\blong-term\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Growth:
    """A growth that a question asks for."""

    name: str
    """What the question calls the line."""
    keys: tuple[str, ...]
    """The lines that are called so."""
    years: tuple[str, ...]
    """Those it names, at most two."""


def growth_asked_for(question: str, documents: Sequence[Document]) -> Growth | None:
    """What a question asks the growth of; None where it asks something else."""
    for document in documents:
        question = about_the_company(document, question)
    years = tuple(sorted(set(YEAR.findall(question))))
    asked = asked_line(question)
    if asked is None or not asked.grows or len(years) > 2:
        return None
    return Growth(asked.name, asked.keys, years)


def work_out_growth(
    growth: Growth, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> WorkedOut | None:
    """The growth between the years that are named, the last one named, or the latest."""
    for document_id in dict.fromkeys(one.document_id for one in evidence):
        found = {one.sentence_id: one for one in evidence if one.document_id == document_id}
        for key in growth.keys:
            done = _work_out(growth, key, documents, found)
            if done is not None:
                return done
    return None


def _work_out(
    growth: Growth, key: str, documents: Mapping[str, Document], found: Mapping[int, Evidence]
) -> WorkedOut | None:
    """The growth of one line of one document, of which some sentences were found."""
    document = documents[next(iter(found.values())).document_id]
    rows = [
        row
        for row in rows_called(document, key)
        if not _is_of_a_part(document.sentence_text(row.sentence.id), f"{growth.name} {key}")
    ]
    last = growth.years[-1] if growth.years else latest_year(document, rows)
    first = growth.years[0] if len(growth.years) > 1 else str(int(last or 0) - 1)
    pairs = _pairs(figures_of(document, rows, first), figures_of(document, rows, last))
    shown = [
        (before, after)
        for before, after in pairs
        if before.row.sentence.id in found
        and before.repeats(pairs[0][0])
        and after.repeats(pairs[0][1])
    ]
    if not shown:
        return None
    before, after = shown[0]
    a, b = (abs(one.value) if line_items()[key].spent else one.value for one in (before, after))
    if a <= 0:
        return None
    row = found[before.row.sentence.id]
    name = growth.name[0].upper() + growth.name[1:]
    said = ", ".join(filter(None, (f"{first} to {last}", after.scale, place(documents, row))))
    result = f"{100 * (b - a) / a:.1f}% = ({b:,} − {a:,}) / {a:,}"
    return WorkedOut(f"{name} growth: {result} ({said})", (row,))


def _is_of_a_part(row: str, asked: str) -> bool:
    """Whether a row has what is due within a year, or after it, and not that is asked for."""
    parts = {one.lower() for one in _PART.findall(label_of(row))}
    return bool(parts - {one.lower() for one in _PART.findall(asked)})


def _pairs(before: Sequence[Figure], after: Sequence[Figure]) -> list[tuple[Figure, Figure]]:
    """The figures of two years that stand in one row."""
    later = {one.row.sentence.id: one for one in after}
    return [(one, later[one.row.sentence.id]) for one in before if one.row.sentence.id in later]
