"""Questions are read with what the document calls the things they ask for."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from docqa.app.cli import cli
from docqa.app.tui.widgets.answer_card import foot_line
from docqa.engine.generators.extractive.generator import ExtractiveGenerator
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.library.record import make_record
from docqa.engine.pipeline import ask as answer_to
from docqa.engine.question.trade_terms import with_trade_terms
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.bm25 import BM25Retriever

REPORT = document_from_text(
    "We had 10,800 employees at year-end.\n\nOptions with an exercise price of $12 were held.\n\n"
    "The credit agreement expires in 2025. It is secured by land.\n\n"
    + "Collateral is land. "
    * 11,
    title="Report",
)


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("What is the headcount?", "What is the headcount (employees)?"),
        ("Which strike prices are there?", "Which strike prices (exercise price) are there?"),
        # the document says it often enough
        ("What is the collateral?", "What is the collateral?"),
        # a line of the statements, whose rows say what it is called
        ("How large were share repurchases?", "How large were share repurchases?"),
        # the question says it already
        ("Is the headcount that of employees?", "Is the headcount that of employees?"),
        # nothing in the document is called what the table knows
        ("Who are the rivals?", "Who are the rivals?"),
        # a word of the table only in part
        ("Who is the clientele?", "Who is the clientele?"),
        (
            "When does the revolver end, and at what strike price?",
            "When does the revolver (credit agreement) end, and at what strike price "
            "(exercise price)?",
        ),
    ],
)
def test_words_of_the_document_stand_behind_those_of_the_reader(question: str, read: str) -> None:
    assert with_trade_terms(REPORT, question) == read


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("Who will take over as treasurer?", None),
        ("Who tried to take over the company?", "take over (acquisition)"),
        ("Who is to leverage the brand?", None),
        ("How high is its leverage?", "leverage (leverage ratio)"),
        ("Who cares?", None),
        ("How many cars are there?", "cars (motor vehicle)"),
        ("Which plants are gas-fired?", None),
        ("Who was fired?", "fired (dismissed)"),
        ("What did the bosses say?", "bosses (president)"),
        ("Which tenants were evicted?", "evicted (eviction)"),
    ],
)
def test_a_word_is_read_in_its_own_sense(question: str, read: str | None) -> None:
    document = document_from_text(
        "An acquisition, a leverage ratio, a motor vehicle, an eviction. "
        "The president was dismissed.",
        title="Words",
    )
    asked = with_trade_terms(document, question)
    assert read in asked if read else asked == question


def test_retrievers_read_the_question_so() -> None:
    assert "(employees)" in in_words_of(REPORT, "What is the headcount?")


def test_the_table_says_nothing_twice() -> None:
    source = files("docqa.assets") / "trade_terms.toml"
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    terms = table["term"]
    names = [name.lower() for term in terms for name in term["names"]] + table["other_senses"]
    assert len(names) == len(set(names))
    assert all(term["names"] and term["stated"] for term in terms)


def test_what_was_found_by_another_word_is_told(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text(REPORT.text, encoding="utf-8")
    ask = ("ask", "What is the headcount?", str(path), "--retriever", "bm25", "--top-k", "1")
    done = CliRunner().invoke(cli, [*ask, "--library", str(tmp_path / "library.db")])
    assert done.exit_code == 0, done.output
    assert "We had 10,800 employees at year-end." in done.output
    assert "Read for employees as well as headcount." in done.output


def test_the_application_tells_it_in_the_foot_line() -> None:
    answer = answer_to("What is the headcount?", [REPORT], BM25Retriever(), ExtractiveGenerator())
    record = make_record(
        answer,
        [REPORT],
        n_tokens={},
        model=None,
        strategy="",
        ingest_seconds=0.0,
        total_seconds=0.1,
    )
    assert "for employees as well as headcount" in foot_line(1, record)
    assert "as well as" not in foot_line(1, replace(record, question="Who has employees?"))
    # a document full of collateral is not read for what secures it, which the evidence may say
    assert "as well as" not in foot_line(1, replace(record, question="What is the collateral?"))
