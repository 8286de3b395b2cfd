"""What a reader learns to leave: near in words or in meaning, and no answer."""

from __future__ import annotations

import random

import pytest

from docqa.engine.checkpoints.installed import embedded_checkpoint
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
from docqa.engine.mamba2.sentence_vectors import SentenceVectors
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion
from docqa.trainer.heads.near_misses import NearMisses

ROWS = """Cash flows

2024 | 2023
Interest paid | (829) | (714)

Nine vessels sailed.

Interest on loans rose for the third year, as lenders asked for more.

The harbour froze in winter.

The debt of the cost centre in Ostwin was 829 before it closed."""


def labelled() -> LabelledDocument:
    row = "Interest paid | (829) | (714)"
    span = ((ROWS.index(row), ROWS.index(row) + len(row)),)
    asked = "What did debt cost the group in 2024?"
    question = LabelledQuestion("1", asked, ("829",), span, answerable=True)
    return LabelledDocument("1", "filings", "x", "Cash", ROWS, (question,))


@pytest.mark.parametrize("reads_meaning", [False, True])
def test_they_come_near_in_words_or_in_meaning(*, reads_meaning: bool) -> None:
    document = labelled()
    checkpoint = embedded_checkpoint()
    vectors = SentenceVectors(load_model(checkpoint)) if reads_meaning else None
    near = NearMisses(document, document.questions, load_tokenizer(checkpoint), vectors, most=2)
    chance = random.Random(0)
    drawn = {document.document.sentence_text(i) for _ in range(40) for i in near.draw(0, chance)}
    assert not any("829" in text for text in drawn)  # the evidence, and what may answer too
    assert "Cash flows" not in drawn  # a heading says nothing
    assert any(text.startswith("Interest on loans rose") for text in drawn) is reads_meaning


def test_of_a_long_document_some_sentences_are_compared() -> None:
    checkpoint = embedded_checkpoint()
    vectors = SentenceVectors(load_model(checkpoint))
    sailed = "".join(f"Vessel {i} sailed. " for i in range(20))
    owed = "".join(f"Interest on loan {i} rose. " for i in range(20))
    question = LabelledQuestion("1", "What did debt cost?", (), ((0, 18),), answerable=True)
    document = LabelledDocument("1", "x", "x", "x", sailed + owed, (question,))

    def by_meaning(n_compared: int) -> set[int]:
        ways = [vectors, None]
        found = [
            NearMisses(document, [question], load_tokenizer(checkpoint), way, 5, n_compared).of(0)
            for way in ways
        ]
        return set(found[0]) - set(found[1])

    assert len(by_meaning(0)) >= 4
    assert len(by_meaning(2)) <= 2
