"""A ratio is worked out from the rows of the statements, or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docqa.engine.generators.extractive import ExtractiveGenerator
from docqa.engine.generators.ratio import ratio_asked_for, work_out
from docqa.engine.ingest import ingest
from docqa.engine.line_items import ratios
from docqa.engine.types import Document, Evidence

STATEMENTS = """Consolidated statements of income
(in millions) | 2023 | 2022
Net sales | 1,000 | 800
Cost of goods sold | (400) | (300)
Operating income | 150 | (20)
Interest expense | (25) | (20)
Net income | 92.5 | (11)
\f
Consolidated balance sheets
(in millions) | December 31, 2023 | December 31, 2022
Cash and cash equivalents | 12 | 9
Accounts receivable, net | 100 | 28
Total current assets | 240 | 200
Total current liabilities | 160 | 0
Total assets | 1,850 | 1,700
\f
Consolidated statements of cash flows
(in millions) | 2023 | 2022
Net cash provided by operating activities | 120 | 70
Accounts receivable, net | (7) | 4
Capital expenditures | (50) | (40)
Dividends paid | (18.5) | (18)
\f
Note 9. What we bought
(in millions) | 2023
Net sales | 30
Operating income | 29
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


def written(text: str, folder: Path) -> Document:
    """A document with a page for each form feed."""
    path = folder / "report.txt"
    path.write_text(text, encoding="utf-8")
    return ingest(path)


@pytest.fixture(scope="module")
def report(folder: Path) -> Document:
    return written(STATEMENTS, folder)


def all_of(document: Document) -> tuple[Evidence, ...]:
    """Every sentence, the last ones first: notes rank above the statements."""
    ids = range(len(document.sentences))
    return tuple(Evidence(document.id, i, float(i), rank + 1) for rank, i in enumerate(ids[::-1]))


def opening(document: Document, question: str, evidence: tuple[Evidence, ...] = ()) -> str | None:
    """The line that is worked out."""
    documents, evidence = {document.id: document}, evidence or all_of(document)
    ratio = ratio_asked_for(question, documents, evidence)
    done = ratio and work_out(ratio, question, documents, evidence)
    return "\n".join(one.text for one in done) if done else None


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("operating margin 2023?", "Operating margin: 15.0% = 150 / 1,000 (2023, p. 1)"),
        ("operating margin 2022?", "Operating margin: -2.5% = -20 / 800 (2022, p. 1)"),
        (
            "How did the operating margin change from 2022 to 2023?",
            "Operating margin: -2.5% = -20 / 800 (2022, p. 1)\n"
            "Operating margin: 15.0% = 150 / 1,000 (2023, p. 1)",
        ),
        ("What is the gross margin?", "Gross margin: 60.0% = (1,000 − 400) / 1,000 (2023, p. 1)"),
        ("ROA in 2023", "ROA: 5.0% = 92.5 / 1,850 (2023, p. 1; p. 2)"),
        ("current ratio", "Current ratio: 1.50 = 240 / 160 (2023, p. 2)"),
        ("working capital 2023", "Working capital: 80 = 240 − 160 (2023, in millions, p. 2)"),
        ("FY2023 quick ratio", "Quick ratio: 0.70 = (12 + 100) / 160 (2023, p. 2)"),
        ("What was the DSO?", "DSO: 36 days = 100 / 1,000 × 365 (2023, p. 2; p. 1)"),
        ("free cash flow", "Free cash flow: 70 = 120 − 50 (2023, in millions, p. 3)"),
        ("interest coverage", "Interest coverage: 6.00 = 150 / 25 (2023, p. 1)"),
        ("dividend payout ratio", "Dividend payout ratio: 20.0% = 18.5 / 92.5 (2023, p. 3; p. 1)"),
    ],
)
def test_the_sum_is_shown_with_the_figures_of_the_statements(
    report: Document, question: str, line: str
) -> None:
    assert opening(report, question) == line


@pytest.mark.parametrize(
    "question",
    [
        "How did the operating margin change from 2019 to 2023?",  # one of them is not there
        "operating margin 2019",  # no such column
        "current ratio 2022",  # divided by nothing
        "effective tax rate",  # rows that are not there
        "What were net sales?",  # no ratio
    ],
)
def test_what_is_not_plain_is_not_worked_out(report: Document, question: str) -> None:
    assert opening(report, question) is None


def test_what_the_evidence_does_not_hold_is_not_said(report: Document) -> None:
    lines = [report.sentence_text(one.id) for one in report.sentences]
    without = tuple(
        one for one in all_of(report) if lines[one.sentence_id] != "Net sales | 1,000 | 800"
    )
    assert opening(report, "operating margin 2023", without) is None
    documents = {report.id: report}
    answer = ExtractiveGenerator().generate("operating margin 2023", documents, without, 1.0)
    assert answer.text.startswith("Note 9")


def test_a_summary_that_says_the_same_stands_for_the_statement(folder: Path) -> None:
    summary = "\f\nHighlights\nYear | 2023\nNet sales | 1,000\n"
    document = written(STATEMENTS + summary, folder)
    statement = "Net sales | 1,000 | 800"
    evidence = tuple(
        one for one in all_of(document) if document.sentence_text(one.sentence_id) != statement
    )
    line = "Operating margin: 15.0% = 150 / 1,000 (2023, p. 1; p. 5)"
    assert opening(document, "operating margin 2023", evidence) == line


def test_figures_counted_differently_are_not_put_together(folder: Path) -> None:
    text = STATEMENTS.replace("(in millions) | December", "(in thousands) | December")
    document = written(text, folder)
    assert opening(document, "ROA 2023") is None
    assert opening(document, "current ratio 2023") is not None


def test_a_statement_is_not_put_together_from_pages_far_apart(folder: Path) -> None:
    begin, end = STATEMENTS.split("Operating income | 150", 1)
    begin += "Gross profit | 600 | 500\n"
    header = "(in millions) | 2023 | 2022\nOperating income | 150"
    for n_pages, is_one in ((1, True), (2, False)):
        document = written(begin + "\f\n" * n_pages + header + end, folder)
        assert (opening(document, "operating margin 2023") is not None) == is_one


def test_every_sum_uses_its_lines() -> None:
    summed = [one for one in ratios() if one.sums]
    assert len(summed) >= 25
    for ratio in summed:
        assert len(ratio.sums) == len(ratio.ways)
        for how in ratio.sums:
            assert sorted(set(re.findall(r"[a-z]", how.formula))) == list("abc")[: len(how.keys)]
            assert how.unit in ("", "%", "times", "days")


def test_the_ratio_of_another_company_is_not_answered_with_ours(report: Document) -> None:
    documents, generator = {report.id: report}, ExtractiveGenerator(threshold=0.9)
    ours, theirs = (
        generator.generate(question, documents, all_of(report), 0.1)
        for question in ("What was gross margin in 2023?", "What was Microsoft's gross margin?")
    )
    assert ours.text.startswith("Gross margin: 60.0%")  # it can be worked out, whatever the scores
    assert theirs.abstained
    assert theirs.text.endswith("The document does not name Microsoft.")
