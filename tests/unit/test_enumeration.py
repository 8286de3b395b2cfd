"""A list of the document answers a question for several things as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from docqa.engine.enumeration import enumeration, with_enumeration
from docqa.engine.generators.extractive.generator import ExtractiveGenerator
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.question.asked_kind import names_several_asked_for, several_asked_for
from docqa.engine.types import Document, Evidence

TEXT = """Harbour agreement

The committee meets in May. It may form other groups as it sees fit.

To aid the committee, the following Subcommittees shall be formed:

(i) Dredging Subcommittee

(ii) Pilots Subcommittee. It sits in Holm.

(iii) Tariff Subcommittee

The committee decides by vote.

Our current competitors include:

• ferries of the state;

• bridges and tunnels.

Competitors such as Bay Ferries Ltd, Sound Lines, and North Star may grow faster.

The following tells of our officers:

Name | Age | Position
Ada Lund | 51 | Chief executive officer
Ian Smith | 49 | Pilot

Costs of the officers were as follows:

| 2024 | 2023
Salaries | 51 | 49
Pensions | 3 | 2

The following companies bid:

Bay Ferries Ltd.

Sound Lines Inc.

These piers are open:

1. North Pier

2. South Pier

All officers that are pilots are Danish. \
Its competitors are Bay Ferries, Sound Lines and North Star. \
On Monday and May 3 the competitors met.

Two officers resigned in the following year.

1. Introduction

2. History

— — — :

• nothing

• at all

Costs include:

Fuel is dear this year.

Client Competitors

ferries of Holm

the tunnel

The list may change."""

DREDGING = ["(i) Dredging", "(ii) Pilots", "(iii) Tariff"]
LINES = ["ferries of Holm", "the tunnel"]


@pytest.fixture(scope="module")
def agreement() -> Document:
    return document_from_text(TEXT, title="agreement")


def found(document: Document, *openings: str) -> tuple[Evidence, ...]:
    """The sentences that begin so, as evidence, best first."""
    ids = [
        next(
            one.id
            for one in document.sentences
            if document.sentence_text(one.id).startswith(opening)
        )
        for opening in openings
    ]
    return tuple(Evidence(document.id, i, 10.0 - n, n) for n, i in enumerate(ids, 1))


@pytest.mark.parametrize(
    ("question", "best", "expected"),
    [
        ("Which subcommittees shall be formed?", ["To aid"], ["To aid", *DREDGING]),
        # from an item of it, below what else was found
        (
            "Which subcommittees shall be formed?",
            ["The committee meets", "(ii)"],
            ["To aid", *DREDGING],
        ),
        (
            "What competitors does it face?",
            ["Our current"],
            ["Our current", "• ferries", "• bridges"],
        ),
        # a table in words, and one of figures
        (
            "Name the officers.",
            ["Ian Smith"],
            ["The following tells", "Ada Lund", "Ian Smith"],
        ),
        ("Who are the officers?", ["Costs of the officers"], []),
        # a heading that says no more than the question
        (
            "Which companies are client competitors?",
            ["Client Competitors"],
            ["Client Competitors", *LINES],
        ),
        # items with a name's full stop, numbered ones that read as headings
        ("Which companies bid?", ["The following companies"], ["The following c", "Bay", "Sound"]),
        ("Which piers are open?", ["These piers"], ["These piers", "1. North", "2. South"]),
        # a better sentence says more, or names several without a second comma
        ("Which officers are pilots?", ["All officers that are pilots", "The following tells"], []),
        ("What competitors does it face?", ["Its competitors are", "Our current"], []),
        # days are no names
        (
            "What competitors does it face?",
            ["On Monday", "Our current"],
            ["Our current", "• ferries", "• bridges"],
        ),
        # what follows in time leads in nothing, nor does what has no words
        ("Which officers resigned?", ["Two officers resigned"], []),
        ("Which officers resigned?", ["— — — :"], []),
        # what is asked is not what is listed
        ("Which pilots shall be paid?", ["To aid"], []),
        # one thing is asked for
        ("When are the subcommittees formed?", ["To aid"], []),
        # a sentence names several itself
        ("What competitors does it face?", ["Competitors such", "Our current"], []),
        # what follows is no list
        ("What are its costs?", ["Costs include"], []),
    ],
)
def test_the_list_that_is_asked_for(
    agreement: Document, question: str, best: list[str], expected: list[str]
) -> None:
    listed = enumeration(question, {agreement.id: agreement}, found(agreement, *best))
    texts = [agreement.sentence_text(one.sentence_id) for one in listed]
    assert [text[: len(start)] for text, start in zip(texts, expected, strict=True)] == expected


def test_a_list_is_quoted_and_cited_item_by_item(agreement: Document) -> None:
    best = found(agreement, "To aid", "The committee meets")
    draft = ExtractiveGenerator().generate(
        "Which subcommittees shall be formed?", {agreement.id: agreement}, best, 0.9
    )
    assert draft.text.splitlines()[1] == "(i) Dredging Subcommittee (p. 1)"
    assert len(draft.text.splitlines()) == len(draft.citations) == 4
    for one in draft.citations:
        assert one.quote == agreement.sentence_text(one.sentence_id)


def test_evidence_gets_the_rest_of_the_list_behind_its_last_rank(agreement: Document) -> None:
    best = found(agreement, "The committee meets", "(ii)")
    scores = np.arange(len(agreement.sentences), dtype=np.float32)
    question = "Which subcommittees shall be formed?"
    whole = with_enumeration(best, question, [(agreement, scores)])
    assert whole[:2] == best
    assert [one.rank for one in whole] == [1, 2, 3, 4, 5]
    added = [agreement.sentence_text(one.sentence_id) for one in whole[2:]]
    assert [text.split(" ")[0] for text in added] == ["To", "(i)", "(iii)"]
    assert [one.score for one in whole[2:]] == [scores[one.sentence_id] for one in whole[2:]]
    assert with_enumeration(best, "When does it meet?", [(agreement, scores)]) == best


@pytest.mark.parametrize(
    ("question", "what"),
    [
        ("Which companies does the report name?", "companies"),
        ("What are the company's reportable segments?", "segments"),
        ("Who are the parties to the agreement?", "parties"),
        ("Name the executive officers.", "officers"),
        ("In which states is it sued?", "states"),
        ("What is the company's business?", None),
        ("What does IRS stand for?", None),
        ("Which business is the largest?", None),
        ("What happens if a party does not pay?", None),
        ("What types of vessels does it own?", "vessels"),
        ("On which exchanges is it listed?", "exchanges"),
        ("What were total revenues in 2021?", None),
        ("What percentage of employees are in unions?", None),
        ("In what year were the notes issued?", None),
        ("In which city are the headquarters?", None),
        ("Which of the segments is the largest?", None),
        ("Which ferries were the fastest?", None),
        ("Who signs?", None),
    ],
)
def test_which_questions_ask_for_several(question: str, what: str | None) -> None:
    assert several_asked_for(question) == what


@pytest.mark.parametrize(
    ("question", "is_so"),
    [
        ("Which companies are named?", True),
        ("Who are the parties to the agreement?", True),
        ("Name the executive officers.", True),
        # one name may answer
        ("Who are its auditors?", False),
        ("What are the governing laws?", False),
        ("Which of the segments grew faster, Ferries or Tugs?", False),
        # a verb
        ("Which law governs the agreement?", False),
        ("Which company owns the port?", False),
        ("Which subcommittee sits in Holm?", False),
        ("Name the company that provides the loans.", False),
    ],
)
def test_which_questions_one_name_does_not_answer(question: str, is_so: bool) -> None:
    assert names_several_asked_for(question) is is_so
