"""Growth is worked out between two years of one row of the statements, or not at all."""

from __future__ import annotations

import pytest

from docqa.engine.generators.extractive.generator import ExtractiveGenerator
from docqa.engine.generators.extractive.growth import growth_asked_for, work_out_growth
from docqa.engine.ingest.documents import ingest
from docqa.engine.reader import AnswerSpan
from docqa.engine.types import Document, Evidence

STATEMENTS = """Consolidated statements of income
(in millions) | 2023 | 2022 | 2021
Net sales | 1,000 | 800 | 640
Cost of goods sold | (400) | (300) | (310)
Operating income | 150 | (20) | 9
Net income | 92.5 | (11) | 10
\f
Consolidated balance sheets
(in millions) | December 31, 2023 | December 31, 2022
Total current assets | 240 | 200
Total current liabilities | 160 | 0
Operating lease liabilities, current | 21 | 30
Operating lease liabilities, noncurrent | 90 | 60
Total assets | 1,870 | 1,700
\f
Note 9. What we bought
(in millions) | 2023 | 2022
Net sales | 30 | 10
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """With a page for each form feed."""
    path = tmp_path_factory.mktemp("reports") / "report.txt"
    path.write_text(STATEMENTS, encoding="utf-8")
    return ingest(path)


def all_of(document: Document) -> tuple[Evidence, ...]:
    """Every sentence, the last ones first: notes rank above the statements."""
    ids = range(len(document.sentences))
    return tuple(Evidence(document.id, i, float(i), rank + 1) for rank, i in enumerate(ids[::-1]))


def opening(document: Document, question: str, evidence: tuple[Evidence, ...] = ()) -> str | None:
    """The line that is worked out."""
    growth = growth_asked_for(question, [document])
    done = growth and work_out_growth(growth, {document.id: document}, evidence or all_of(document))
    return done.text if done else None


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (
            "By what percentage did sales grow from fiscal 2021 to fiscal 2022?",
            "Sales growth: 25.0% = (800 − 640) / 640 (2021 to 2022, in millions, p. 1)",
        ),
        (
            "How did total revenue change from 2021 to 2023?",
            "Total revenue growth: 56.2% = (1,000 − 640) / 640 (2021 to 2023, in millions, p. 1)",
        ),
        (
            "How much did the company's net sales grow in 2023?",
            "Net sales growth: 25.0% = (1,000 − 800) / 800 (2022 to 2023, in millions, p. 1)",
        ),
        (
            "Were net sales higher in 2023 than in 2022?",
            "Net sales growth: 25.0% = (1,000 − 800) / 800 (2022 to 2023, in millions, p. 1)",
        ),
        (
            "How much did current assets grow in 2023?",
            "Current assets growth: 20.0% = (240 − 200) / 200 (2022 to 2023, in millions, p. 2)",
        ),
        (
            "By what percentage did net revenues change from 2021 to 2022?",
            "Net revenue growth: 25.0% = (800 − 640) / 640 (2021 to 2022, in millions, p. 1)",
        ),
        (
            "Revenue growth?",
            "Revenue growth: 25.0% = (1,000 − 800) / 800 (2022 to 2023, in millions, p. 1)",
        ),
        (
            "What was the decline in cost of sales in 2022?",
            "Cost of sales growth: -3.2% = (300 − 310) / 310 (2021 to 2022, in millions, p. 1)",
        ),
        (
            "By how much, in percentage terms, did net sales increase in the year ended "
            "December 31, 2022 compared with the prior year?",
            "Net sales growth: 25.0% = (800 − 640) / 640 (2021 to 2022, in millions, p. 1)",
        ),
        (
            "What was the percentage change in total sales between 2021 and 2022?",
            "Sales growth: 25.0% = (800 − 640) / 640 (2021 to 2022, in millions, p. 1)",
        ),
        (
            "growth of total assets",
            "Total assets growth: 10.0% = (1,870 − 1,700) / 1,700 "
            "(2022 to 2023, in millions, p. 2)",
        ),
    ],
)
def test_the_sum_is_shown_with_both_figures(report: Document, question: str, line: str) -> None:
    assert opening(report, question) == line


@pytest.mark.parametrize(
    "question",
    [
        "How fast did net income grow in 2023?",  # from a loss
        "How much did sales grow in 2019?",  # no such column
        "How much did domestic sales grow in 2023?",  # of a part
        "How much did the Harbour segment's sales grow in 2023?",
        "How much did sales grow in the first quarter of 2023?",
        "Why did sales grow in 2023?",  # asks for reasons
        "What drove the growth of sales?",
        "How did sales develop in 2021, 2022 and 2023?",  # three years
        "What were net sales in 2023?",  # no growth
        "What was the growth in sales of vessels?",
        "What was the increase in crew in 2023?",  # no line
        "What was the change in sales in Ostwin from 2022 to 2023?",
        "How much did sales grow in Ostwin in 2023?",
        "Which company had an increase in sales?",
        "How much did operating lease liabilities rise in 2023?",  # only of two parts
        "Were domestic net sales higher in 2023 than in 2022?",
        "Were net sales higher in 2023 than in Ostwin?",
    ],
)
def test_what_is_not_plain_is_not_worked_out(report: Document, question: str) -> None:
    assert opening(report, question) is None


def test_what_the_evidence_does_not_hold_is_not_said(report: Document) -> None:
    without = tuple(
        one
        for one in all_of(report)
        if not report.sentence_text(one.sentence_id).startswith("Net sales | 1,000")
    )
    assert opening(report, "Revenue growth?", without) is None


def test_what_can_be_worked_out_is_answered_whatever_the_confidence(report: Document) -> None:
    documents, generator = {report.id: report}, ExtractiveGenerator(threshold=0.9)
    asked = ("Revenue growth in 2023?", "Who is the auditor?")
    drafts = [generator.generate(one, documents, all_of(report), 0.1) for one in asked]
    assert [one.abstained for one in drafts] == [False, True]


class Figures:
    """A reader that takes a figure wherever it stands."""

    def find(self, question: str, documents: object, evidence: tuple[Evidence, ...]) -> AnswerSpan:
        return AnswerSpan(evidence[0], 0, 3, 1.0)

    def answers(self, *_: object) -> list[float]:
        return []


def test_no_figure_passes_for_a_growth(report: Document) -> None:
    documents, generator = {report.id: report}, ExtractiveGenerator(reader=Figures())
    texts = [
        generator.generate(question, documents, all_of(report)[:3], 1.0).text.splitlines()[0]
        for question in ("How much did sales grow in 2019?", "How much was it in 2023?")
    ]
    assert texts[0].startswith("Note 9")  # the sentence, whole
    assert texts[1] == "Net (p. 3)"  # elsewhere it opens the answer


def test_no_figure_passes_for_a_reason(report: Document) -> None:
    documents, generator = {report.id: report}, ExtractiveGenerator(reader=Sum())
    asked = ("Why did costs fall in 2023?", "What did it cost in 2023?")
    texts = [
        generator.generate(question, documents, all_of(report)[-4:-3], 1.0).text.splitlines()[0]
        for question in asked
    ]
    assert texts[0].endswith("Cost of goods sold — 2023: (400); 2022: (300); 2021: (310) (p. 1)")
    assert texts[1] == "(400) in millions (p. 1)"


class Sum(Figures):
    """A reader that takes the second cell of a row."""

    def find(self, question: str, documents: object, evidence: tuple[Evidence, ...]) -> AnswerSpan:
        return AnswerSpan(evidence[0], 21, 26, 1.0)


def test_an_answer_opens_with_the_growth_and_cites_its_row(report: Document) -> None:
    documents = {report.id: report}
    question = "By what percentage did revenue grow in 2023?"
    draft = ExtractiveGenerator().generate(question, documents, all_of(report), 1.0)
    assert draft.text.startswith("Revenue growth: 25.0% = (1,000 − 800) / 800 (2022 to 2023")
    assert [one.quote for one in draft.citations] == ["Net sales | 1,000 | 800 | 640"]
