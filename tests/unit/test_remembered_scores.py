"""What was read once is not read again, alone or with other questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.retriever import Scores
from docqa.engine.types import Document
from docqa.trainer.remembered_scores import RememberedScores
from tests.tiny_checkpoint import make_checkpoint

TEXT = "The ferry leaves at nine. Ada Holm steers it. Tickets cost two crowns."
QUESTIONS = ("Who steers it?", "When does the ferry leave?", "Who steers it?")


@pytest.fixture
def mamba(tmp_path: Path) -> MambaRetriever:
    return MambaRetriever.load(make_checkpoint(tmp_path / "tiny", TEXT), device="cpu")


def test_questions_are_read_together_and_once(
    mamba: MambaRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = document_from_text(TEXT, title="Ferry")
    alone = [mamba.score(one, document) for one in QUESTIONS]
    read: list[Sequence[str]] = []
    batched = mamba.score_questions

    def watched(questions: Sequence[str], document: Document, **more: Any) -> list[Scores]:
        read.append(questions)
        return batched(questions, document, **more)

    monkeypatch.setattr(mamba, "score_questions", watched)
    remembered = RememberedScores(mamba)
    remembered.score(QUESTIONS[0], document)
    for _ in range(2):
        found = remembered.score_questions(QUESTIONS, document)
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    assert read == [[QUESTIONS[1]]]
    assert set(remembered.seconds) == {(document.id, one) for one in QUESTIONS}


def test_a_retriever_that_reads_one_by_one_does() -> None:
    document = document_from_text(TEXT, title="Ferry")
    remembered = RememberedScores(BM25Retriever())
    found = remembered.score_questions(QUESTIONS, document)
    assert np.argmax(found[0]) == 1
    assert np.array_equal(found[0], found[2])
