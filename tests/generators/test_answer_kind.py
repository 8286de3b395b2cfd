"""Words of another kind than a question asks for open no answer."""

from __future__ import annotations

import pytest

from docqa.engine.generators.extractive.answer_kind import is_of_the_kind
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.reader import AnswerSpan
from docqa.engine.types import Evidence

TEXT = """Segments

The following table shows net revenues by country (in millions):

| 2024 | 2023 | % Change | Percent of Revenue 2024
Norway | 1,249 | 1,106 | 13 | 24
Express segment | $4,912 | $3,140 | 56 | 30
Shares repurchased | (4,000) | (1,500) | 167 | 12
Employees of Norway | 310 | 300 | 3 | 1

Staff costs rose by $590 million compared to 2023. They were $2 billion, about half of all costs. \
Marine fuel(1) is dear, fairly226 so. We have 310 boats. \
In May it retired 12 barges, four tugs and two ferries.
On March 3, 2024, the council agreed to close the pier in 2027.
On June 1, 2030, the notes will mature. The lease terminates effective June 30, 2022.
We had 12,500 employees and 40 offices.
Costs were 4 and 5 percent of sales in 2021 and 2020.
It runs from June 1, 2020 to May 31, 2021. As of June 1, 2020 it is signed.

Eva Falk invented Bay Radio at Holm Works.
Owner of the rule: Head of rules

Goodwill of purchases

Holm Ferries | 293

Year | Stock compensation
Fiscal 2026 | 1,156
Fiscal 2027 | 1,030

Summary

Monthly Rent | $5,000
EBITDA | 40

Costs as a percentage of net revenues were as follows:

Year | 2024 | 2023
Marketing | 21 | 20

SIGNATURES

Ada Lund | Chief Financial Officer
Ian Smith | Chief Executive Officer
Deputy Vice President of the company
Boats were built by Bay Ferries Co., Ltd in Holm.
The Consultant shall bear all costs."""


@pytest.mark.parametrize(
    ("sentence", "words", "question", "fits"),
    [
        # a count of things that the table does not count
        ("Norway", "1,249", "How many employees does the company have in Norway?", False),
        ("Norway", "1,249", "How many offices are there in Norway?", False),
        ("Employees", "310", "How many employees does the company have in Norway?", True),
        ("Norway", "1,249", "How much revenue did Norway bring?", True),
        ("We have", "310", "How many ships does it own?", True),
        # a share
        ("Norway", "1,249", "What share of revenue came from Norway?", False),
        ("Norway", "24", "What share of revenue came from Norway?", True),
        ("Norway", "13", "By what percentage did revenue in Norway grow?", True),
        ("Staff", "$590 million", "What percentage of costs are staff costs?", False),
        ("They", "half", "What share of costs are staff costs?", True),
        ("Marine", "fairly226", "What share of the boats burn it?", False),
        ("Shares", "(4,000)", "What share price was paid?", True),
        # a change
        ("Norway", "1,249", "How much did revenue in Norway rise in 2024?", False),
        ("Norway", "13", "How much did revenue in Norway rise in 2024?", True),
        ("Staff", "$590 million", "How much did staff costs rise?", True),
        ("Staff", "$590 million", "How much more was spent on staff than in 2023?", True),
        ("They", "$2 billion", "How much more was spent on staff than in 2023?", False),
        ("Express", "$4,912", "By how much did the Express segment improve?", False),
        ("Shares", "(4,000)", "How much was spent to increase the stake?", True),
        # one of several
        ("Express", "$4,912", "Which segment had the highest income?", False),
        ("Express", "Express segment", "Which segment had the highest income?", True),
        ("Express", "$4,912", "Which amount did the Express segment bring?", True),
        # of one
        ("Shares", "(4,000)", "What was paid per share for the shares bought back?", False),
        # a person
        ("Ada", "Chief Financial Officer", "Who is the CFO?", False),
        ("Ada", "Chief Financial Officer", "Who is the chief financial officer?", False),
        ("Ada", "Ada Lund", "Who is the CFO?", True),
        ("Ada", "Chief Financial Officer", "Who signs for the company?", True),
        # several names
        ("In May", "four tugs", "Which boats were retired?", False),
        ("In May", "12 barges, four tugs and two ferries", "Which boats were retired?", True),
        ("In May", "four tugs", "Which boat was retired?", True),
        ("Boats", "Bay Ferries Co., Ltd", "Which companies built the boats?", False),
        # an office is not who holds it
        ("Deputy", "Vice President", "Who is the chief financial officer?", False),
        ("Deputy", "Vice President", "Which office is held?", True),
        # one of several counts
        ("In May", "12", "How many vessels did it retire?", False),
        # what is to come is not on the day that somebody spoke of it
        ("On March", "March 3, 2024", "When will the pier be closed?", False),
        ("On March", "2027", "When will the pier be closed?", True),
        ("On March", "March 3, 2024", "When did the council agree to close the pier?", True),
        # counted for something else
        ("We have", "310", "How many boats were scrapped?", False),
        ("In May", "four", "How many tugs were retired?", True),
        # nor is the end where something begins
        ("It runs", "June 1, 2020", "Until when does it run?", False),
        ("It runs", "May 31, 2021", "When does it expire?", True),
        ("It runs", "June 1, 2020", "When does it begin?", True),
        ("As of", "June 1, 2020", "Until when does it run?", False),
        # of whom is asked, and not what
        ("Holm", "293", "How much was paid for Holm Ferries?", False),
        ("Holm", "293", "How much goodwill came with Holm Ferries?", True),
        # when, and not what
        ("Fiscal 2026", "1,156", "What revenue is expected for fiscal 2026?", False),
        ("Fiscal 2026", "1,156", "What stock compensation remains for fiscal 2026?", True),
        # yes or no
        ("Express", "$4,912", "Was the income of the Express segment higher in 2024?", False),
        ("Express", "$4,912", "Did revenue rise at Express, and how much was it?", True),
        # the name that was asked about, the name of a field
        (
            "Eva Falk",
            "Bay Radio",
            "Who did Eva Falk work for when she invented Bay Radio?",
            False,
        ),
        (
            "Eva Falk",
            "Holm Works",
            "Who did Eva Falk work for when she invented Bay Radio?",
            True,
        ),
        ("Owner", "Owner of the rule", "Who signed the rule?", False),
        ("Owner", "Head of rules", "Who signed the rule?", True),
        ("Eva Falk", "Holm Works", "What is the market share of Holm Works?", False),
        # what looks like another kind and is none
        ("Ian", "Ian Smith", "Who is the chief executive officer of the company?", True),
        ("On June", "June 1, 2030", "When will the notes mature?", True),
        ("The lease", "June 30, 2022", "When does the lease terminate?", True),
        ("It runs", "June 1, 2020", "When did the lease that ends in 2021 begin?", True),
        ("We had", "12,500", "How many employees did the company have at the end of 2021?", True),
        ("Monthly", "$5,000", "How much is the Monthly Rent?", True),
        ("EBITDA", "40", "How much was EBITDA in 2024?", True),
        (
            "The Consultant",
            "The Consultant",
            "Who bears the costs, Bay Inc. or the Consultant?",
            True,
        ),
        ("Monthly", "$5,000", "How much rent does Dropbox pay?", True),
        ("Staff", "$590 million", "How much more can the company borrow?", True),
        ("Marketing", "21", "What percentage of net revenues was marketing in 2024?", True),
        ("Costs were", "4", "What percentage of sales were costs in 2021?", True),
        ("Monthly", "$5,000", "What is the rate at which rent is paid?", True),
        ("Employees", "310", "How many employees per year does it have?", True),
        ("Express", "$4,912", "How many dollars did the Express segment earn?", True),
        # the mark of a note
        ("Marine", "(1)", "What is dear?", False),
    ],
)
def test_words_are_of_the_kind_that_is_asked_for(
    sentence: str, words: str, question: str, *, fits: bool
) -> None:
    document = document_from_text(TEXT, title="Report")
    (i,) = (
        one.id for one in document.sentences if document.sentence_text(one.id).startswith(sentence)
    )
    start = document.sentence_text(i).rindex(words)
    span = AnswerSpan(Evidence(document.id, i, 1.0, 1), start, start + len(words), 0.9)
    assert is_of_the_kind(question, {document.id: document}, span) is fits
