"""Questions that name a party are read in the words that the contract has for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from docqa.engine.generators.base import load_generator
from docqa.engine.ingest.documents import document_from_text, ingest
from docqa.engine.pipeline import ask
from docqa.engine.question.defined_terms import DefinedTerm, defined_party, terms_in
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.foreseen import Foreseen
from docqa.engine.retrievers.retriever import Scores, load_retriever
from docqa.engine.types import Document
from tests.pdfs import asked

REAL = Path(__file__).parents[3] / "shared" / "pdfs" / "real"
PARTIES = (
    "This Agreement is made by and between Harrow Ferries, Inc., a Delaware corporation located at "
    '12 Quay Road ("Operator"), and Lantern Lamps Ltd (hereinafter, the “Supplier”), with an '
    "office in Malmo."
)


@pytest.fixture
def contract() -> Document:
    return document_from_text(
        f"{PARTIES}\n"
        "The Operator shall keep the mole in good repair at its own cost.\n"
        "The Supplier shall deliver forty lamps on the first day of each month.\n"
        "Any notice of the Operator is sent to its office.\n",
        title="contract",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PARTIES, [("Harrow Ferries", "Operator"), ("Lantern Lamps", "Supplier")]),
        ('The Ferry Group LLC (the "Company")', [("Ferry Group", "Company")]),
        (
            'and Ada B. Holm, an individual of Malmo (the "Executive")',
            [("Ada B. Holm", "Executive")],
        ),
        ("GROUPE HOLM CORP , a (hereinafter, the “Consultant”)", [("GROUPE HOLM", "Consultant")]),
        # a name that keeps its own words needs no other
        ('Harrow Ferries Company (the "Ferries Company")', []),
        # neither a party nor its name
        ('as of June 1 ("Effective Date"), by Harrow Ferries, Inc.', []),
        ('Harrow Ferries, Inc. pays a yearly fee of 40 crowns (the "Fee")', []),
        ('the Governance Committee (the "Nominating Committee")', []),
        ('the ferry that was lost in the storm ("Boat Owner")', []),
    ],
)
def test_terms_of_parties_are_known(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(terms_in(text)) == [DefinedTerm(*pair) for pair in expected]


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("What does Lantern Lamps deliver?", "What does the Supplier deliver?"),
        ("What are lantern lamps' duties?", "What are the Supplier' duties?"),
        (
            "What does Harrow Ferries owe Lantern Lamps?",
            "What does the Operator owe the Supplier?",
        ),
        ("What does the Supplier deliver?", "What does the Supplier deliver?"),
        ("Is Lantern Lamps the Supplier?", "Is Lantern Lamps the Supplier?"),
        ("What does Lantern deliver?", "What does Lantern deliver?"),
    ],
)
def test_a_question_is_put_in_words_of_the_document(
    contract: Document, question: str, read: str
) -> None:
    assert in_words_of(contract, question) == read


def test_the_answer_is_found_under_the_term_and_the_definition_goes_along(
    contract: Document,
) -> None:
    record = asked(contract, "What does Lantern Lamps deliver?").record
    assert record.evidence[0].text.startswith("The Supplier shall deliver forty lamps")
    assert PARTIES in [one.text for one in record.evidence]
    assert record.terms == (DefinedTerm("Lantern Lamps", "Supplier"),)
    assert record.question == "What does Lantern Lamps deliver?"
    assert asked(contract, "What does the Supplier deliver?").record.terms == ()


def test_what_an_exhibit_defines_is_neither_read_by_nor_told(contract: Document) -> None:
    filler = "".join(f"Boat {i} was painted in the month of May.\n" for i in range(100))
    late = document_from_text(f"{filler}{contract.text}", title="report")
    question = "Who is Lantern Lamps?"
    assert in_words_of(late, question) == question
    record = asked(late, question).record
    assert PARTIES in [one.text for one in record.evidence]
    assert record.terms == ()


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Who is 'Operator'?", "Harrow Ferries, Inc."),
        ("Who is the supplier?", "Lantern Lamps Ltd"),
        ("Which company is the Supplier under this Agreement?", "Lantern Lamps Ltd"),
        ("who's “Supplier”?", "Lantern Lamps Ltd"),
    ],
)
def test_who_goes_by_a_term_is_told_by_its_definition(
    contract: Document, question: str, name: str
) -> None:
    answer = ask(question, [contract], load_retriever("bm25"), load_generator("extractive"))
    assert answer.text == f"{name} (p. 1)\n{PARTIES} (p. 1)"
    assert [(one.sentence_id, one.quote) for one in answer.citations] == [(0, name)]


@pytest.mark.parametrize(
    "question",
    ["Who is the Operator's agent?", "Who is the Buyer?", "Who is the Supplier to notify?"],
)
def test_other_questions_are_not_answered_by_a_definition(
    contract: Document, question: str
) -> None:
    assert defined_party(question, [contract]) is None
    assert defined_party("Who is the Operator?", [contract, contract]) is None


@pytest.mark.parametrize(
    "parties",
    [
        'It is given to Holm Bank, N.A. by Ada Lund, a resident of Bergen (the "Guarantor").',
        'Ada Lund, the founder of Holm Ferries, Inc. (the "Guarantor"), signs.',
        'Bay Lines Ltd., an affiliate of Port Bank, N.A. (the "Guarantor"), signs.',
    ],
)
def test_where_somebody_else_may_be_meant_nobody_is_named(parties: str) -> None:
    document = document_from_text(parties, title="Contract")
    assert defined_party("Who is the Guarantor?", [document]) is None


def test_the_definition_stands_behind_the_last_rank(contract: Document) -> None:
    retriever, generator = load_retriever("bm25"), load_generator("extractive")
    answer = ask("What does Lantern Lamps deliver?", [contract], retriever, generator, top_k=1)
    assert [(one.rank, one.sentence_id) for one in answer.evidence] == [(1, 2), (2, 0)]


def test_questions_to_come_are_read_together_in_words_of_the_document(contract: Document) -> None:
    questions = ["What does Lantern Lamps deliver?", "What does Harrow Ferries repair?"]
    together = Together()
    foreseen = Foreseen(together, questions)
    for question in questions:
        ask(question, [contract], foreseen, load_generator("extractive"))
    assert together.read == [["What does the Supplier deliver?", "What does the Operator repair?"]]


class Together(BM25Retriever):
    """BM25 as a retriever that reads several questions at once, and tells which."""

    tokens_at_once = 1

    def __init__(self) -> None:
        super().__init__()
        self.read: list[list[str]] = []

    def score_questions(
        self, questions: list[str], document: Document, **given: Any
    ) -> list[Scores]:
        self.read.append(questions)
        return [self.score(question, document, **given) for question in questions]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no PDF files at {REAL}")
def test_a_real_contract_is_asked_by_the_name_of_its_party() -> None:
    document = ingest(REAL / "contract-stampscom-sponsorship-agreement.pdf")
    assert in_words_of(document, "What does Stamps.com pay?") == "What does the Client pay?"
    record = asked(document, "What does Stamps.com pay?").record
    assert any(one.text.startswith("Client will pay Intuit") for one in record.evidence[:3])
