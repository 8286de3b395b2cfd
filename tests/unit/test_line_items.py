"""What analysts call a line of a statement, read as the statement at hand calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from docqa.app.cli import cli
from docqa.app.tui.widgets.answer_card import foot_line
from docqa.engine.generators.extractive.generator import ExtractiveGenerator
from docqa.engine.ingest.documents import document_from_text, ingest
from docqa.engine.library.record import make_record
from docqa.engine.pipeline import ask
from docqa.engine.question.rewording import with_line_items
from docqa.engine.question.wording import in_words_of
from docqa.engine.reader import AnswerSpan
from docqa.engine.retrievers.retriever import load_retriever
from docqa.engine.statements.line_items import label_of, line_items, plain_label, ratios
from docqa.engine.types import Document, Evidence

REPORT = """Consolidated statements
(in millions) | 2023 | 2022
Total net sales | 1,577 | 1,373
Net income (loss) | 92 | (11)
Purchases of property and equipment (Note 4) | (52) | (49)
Research and development | 41 | 38
Cash and cash equivalents | 12 | 9
Accounts receivable, net | 30 | 28
Total current liabilities | 60 | 55
Segment purchases
Purchases of property and equipment | (20) | (19)
We also bought back shares, and capital spending in general rose.
"""


@pytest.fixture(scope="module")
def report() -> Document:
    return document_from_text(REPORT, title="report")


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ("Cost of revenues: Subscription (1) | 41", "subscription"),
        ("Revenue: 2023 | 41", ""),
        ("Net income per share: Diluted | 0.41", "diluted"),
        ("Weighted-average shares: Diluted | 41", "weighted-average shares diluted"),
    ],
)
def test_a_row_is_called_what_it_says_and_not_what_stands_over_it(row: str, label: str) -> None:
    assert label_of(row) == label


@pytest.mark.parametrize(
    ("question", "read"),
    [
        (
            "How high was capex in 2023?",
            "How high was capex (purchases of property and equipment) in 2023?",
        ),
        ("What did R&D cost?", "What did R&D (research and development) cost?"),
        ("What was the top line?", "What was the top line (total net sales)?"),
        (
            "Did the Bottom Line beat CAPEX?",
            "Did the Bottom Line (net income) beat CAPEX (purchases of property and equipment)?",
        ),
        (
            "quick ratio 2023",
            "quick ratio (cash and cash equivalents, accounts receivable, net, total current "
            "liabilities) 2023",
        ),
        # loose names, where the whole question asks for their line
        (
            "How much profit did the company make in 2023?",
            "How much profit (net income) did the company make in 2023?",
        ),
        ("Total earnings, FY2023?", "Total earnings (net income), FY2023?"),
        ("Total earnings in FY2023?", "Total earnings (net income) in FY2023?"),
        ("What was the turnover?", "What was the turnover (total net sales)?"),
        ("How did profit change in 2023?", "How did profit (net income) change in 2023?"),
        ("What was the growth of AR?", "What was the growth of AR (accounts receivable, net)?"),
        ("How does the profit sharing plan work?", "How does the profit sharing plan work?"),
        ("What was the profit of the segment?", "What was the profit of the segment?"),
        ("What was the profit in the first quarter?", "What was the profit in the first quarter?"),
        ("Why did profit grow in 2023?", "Why did profit grow in 2023?"),
        # a row is called so already
        ("What were sales in 2023?", "What were sales in 2023?"),
        ("What was net income?", "What was net income?"),
        ("How much was research and development?", "How much was research and development?"),
        (
            "What was capex, that is purchases of property and equipment?",
            "What was capex, that is purchases of property and equipment?",
        ),
        # no such row
        ("How large are buybacks?", "How large are buybacks?"),
        # loose names, and parts of other words
        ("Who is the CFO?", "Who is the CFO?"),
        ("What do capexes mean?", "What do capexes mean?"),
        ("", ""),
    ],
)
def test_a_question_is_read_with_the_labels_of_the_rows_it_means(
    report: Document, question: str, read: str
) -> None:
    assert with_line_items(report, question) == read
    assert with_line_items(report, read) == read
    assert in_words_of(report, question) == read


def test_the_row_is_found_under_its_own_name_and_the_reader_is_told(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text(REPORT, encoding="utf-8")
    ask = ["ask", "How high was capex in 2023?", str(path), "--retriever", "bm25", "--top-k", "1"]
    library = ["--library", str(tmp_path / "library.db")]
    done = CliRunner().invoke(cli, [*ask, *library])
    assert done.exit_code == 0, done.output
    assert "Purchases of property and equipment — 2023: (" in done.output
    assert "Read for purchases of property and equipment as well as capex." in done.output
    done = CliRunner().invoke(cli, ["ask", "Net income?", *ask[2:], *library])
    assert "as well as" not in done.output


def test_the_application_tells_it_in_the_foot_line(report: Document) -> None:
    asked = ("How high was capex?", load_retriever("bm25"), ExtractiveGenerator())
    answer = ask(asked[0], [report], *asked[1:], top_k=1)
    record = make_record(
        answer,
        [report],
        n_tokens={},
        model=None,
        strategy="",
        ingest_seconds=0.0,
        total_seconds=0.1,
    )
    told = "for purchases of property and equipment as well as capex"
    assert told in foot_line(1, record)
    assert "as well as" not in foot_line(1, replace(record, question="How high was it?"))


def test_a_ratio_is_answered_with_the_rows_it_is_worked_out_from(report: Document) -> None:
    question = "How high was the net margin in 2023?"
    retriever, generator = load_retriever("bm25"), ExtractiveGenerator(reader=Talker())
    answer = ask(question, [report], retriever, generator)
    assert answer.text.splitlines() == [
        "Net margin: 5.8% = 92 / 1,577 (2023, p. 1)",
        "Net income (loss) — 2023: 92; 2022: (11) (p. 1)",
        "Total net sales — 2023: 1,577; 2022: 1,373 (p. 1)",
    ]
    answer = ask("What was the top line in 2023?", [report], retriever, generator)
    assert answer.text.startswith("1,577 in millions (p. 1)\nTotal net sales")


class Talker:
    """A reader that finds an answer in whatever it is given."""

    def find(
        self, question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
    ) -> AnswerSpan:
        start = len("Total net sales | ")
        return AnswerSpan(evidence[0], start, start + len("1,577"), 1.0)


def test_what_is_missing_of_a_ratio_is_left_out() -> None:
    rows = "Net income | 92 | 11\nTotal assets | 1,577 | 1,373"
    document = document_from_text(rows, title="t")
    assert with_line_items(document, "ROA?") == "ROA (net income, total assets)?"
    assert with_line_items(document, "asset turnover") == "asset turnover (total assets)"


def test_what_has_no_rows_knows_no_line_items() -> None:
    prose = document_from_text("Capital expenditures rose. Net sales fell.", title="prose")
    assert with_line_items(prose, "What was capex?") == "What was capex?"


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("What did bad debts cost in 2023?", "Provision for uncollectible accounts"),
        (
            "How high is the reserve for bad debts?",
            "Less: allowance for doubtful accounts (Note 2)",
        ),
        ("What was bad debt expense?", "Provision for credit losses"),
        ("How much were trade debtors?", "Receivables, less allowances of $800 and $692"),
        ("What was owed by customers?", "Accounts receivable, net"),
        ("What was owed to suppliers?", "Accounts payable"),
        ("How large was the wage bill?", "Salaries and employee benefits"),
        (
            "How much went to minority interests?",
            "Net income attributable to noncontrolling interests",
        ),
        ("What was AOCI?", "Accumulated other comprehensive loss"),
        ("What was the share premium?", "Additional paid-in capital"),
        (
            "What was the currency effect on cash?",
            "Effect of exchange rate changes on cash, cash equivalents and restricted cash",
        ),
        (
            "What was the change in cash?",
            "Net (decrease) increase in cash, cash equivalents, and restricted cash",
        ),
        (
            "How much cash came from proceeds from issuing shares?",
            "Proceeds from exercise of stock options",
        ),
        ("What was insurance premium income?", "Net premiums earned"),
    ],
)
def test_other_names_of_lines_are_read_as_what_filers_call_them(question: str, label: str) -> None:
    document = document_from_text(f"Revenue | 9 | 8\n{label} | 1,577 | 1,373", title="t")
    assert f"({plain_label(label)})" in with_line_items(document, question)


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("How is payroll processed?", "Salaries and employee benefits"),
        ("Which employee costs are covered by the plan?", "Employee costs and expenses"),
        ("Who pays accruals of interest?", "Accrued expenses and other liabilities"),
        ("What led to the change in cash compensation?", "Net increase in cash"),
    ],
)
def test_such_a_name_means_no_line_where_no_figure_is_asked_for(question: str, label: str) -> None:
    document = document_from_text(f"Revenue | 9 | 8\n{label} | 1,577 | 1,373", title="t")
    assert with_line_items(document, question) == question


def test_the_most_frequent_labels_are_taken() -> None:
    labels = ["Net sales"] * 3 + ["Total net sales"] * 2 + ["Total revenues"]
    rows = "\n".join(f"{label} | {n} | {n}" for n, label in enumerate(labels))
    question = with_line_items(document_from_text(rows, title="t"), "What was the top line?")
    assert question == "What was the top line (net sales, total net sales)?"


def test_only_rows_of_the_statements_tell_what_their_lines_are_called(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text(
        "Consolidated statements\n(in millions) | 2023 | 2022\nTotal revenues | 1,577 | 1,373\n"
        "Cost of revenues | 900 | 800\nIncome from operations | 200 | 180\nNet income | 92 | 11\n"
        "\f\n\f\nNote 3. Revenue by offering\nYear | 2023 | 2022\nSales | 577 | 373\n"
        "Service | 1,000 | 1,000\n\f\nNote 4. Investments\nYear | 2023 | 2022\n"
        "Sales | 9 | 8\nNet income attributable to Holm | 5 | 4\n",
        encoding="utf-8",
    )
    document = ingest(path)
    for question, read in (
        ("What were total sales?", "What were total sales (total revenues)?"),
        ("What was the bottom line?", "What was the bottom line (net income)?"),
        ("How much money did it make?", "How much money did it make?"),
        ("What did the company earn in 2023?", "What did the company earn (net income) in 2023?"),
        ("How much did the company earn on rent?", "How much did the company earn on rent?"),
    ):
        assert with_line_items(document, question) == read


def test_every_ratio_is_made_of_known_lines() -> None:
    for ratio in ratios():
        assert ratio.ways
        assert all(key in line_items() for way in ratio.ways for key in way)
    for one in (*ratios(), *line_items().values()):
        assert one.names
        assert one.loose <= set(one.names)


def test_a_label_is_compared_without_what_differs_between_filings() -> None:
    assert plain_label("Total net revenues (in millions) (1):") == "total net revenues"
