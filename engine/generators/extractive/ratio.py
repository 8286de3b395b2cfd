"""A ratio of a report, worked out from the rows it follows from, with the sum shown.

`Current ratio: 1.97 = 9,111 / 4,622 (2021, p. 70)`. The rows are those of the financial statements:
a label stands in notes and summaries as well, of a part of the company or of what was bought.
Nothing is worked out where a figure's year, sign or scale is not plain, or where the evidence does
not hold the row: then the rows stand alone. The ratio of a segment or a product does not follow
from them at all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from docqa.engine.generators.abstention import place
from docqa.engine.question.own_name import about_the_company, registrant
from docqa.engine.question.rewording import Reworded, named_ratios, reworded
from docqa.engine.statements.figures import (
    YEAR,
    figures_of,
    latest_year,
    rows_called,
    stand_together,
)
from docqa.engine.statements.line_items import Sum, label_of, line_items
from docqa.engine.statements.line_question import words_of_a_part
from docqa.engine.types import Document, Evidence, SentenceKind


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio that a question asks for."""

    asked: Reworded
    rows: tuple[tuple[Evidence, ...], ...]
    """For each of its lines the rows that are called so, best first; at least one."""


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """What was worked out, with its figures."""

    text: str
    rows: tuple[Evidence, ...]
    """The rows that they stand in."""


def ratio_asked_for(
    question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> Ratio | None:
    """The first ratio in the question of which the evidence holds two lines or more.

    None where the question does not ask for that of the whole company.
    """
    if not named_ratios(question) or asked_part(question, [*documents.values()]):
        return None
    by_label: dict[str, list[Evidence]] = {}
    rows = []
    for one in evidence:
        document = documents[one.document_id]
        sentence = document.sentences[one.sentence_id]
        if sentence.kind is SentenceKind.ROW:
            rows.append((sentence.page, document.sentence_text(sentence.id)))
            by_label.setdefault(label_of(rows[-1][1]), []).append(one)
    for asked in reworded(question, rows):
        if len(asked.lines) > 1:
            best_first = [
                sorted(
                    (row for label in line for row in by_label[label]), key=lambda row: -row.score
                )
                for line in asked.lines
            ]
            return Ratio(asked, tuple(map(tuple, best_first)))
    return None


def asked_part(question: str, documents: Sequence[Document]) -> tuple[str, ...]:
    """Words of a question for a ratio that ask for more than that of the whole company.

    They name a segment or a quarter, or ask why it changed.
    """
    titles: list[str] = []
    for document in documents:
        # the cover of another report does not tell whose it is, its title may
        if not registrant(document):
            titles += re.findall(r"\w+", document.title.lower())
        question = about_the_company(document, question)
    capitals = {word.lower() for word in re.findall(r"\w+", question) if not word[0].islower()}
    return words_of_a_part(question, capitals.intersection(titles))


def that_state(
    ratios: Sequence[str],
    part: Sequence[str],
    documents: Mapping[str, Document],
    evidence: Sequence[Evidence],
) -> tuple[Evidence, ...]:
    """The sentences that have all words of one of some ratios and stand under those of a part.

    Args:
        ratios: Names, in lower case.
        part: Words, in lower case; none for the whole company.
        documents: What is asked.
        evidence: What was found.
    """
    stating = []
    for one in evidence:
        document = documents[one.document_id]
        sentence = document.sentences[one.sentence_id]
        said = document.sentence_text(sentence.id).lower()
        above = (
            document.sentence_text(i) for i in (sentence.heading, sentence.header) if i is not None
        )
        place = "\n".join([said, *above]).lower()
        is_named = any(all(word in said for word in name.split()) for name in ratios)
        if is_named and all(word.removesuffix("s") in place for word in part):
            stating.append(one)
    return tuple(stating)


def work_out(
    ratio: Ratio, question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> tuple[WorkedOut, ...]:
    """The ratio for each year in the question, or for the latest.

    Nothing where something is not plain, of one year or of all.
    """
    years = sorted(set(YEAR.findall(question)))
    done = [_work_out(ratio, year, documents, evidence) for year in years or [""]]
    return tuple(filter(None, done)) if all(done) else ()


def _work_out(
    ratio: Ratio, year: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
) -> WorkedOut | None:
    """The ratio for a year, which may be empty: for the latest."""
    how = ratio.asked.sum
    if how is None:
        return None
    document = documents[ratio.rows[0][0].document_id]
    found = {one.sentence_id: one for one in evidence if one.document_id == document.id}
    rows_of = [rows_called(document, key) for key in how.keys]
    year = year or latest_year(document, rows_of[0])
    figures = [figures_of(document, rows, year) for rows in rows_of]
    stated = [one[0] for one in figures if one]
    if len(stated) < len(figures) or not stand_together([one.row for one in stated]):
        return None
    shown = [
        [one for one in some if one.row.sentence.id in found and one.repeats(some[0])]
        for some in figures
    ]
    if not all(shown):
        return None
    scales = {one.scale for one in stated}
    values = [
        abs(one.value) if line_items()[key].spent else one.value
        for one, key in zip(stated, how.keys, strict=True)
    ]
    result = _result(how, values)
    if len(scales) > 1 or result is None:
        return None
    rows = tuple(found[some[0].row.sentence.id] for some in shown)
    pages = "; ".join(dict.fromkeys(place(documents, row) for row in rows))
    said = ", ".join(filter(None, (year, *(() if how.unit else scales), pages)))
    name = ratio.asked.name[0].upper() + ratio.asked.name[1:]
    return WorkedOut(f"{name}: {result} = {_shown(how.formula, values)} ({said})", rows)


def _result(how: Sum, values: Sequence[Decimal]) -> str | None:
    """What comes out, as it is said; None where it would be divided by nothing or less."""
    expression = ast.parse(how.formula, mode="eval").body
    try:
        value = _computed(expression, dict(zip("abc", values, strict=False)))
    except ZeroDivisionError:
        return None
    if how.unit == "%":
        return f"{100 * value:.1f}%"
    if how.unit == "days":
        return f"{value:.0f} days"
    return f"{value:.2f}" if how.unit else f"{value:,}"


def _computed(node: ast.expr, values: Mapping[str, Decimal]) -> Decimal:
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant):
        return Decimal(str(node.value))
    if not isinstance(node, ast.BinOp):
        raise ValueError(f"no sum of figures: {ast.unparse(node)}")
    left, right = _computed(node.left, values), _computed(node.right, values)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    if right <= 0:
        raise ZeroDivisionError
    return left / right


def _shown(formula: str, values: Sequence[Decimal]) -> str:
    """The formula with its figures."""
    figures = dict(zip("abc", (f"{value:,}" for value in values), strict=False))
    filled = re.sub(r"\b[abc]\b", lambda letter: figures[letter[0]], formula)
    return filled.replace(" - ", " − ").replace(" * ", " × ")
