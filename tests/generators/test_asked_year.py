"""A figure whose column, row or sentence names other years alone is not the one asked for."""

from __future__ import annotations

import pytest

from docqa.engine.generators.extractive.asked_year import is_of_another_year, of_asked_year
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.reader import AnswerSpan
from docqa.engine.types import Evidence

TABLE = """Dividends

In thousands | 2023 | 2022
Dividends paid | 1,177 | 793
2021 | 2,065 | 2.5"""
PROSE = """In February 2022, we declared a dividend of $0.22 per share. It was $0.72 in all.

We have been its auditor since 1997, for $4 million in 2021."""


def told(text: str, sentence: str, words: str, question: str) -> bool:
    """Whether words of a sentence are found to be of another year."""
    document = document_from_text(text, title="Report")
    (i,) = (
        one.id for one in document.sentences if document.sentence_text(one.id).startswith(sentence)
    )
    start = document.sentence_text(i).index(words)
    span = AnswerSpan(Evidence(document.id, i, 1.0, 1), start, start + len(words), 0.9)
    return is_of_another_year(question, {document.id: document}, span)


@pytest.mark.parametrize(
    ("text", "sentence", "words", "question", "other"),
    [
        (TABLE, "Dividends paid", "1,177", "What was paid in 2023?", False),
        (TABLE, "Dividends paid", "793", "What was paid in 2023?", True),
        (TABLE, "Dividends paid", "793", "What was paid in FY2022?", False),
        (TABLE, "Dividends paid", "793", "What was paid?", False),
        (TABLE, "Dividends paid", "Dividends", "What was paid in 2023?", False),
        (PROSE, "In February", "$0.22", "What was declared over the whole of 2021?", True),
        (PROSE, "In February", "$0.22", "What was declared in early 2022?", False),
        (PROSE, "It was", "$0.72", "What was declared over the whole of 2021?", False),
        (PROSE, "We have", "1997", "Since when, as of 2020, has it had its auditor?", False),
        (PROSE, "We have", "$4 million", "What did the auditor get in 2020 and 2021?", False),
    ],
)
def test_the_year_of_a_figure_is_that_of_the_question(
    text: str, sentence: str, words: str, question: str, other: bool
) -> None:
    assert told(text, sentence, words, question) is other


def test_a_row_called_after_its_year_tells_it() -> None:
    table = "Fuel\n\nYear | Cost | Share\n2021 | 2,065 | 2.5\n2020 | 2,400 | 3.0"
    assert not told(table, "2021", "2,065", "What did fuel cost in 2021?")
    assert told(table, "2020", "2,400", "What did fuel cost in 2021?")


RESPECTIVELY = """Costs were $133 million, $139 million and $150 million for 2021, 2020 and 2019.

Boats were $1.1 billion and $0.8 billion in 2021 and 2020, respectively, of 12 and 14 yards.

Tolls were $1,200, $1,300 and $1,400 in 2021, 2020 and 2019.

Rents were between $300 and $350 in 2022 and 2023.

Fees were 4 % and 5 % in 2021, 2020 and 2019."""


@pytest.mark.parametrize(
    ("sentence", "words", "question", "right"),
    [
        ("Costs", "$133 million", "What were costs in 2019?", "$150 million"),
        ("Costs", "$139", "What were costs in fiscal 2021?", "$133 million"),
        ("Costs", "$139 million", "What were costs in 2020 and 2021?", "$139 million"),
        ("Costs", "$133 million", "What were costs?", "$133 million"),
        ("Boats", "$1.1 billion", "What were boats in FY2020?", "$0.8 billion"),
        ("Boats", "12", "How many yards in 2020?", "14"),
        ("Fees", "4 %", "What were fees in 2019?", "4 %"),
        ("Tolls", "$1,300", "What were tolls in 2021?", "$1,200"),
        ("Rents", "$350", "What were rents in 2022?", "$350"),
        ("Costs", "2021, 2020 and 2019", "What of 2019?", "2021, 2020 and 2019"),
    ],
)
def test_of_a_list_of_years_the_figure_of_the_year_is_taken(
    sentence: str, words: str, question: str, right: str
) -> None:
    document = document_from_text(RESPECTIVELY, title="Report")
    (i,) = (
        one.id for one in document.sentences if document.sentence_text(one.id).startswith(sentence)
    )
    start = document.sentence_text(i).index(words)
    span = AnswerSpan(Evidence(document.id, i, 1.0, 1), start, start + len(words), 0.9)
    found = of_asked_year(question, {document.id: document}, span)
    assert found is not None
    assert found.text({document.id: document}) == right
