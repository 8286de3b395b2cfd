"""What an acronym stands for is told in the words of the document."""

from __future__ import annotations

import pytest

from docqa.engine.generators.extractive.generator import ExtractiveGenerator
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.question.acronyms import long_form, stands_for

TEXT = """The office displays the BMF (Business Master File) to all who ask for it. \
The International Brotherhood of Ferry Workers (“IBFW”) speaks for the crews. \
Taxes are paid to the Revenue and Port Office (the “RPO” or the “Office”).
Trade is consumer-to-consumer (“C2C”) or less-than-truckload (“LTL”).
(i) IRU: Indefeasible Right of Use which a party buys.
“NPA” means the network purchase agreement of today.

| Acronym | Definition
TIN | Tax Identification Number
EIN | Number of employers
"""


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What does BMF stand for?", "Business Master File"),
        ("what does the acronym “IBFW” mean?", "International Brotherhood of Ferry Workers"),
        ("What is RPO short for?", "Revenue and Port Office"),
        ("What is the full name of the TIN?", "Tax Identification Number"),
        ("What does EIN stand for?", None),
        ("What does C2C stand for?", "consumer-to-consumer"),
        ("What does LTL mean?", "less-than-truckload"),
        ("What does IRU stand for?", "Indefeasible Right of Use"),
        ("What does NPA mean?", "network purchase agreement"),
        ("What does XYZ stand for?", None),
        ("What does the office mean?", None),
        ("What does BMF display?", None),
        ("What does BMF mean for who asks?", None),
        ("What does BMF stand for in this manual?", "Business Master File"),
    ],
)
def test_an_acronym_stands_for_what_the_document_says(question: str, words: str | None) -> None:
    document = document_from_text(TEXT, title="Manual")
    told = stands_for(question, [document])
    assert (told and told.quote) == words
    if told and words:
        assert words in document.sentence_text(told.sentence_id)


def test_first_letters_go_before_others() -> None:
    text = (
        "It shall be filed with the Commission (SEC). "
        "The Securities and Exchange Commission (“SEC”) is slow."
    )
    told = stands_for("What does SEC stand for?", [document_from_text(text, title="x")])
    assert told is not None
    assert told.quote == "Securities and Exchange Commission"


def test_two_documents_that_differ_tell_nothing() -> None:
    texts = ("The Business Master File (BMF) is kept.", "The Book of Many Ferries (BMF) is kept.")
    documents = [document_from_text(text, title="x") for text in texts]
    assert stands_for("What does BMF stand for?", documents) is None
    assert stands_for("What does BMF stand for?", documents[:1] * 2) is not None


@pytest.mark.parametrize(
    ("acronym", "text", "words"),
    [
        (
            "SEC",
            "filed with the Securities and Exchange Commission ",
            "Securities and Exchange Commission",
        ),
        ("EPS", "the diluted earnings per share ", "earnings per share"),
        ("OMB", "by the Office of Management and Budget ", "Office of Management and Budget"),
        ("TURN", "and the Utility Reform Network", "the Utility Reform Network"),
        (
            "AFUDC",
            "allowance for funds used during construction",
            "allowance for funds used during construction",
        ),
        ("PFAS", "of polyfluoroalkyl substances", "polyfluoroalkyl substances"),
        ("EPS", "the earnings per common share ", "earnings per common share"),
        ("PRA", "the Paperwork Reduction Act of 1995, as amended ", "Paperwork Reduction Act"),
        ("ALPA", "the Air Line Pilots Association, International", "Air Line Pilots Association"),
        ("II", "(section I) not material and in ", ""),
        ("SEC", "the commission ", ""),
        ("AB", "a very long way it is from here to there and to the other bay", ""),
    ],
)
def test_the_long_form_has_the_letters_in_their_order(acronym: str, text: str, words: str) -> None:
    assert (long_form(acronym, text) or long_form(acronym, text, by_letters=True)) == words


def test_the_answer_opens_with_the_words_and_quotes_where_they_stand() -> None:
    document = document_from_text(TEXT, title="Manual")
    draft = ExtractiveGenerator(threshold=0.9).generate(
        "What does BMF stand for?", {document.id: document}, (), 0.0
    )
    assert draft.text.startswith("Business Master File (p. 1)\nThe office displays")
    assert not draft.abstained
