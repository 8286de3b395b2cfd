"""Questions by rule: which rows and sentences answer them, and in whose words they are asked."""

import tomllib
from importlib.resources import files

import click
import pytest

from docqa.app.commands.train_templates import templates
from docqa.trainer.dataset import LabelledDocument
from docqa.trainer.templates.questions import ask, labelled_record, without_links
from docqa.trainer.templates.rules import CLOZE, SWAPS, TABLES, read_rules
from docqa.trainer.templates.written import SPLITS

REPORT = """Item 7. Management's Discussion

Segment assets and spending are shown below.

2023 | 2022
Capital expenditures | 311 | 290

Our capital expenditures rose to $1,577 million, mostly for two new plants.

We had approximately 12,300 full-time employees at the end of the year.

Consolidated Statements of Income

(in millions)

2023 | 2022
Net sales | $20,109 | $19,653
Cost of sales | 8,975 | 9,142

Consolidated Statements of Cash Flows

2023 | 2022
Net cash provided by operating activities | 3,210 | 2,980
Purchases of property and equipment | (1,577) | (1,373)

Notes to Consolidated Financial Statements

We have served as the Company’s auditor since 1999.
"""
STATUTE = """Section 1. Definitions

(3) the term “net worth” means capital, paid-in and contributed surplus, and reserves.

In [section 634 of this title][/us/usc/t28/s634], the term “agency” means the Department.
"""


def report(form: str = "10-K", text: str = REPORT) -> LabelledDocument:
    return LabelledDocument("acme", "test", "finance", f"Acme Form {form} fiscal 2023", text, ())


def evidence_of(document: LabelledDocument, table: str) -> dict[str, list[str]]:
    """What answers each question, over many wordings."""
    found = {}
    for seed in range(40):
        for one in ask(document, table, seed):
            found[one.question] = [document.document.sentence_text(i) for i in one.sentences]
    return found


def test_the_command_offers_every_table() -> None:
    (table,) = (one for one in templates.params if one.name == "table")
    assert isinstance(table.type, click.Choice)
    assert tuple(table.type.choices) == (*TABLES, CLOZE, SWAPS, *SPLITS)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_whole(table: str) -> None:
    rules = read_rules(table)
    assert bool(rules.terms) == bool(rules.ratios) == (table == "filings")
    asked = tomllib.loads((files("docqa.trainer.templates") / f"{table}.toml").read_text())
    assert {one["key"] for one in asked.get("term", ())} <= {one.item.key for one in rules.terms}
    assert rules.facts
    for fact in rules.facts:
        assert "subject" in fact.pattern.groupindex or not any("{subject}" in a for a in fact.asks)


def test_a_term_is_asked_under_other_names_than_its_rows() -> None:
    evidence = evidence_of(report(), "filings")
    asked = [question for question, rows in evidence.items() if "capex" in question.lower()]
    assert asked
    for question in asked:
        assert "Purchases of property and equipment | (1,577) | (1,373)" in evidence[question]


def test_the_same_figure_elsewhere_is_evidence_and_another_one_is_not() -> None:
    evidence = evidence_of(report(), "filings")
    rows = evidence["What is the FY2023 capital spending for Acme?"]
    assert rows == [
        "Our capital expenditures rose to $1,577 million, mostly for two new plants.",
        "Purchases of property and equipment | (1,577) | (1,373)",
    ]
    before = [
        rows for question, rows in evidence.items() if "capex" in question and "2022" in question
    ]
    assert before
    assert all(
        rows[-1:] == ["Purchases of property and equipment | (1,577) | (1,373)"] for rows in before
    )
    assert not any("1,577 million" in row for rows in before for row in rows)


def test_the_figure_of_the_asked_year_is_the_answer_as_it_is_printed() -> None:
    asked = [one for seed in range(40) for one in ask(report(), "filings", seed)]
    answers = {one.question: one.answers for one in asked}
    assert answers["What is the FY2023 capital spending for Acme?"] == ("(1,577)", "1,577")
    before = {a for q, a in answers.items() if "capital spending" in q and "2022" in q}
    assert before - {()} == {("(1,373)",)}  # `cash flow after capital spending` is in no row
    assert ("$19,653",) in {a for q, a in answers.items() if "top line" in q}
    assert answers["What is the FY2023 gross margin for Acme?"] == ()  # it is in no row
    record = labelled_record(report(), asked, "filings")
    assert {one["question"]: tuple(one["answers"]) for one in record["questions"]} == answers


def test_a_calculation_needs_all_its_rows() -> None:
    evidence = evidence_of(report(), "filings")
    rows = evidence["What is the FY2023 gross margin for Acme?"]
    assert rows == ["Net sales | $20,109 | $19,653", "Cost of sales | 8,975 | 9,142"]
    assert not any("interest coverage" in question for question in evidence)


def test_a_quarter_is_asked_about_without_a_year() -> None:
    questions = evidence_of(report("10-Q"), "filings")
    assert any("capex" in question.lower() for question in questions)
    assert not any("202" in question for question in questions)


def test_facts_are_found_in_prose() -> None:
    evidence = evidence_of(report(), "filings")
    assert evidence["What is the headcount?"] == [
        "We had approximately 12,300 full-time employees at the end of the year."
    ]
    assert evidence["auditor tenure"] == ["We have served as the Company’s auditor since 1999."]


def test_a_report_without_figures_gets_no_question_about_them() -> None:
    assert not evidence_of(report(text="Nothing of note happened to the company."), "filings")


def test_a_statute_is_asked_for_what_its_terms_mean() -> None:
    text = without_links(STATUTE)
    assert "In section 634 of this title, the term" in text
    document = LabelledDocument("usc", "test", "legal", "A statute", text, ())
    evidence = evidence_of(document, "statutes")
    (sentence,) = evidence["How is net worth defined?"]
    assert sentence.startswith("(3) the term “net worth” means")
    assert evidence["What does “agency” mean?"] == [
        "In section 634 of this title, the term “agency” means the Department."
    ]


def test_the_seed_decides_the_wording() -> None:
    first, again, other = (ask(report(), "filings", seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
