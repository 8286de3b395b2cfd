"""Questions known beforehand: read together, answered one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers import foreseen
from docqa.engine.retrievers.foreseen import Foreseen, with_questions
from docqa.engine.retrievers.hybrid import HybridRetriever
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.retriever import Progress, Retriever
from tests.tiny_checkpoint import TEXT, make_checkpoint

QUESTIONS = ["Who leads the ferry company?", "?", "What did fuel cost?", "Who leads it?", "?"]
DOCUMENTS = [document_from_text(TEXT * n, title=str(n)) for n in (2, 3)]


@pytest.fixture
def mamba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MambaRetriever:
    monkeypatch.setenv("DOCQA_DTYPE", "float32")
    monkeypatch.setenv("DOCQA_PATH", "torch")
    monkeypatch.setattr(foreseen, "MOST_TOGETHER", 3)
    return MambaRetriever.load(make_checkpoint(tmp_path), device="cpu")


def test_a_retriever_that_does_not_gain_stays_as_it_is(mamba: MambaRetriever) -> None:
    hybrid = HybridRetriever(mamba)
    assert with_questions(hybrid, QUESTIONS) is hybrid


@pytest.mark.parametrize("name", ["mamba", "hybrid"])
def test_scores_and_progress_are_those_of_one_by_one(mamba: MambaRetriever, name: str) -> None:
    retriever: Retriever = mamba if name == "mamba" else HybridRetriever(mamba)
    questions = [*QUESTIONS, "Asked by nobody?"]
    alone = [[retriever.score(q, document) for document in DOCUMENTS] for q in questions]
    mamba._reader.tokens_at_once = 300
    calls: list[int] = []
    read = mamba.score_questions

    def count(some: list[str], *arguments: object, **named: object) -> object:
        calls.append(len(some))
        return read(some, *arguments, **named)

    mamba.score_questions = count
    wrapped = with_questions(retriever, QUESTIONS)
    assert isinstance(wrapped, Foreseen)
    assert isinstance(wrapped, Retriever)
    assert wrapped.name == name
    assert wrapped.calibrations == retriever.calibrations
    for question, expected in zip(questions, alone, strict=True):
        for document, want in zip(DOCUMENTS, expected, strict=True):
            seen: list[Progress] = []
            got = wrapped.score(question, document, on_progress=seen.append)
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
            assert seen[-1].n_tokens_read == seen[-1].n_tokens > 0
            assert seen[-1].n_sentences_read == len(document.sentences)
    # three at once, the next three beginning with "Who leads it?"; "?" again; the unforeseen one
    assert calls == [3, 3, 2, 2, 1, 1]
