"""A ratio is worked out from the rows of the statements, or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from docqa.engine.generators.extractive.generator import ExtractiveGenerator
from docqa.engine.generators.extractive.ratio import ratio_asked_for, work_out
from docqa.engine.ingest.documents import ingest
from docqa.engine.reader import AnswerSpan
from docqa.engine.statements.line_items import ratios
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


@pytest.mark.parametrize(
    "question",
    [
        "What was the operating margin of Harrow Express in 2023?",
        "What was the gross margin on repair services in fiscal 2023?",
        "operating margin of the freight segment, 2023",
        "What was the U.S. operating margin in 2023?",
        "What was gross margin in the fourth quarter of 2023?",
        "What was the adjusted operating margin in 2023?",
        "What is the average gross margin?",
        "Why did the gross margin fall in 2023?",
    ],
)
def test_the_ratio_of_the_company_does_not_pass_for_that_of_a_part(
    report: Document, question: str
) -> None:
    assert opening(report, question) is None


@pytest.mark.parametrize(
    "question",
    [
        "gross margin?",
        "What was Harrow's gross margin in 2023?",
        "What was the approximate gross margin for the full fiscal-year 2023?",
        "What was gross margin for the twelve months ended December 31, 2023?",
        "Please calculate the company's gross margin for the year ended December 31, 2023.",
        "How high was Harrow Lines, Inc.'s total gross margin in FY2023, in percent?",
        "Did gross margin increase compared with the prior year?",
        "What is the FY23 gross margin of Harrow, taken as revenue less COGS divided by revenue? "
        "Round your answer to one decimal place.",
    ],
)
def test_words_that_name_no_part_ask_for_the_ratio_of_the_company(
    folder: Path, question: str
) -> None:
    cover = (
        "SECURITIES AND EXCHANGE COMMISSION\nHarrow Lines, Inc.\n"
        "(Exact name of registrant as specified in its charter)\n"
        "Securities registered: shares of Harrow\n\f\n"
    )
    line = opening(written(cover + STATEMENTS, folder), question)
    assert line is not None
    assert line.startswith("Gross margin: 60.0% = (1,000 − 400) / 1,000")


def test_a_report_that_is_none_to_the_sec_names_its_company_in_its_title(folder: Path) -> None:
    path = folder / "harrow-lines-2023.txt"
    path.write_text(STATEMENTS, encoding="utf-8")
    document = ingest(path)
    assert opening(document, "What was Harrow's gross margin?") is not None
    assert opening(document, "What was Holm's gross margin?") is None


class Figures:
    """A reader that takes the second cell of the first row it is given."""

    def find(
        self, question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
    ) -> AnswerSpan:
        text = documents[evidence[0].document_id].sentence_text(evidence[0].sentence_id)
        start = text.index(" | ") + 3
        return AnswerSpan(evidence[0], start, text.find(" | ", start), 1.0)


def test_only_a_row_that_states_the_ratio_of_a_part_answers_with_a_figure(folder: Path) -> None:
    segment = "\f\nNote 10. Freight segment\nYear | 2023 | 2022\nOperating income | 29 | 9\n"
    generator = ExtractiveGenerator(reader=Figures())
    for row, answered in (("Operating margin | 20.0% | 17.4%\n", True), ("", False)):
        document = written(STATEMENTS + segment + row, folder)
        answer = generator.generate(
            "What was the operating margin of the freight segment in 2023?",
            {document.id: document},
            all_of(document)[:3],
            1.0,
        )
        assert answer.text.startswith("20.0% (p. 5)") == answered
        assert answer.text.startswith("Note 10. Freight segment: Operating income") != answered


def test_a_change_in_basis_points_does_not_pass_for_the_ratio(folder: Path) -> None:
    document = written("Year | Change | 2023\nOperating margin | 260 | 20.0%\n", folder)
    question = "What was the operating margin of the company in 2023?"
    generator = ExtractiveGenerator(reader=Figures())
    answer = generator.generate(question, {document.id: document}, all_of(document)[:1], 1.0)
    assert answer.text == "Operating margin — Change: 260; 2023: 20.0% (p. 1)"


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
