"""Questions about the lines of financial statements, under the names analysts give them.

A term's row is looked for in the consolidated statements; its figure for a year is read from the
column of that year. Every other row of the same kind with that figure tells the same, and so does a
sentence that names the term and the figure. A row of an annual report whose columns cannot be told
apart is left out. A quarter's report repeats its years: its questions name none, and the first
figure of a row counts.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from docqa.engine.statements.line_items import plain_label
from docqa.engine.types import SentenceKind
from docqa.trainer.dataset import LabelledDocument
from docqa.trainer.templates.rules import Rules, TemplateQuestion, Term

STATEMENT = re.compile(
    r"(?i)^(unaudited )?(condensed )?consolidated (statements? of|balance sheets?)|"
    r"^(statements? of (consolidated )?|balance sheets?)"
)
END = re.compile(r"(?i)^(notes? to |note 1\b|report of independent)")
YEAR = re.compile(r"\b20\d\d\b")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
LETTER = re.compile(r"[^\W\d_]")
MAX_STATEMENT_ROWS = 120
"""A heading that so many rows follow without another one is no statement's."""
MAX_EVIDENCE = 8
MIN_DIGITS = 3
"""A figure with fewer digits is found everywhere by chance."""

FLOW = (
    "What was {company}'s {name} in {year}?",
    "What is the FY{year} {name} for {company}?",
    "How much was {name} in fiscal {year}?",
    "{name} {year}",
    "What {name} did {company} report for {year}?",
    "Find {name} for FY{year}.",
    "What is {company}'s {name} for {year}, in millions? Use the financial statements.",
)
AT_A_DATE = (
    "What was {company}'s {name} at the end of {year}?",
    "What is the year end FY{year} {name} for {company}?",
    "How large was {name} at the end of fiscal {year}?",
    "{name} at year end {year}",
    "What {name} did {company} have at the end of {year}?",
    "What is {company}'s FY{year} {name}? Rely on the balance sheet.",
)
ANY_TIME = (
    "What is {company}'s {name}?",
    "How much was {name}?",
    "What {name} does the company report?",
    "{name}",
    "What was {name} in the latest period?",
)
CALCULATION = (
    "What is {company}'s {name} in {year}?",
    "What is the FY{year} {name} for {company}?",
    "Calculate {name} for {year}.",
    "Did {name} improve in {year}?",
    "{name} {year}",
    "Is {name} a useful measure for {company}, and what was it in FY{year}?",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A table row with figures."""

    sentence: int
    label: str
    """In lower case, without figures, brackets and marks."""
    figures: tuple[str, ...]
    """As digits, without currency, commas and signs."""
    printed: tuple[str, ...]
    """The same as they stand there: `$(1,577)`."""
    years: tuple[int, ...]
    """Of its columns, where each figure has one; else empty."""
    in_statement: bool


@dataclass(frozen=True, slots=True)
class Stated:
    """Where a term's figure stands."""

    sentences: tuple[int, ...]
    """Ids, in document order."""
    figures: tuple[str, ...]
    """The figure, in each way these sentences print it."""


NOT_STATED = Stated((), ())


def ask_statements(
    document: LabelledDocument, rules: Rules, company: str, year: int | None, chance: random.Random
) -> Iterator[TemplateQuestion]:
    """Questions for the terms and calculations that a report has figures for.

    Args:
        document: A report.
        rules: Terms and calculations.
        company: Stands for `{company}`.
        year: The last fiscal year of an annual report; None for a quarter's.
        chance: Chooses wordings.
    """
    rows = list(read_rows(document))
    prose = [
        (one.id, document.document.sentence_text(one.id))
        for one in document.document.sentences
        if one.kind is SentenceKind.PROSE
    ]
    years: tuple[int | None, ...] = (None,) if year is None else (year, year - 1)
    for asked in years:
        found = {term.item.key: find_term(term, rows, prose, asked) for term in rules.terms}
        for term in rules.terms:
            stated = found[term.item.key]
            if stated.sentences:
                wordings = ANY_TIME if asked is None else AT_A_DATE if term.at_a_date else FLOW
                yield TemplateQuestion(
                    _wording(term.item.names, wordings, term.asks, company, asked, chance),
                    stated.sentences,
                    stated.figures,
                )
        for ratio in rules.ratios:
            way = _first_complete(ratio.ways, found)
            if way:
                wordings = ANY_TIME if asked is None else CALCULATION
                yield TemplateQuestion(
                    _wording(ratio.names, wordings, (), company, asked, chance),
                    tuple(sorted({place for key in way for place in found[key].sentences})),
                )


def read_rows(document: LabelledDocument) -> Iterator[Row]:
    """The table rows with figures, and whether they are in a consolidated statement."""
    since_heading: int | None = None
    years: tuple[int, ...] = ()
    for one in document.document.sentences:
        text = document.document.sentence_text(one.id)
        if one.kind is not SentenceKind.ROW:
            if STATEMENT.match(text) and len(text) < 120:
                since_heading = 0
            elif END.match(text):
                since_heading = None
            continue
        cells = text.split(" | ")
        named = tuple(int(found) for found in YEAR.findall(text))
        if len(named) >= 2 and not re.search(r"\d,\d", text):
            years = named
            continue
        numbers = [(cell, match) for cell in cells[1:] if (match := NUMBER.search(cell))]
        if not numbers:
            continue
        if since_heading is not None:
            since_heading += 1
            since_heading = since_heading if since_heading <= MAX_STATEMENT_ROWS else None
        distinct = len(set(years)) == len(years) == len(numbers)
        yield Row(
            one.id,
            plain_label(cells[0]),
            tuple(match.group().replace(",", "") for _, match in numbers),
            tuple(
                match.group() if LETTER.search(cell) else cell.strip() for cell, match in numbers
            ),
            years if distinct else (),
            since_heading is not None,
        )


def find_term(
    term: Term, rows: Sequence[Row], prose: Sequence[tuple[int, str]], year: int | None
) -> Stated:
    """Where a term's figure for a year (any, for None) stands; `NOT_STATED` where unsure."""
    alike = [row for row in rows if term.item.rows.fullmatch(row.label)]
    main = next((row for row in alike if row.in_statement and _figure(row, year)), None)
    figure = _figure(main, year) if main else _most_common(alike, year)
    if not figure:
        return NOT_STATED
    stating = [row for row in alike if figure in row.figures]
    told = []
    if len(figure.replace(".", "")) >= MIN_DIGITS:
        printed = re.compile(rf"(?<![\d,.]){re.escape(_with_commas(figure))}(?![\d,]|\.\d)")
        names = re.compile("|".join(re.escape(name.lower()) for name in term.item.names))
        told = [i for i, text in prose if printed.search(text) and names.search(text.lower())]
    elif main:
        stating = [main]
    places = sorted([*told, *(row.sentence for row in stating)])
    if len(places) > MAX_EVIDENCE:
        return NOT_STATED
    figures = {row.printed[row.figures.index(figure)] for row in stating}
    if told:
        figures.add(_with_commas(figure))
    return Stated(tuple(places), tuple(sorted(figures)))


def _figure(row: Row, year: int | None) -> str:
    """A row's figure for a year; empty where its columns are not told apart."""
    if year is None:
        return row.figures[0]
    return row.figures[row.years.index(year)] if year in row.years else ""


def _most_common(rows: Sequence[Row], year: int | None) -> str:
    counts = Counter(figure for row in rows if (figure := _figure(row, year)))
    return counts.most_common(1)[0][0] if counts else ""


def _with_commas(figure: str) -> str:
    whole, point, rest = figure.partition(".")
    return f"{int(whole):,}{point}{rest}"


def _first_complete(ways: Sequence[Sequence[str]], found: Mapping[str, Stated]) -> Sequence[str]:
    return next((way for way in ways if all(found[key].sentences for key in way)), ())


def _wording(
    names: Sequence[str],
    wordings: Sequence[str],
    asks: Sequence[str],
    company: str,
    year: int | None,
    chance: random.Random,
) -> str:
    """One of the ways to ask; without a year, no wording that names one."""
    whole = [one for one in asks if year is not None or "{year}" not in one]
    wording = chance.choice(whole) if whole and chance.random() < 0.25 else chance.choice(wordings)
    name = chance.choice(names)
    return wording.format(company=company, name=name, year=year)
