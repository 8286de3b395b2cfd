"""Questions that lean on the one before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from docqa.engine.ingest.documents import ingest
from docqa.engine.question.follow_up import leans_on_another, root_of, with_context
from docqa.engine.retrievers.retriever import load_retriever

SAMPLE = Path(__file__).parent.parent.parent / "assets/sample/harrow-point-ferries.pdf"
FOLLOW_UPS = [
    # the question before, the question, a part of each sentence that answers it
    ("How much did the company spend on new vessels in 2024?", "And in 2023?",
     ("In 2023 we had spent $6.2 million", "Purchase of new vessels |")),
    ("What was total revenue in 2024?", "And the year before?", ("Total revenue |",)),
    ("How many sailings were cancelled in 2024?", "And in 2023?", ("Sailings cancelled |",)),
    ("How long does the Larkin Island route take?", "What about Tern Island?",
     ("The Tern Island route takes",)),
    ("What did fuel cost in 2024?", "Why did it fall?", ("Two thirds of the saving",)),
    ("When was the booking system out of service?", "Why?", ("Our booking system was out",)),
    ("Was Sandpiper sold?", "For how much?", ("She was sold to an operator",)),
    ("How many crew work on board?", "And in the terminals?", ("At December 31, 2024 we had 438",)),
]  # fmt: skip


@pytest.mark.parametrize(
    "question",
    [
        *(question for _, question, _ in FOLLOW_UPS),
        "Can it be renewed?",
        "How often was that reached?",
        "What is their share?",
        "Per share?",
        "From whom?",
    ],
)
def test_what_leans(question: str) -> None:
    assert leans_on_another(question)
    assert with_context(question, "What was the revenue?") == f"What was the revenue? {question}"
    assert with_context(question, "") == question


@pytest.mark.parametrize(
    "question",
    [
        *(before for before, _, _ in FOLLOW_UPS),
        "What is proposed for 2025?",
        "Who audits the company?",
        "Is there a credit line?",
        "Which ship that was sold is the oldest?",
        "In which of the following three years did the company pay the highest dividend a share?",
        "And so to the next of the many questions that I have: who is the chief executive?",
    ],
)
def test_what_stands_alone(question: str) -> None:
    assert not leans_on_another(question)
    assert with_context(question, "What was the revenue?") == question


def test_it_finds_what_is_meant() -> None:
    document = ingest(SAMPLE)
    retriever = load_retriever("hybrid")

    def reciprocal_rank(question: str, parts: tuple[str, ...]) -> float:
        order = np.argsort(-retriever.score(question, document), kind="stable")
        right = {
            sentence.id
            for sentence in document.sentences
            if document.sentence_text(sentence.id).startswith(parts)
        }
        assert right, parts
        return 1 / (1 + next(rank for rank, number in enumerate(order) if int(number) in right))

    alone = np.mean([reciprocal_rank(question, parts) for _, question, parts in FOLLOW_UPS])
    together = np.mean(
        [reciprocal_rank(with_context(q, before), parts) for before, q, parts in FOLLOW_UPS]
    )
    assert together > 0.7
    assert alone < together / 2


def test_the_question_to_lean_on_is_the_last_that_stands_on_its_own() -> None:
    newest_first = [
        "Why did it fall?",
        "And in 2023?",
        "What was the revenue in 2024?",
        "Who signs?",
    ]
    assert root_of(newest_first) == "What was the revenue in 2024?"
    assert root_of(["And in 2023?"]) == root_of([]) == ""
