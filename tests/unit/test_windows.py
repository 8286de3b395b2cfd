"""Reading in windows, as the published code does: each by itself, overlaps averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from docqa.engine.ingest.documents import document_from_text
from docqa.engine.mamba2.segments import windows
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.retriever import Progress, Scores
from docqa.engine.types import Document
from tests.tiny_checkpoint import AS_PUBLISHED, TEXT, make_checkpoint

QUESTION = "Who leads the company?"
WINDOW = 120


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("checkpoint"), **AS_PUBLISHED)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCQA_DTYPE", "float32")


@pytest.fixture(scope="module")
def document() -> Document:
    return document_from_text(f"{TEXT}\n" * 6, title="t")


def test_windows_overlap_by_half_and_leave_nothing_out() -> None:
    assert list(windows(100, 0)) == [(0, 100)]
    assert list(windows(100, 100)) == [(0, 100)]
    assert list(windows(100, 40)) == [(0, 40), (20, 60), (40, 80), (60, 100)]
    assert list(windows(90, 40)) == [(0, 40), (20, 60), (40, 80), (60, 90)]
    assert list(windows(0, 40)) == [(0, 0)]


def logits_of_window(
    retriever: MambaRetriever, document: Document, first: int, last: int
) -> dict[int, float]:
    """Logits by sentence of a window that is read as a document of its own."""
    tokens = retriever.tokenize(document)
    ends = tokens.sentence_ends
    inside = np.flatnonzero((ends >= first) & (ends < last))
    alone = type(tokens)(tokens.token_ids[first:last], (ends[inside] - first).astype(np.int32))
    logits = retriever.score_tokens(retriever._question_ids(QUESTION), alone)
    return dict(zip(inside.tolist(), logits.tolist(), strict=True))


def test_a_sentence_in_two_windows_gets_the_mean(checkpoint: Path, document: Document) -> None:
    whole = MambaRetriever.load(checkpoint, device="cpu")
    windowed = MambaRetriever.load(checkpoint, device="cpu")
    windowed._window_tokens = WINDOW
    tokens = whole.tokenize(document)
    n_tokens = len(tokens.token_ids)
    assert n_tokens > 3 * WINDOW
    seen: dict[int, list[float]] = {}
    for first, last in windows(n_tokens, WINDOW):
        for sentence, logit in logits_of_window(whole, document, first, last).items():
            seen.setdefault(sentence, []).append(logit)
    assert {len(found) for found in seen.values()} == {1, 2}
    expected = [float(np.mean(seen[i])) for i in range(len(document.sentences))]
    scores = windowed.score(QUESTION, document)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(scores, whole.score(QUESTION, document), atol=1e-3)


def test_the_variable_asks_for_windows_and_the_bar_never_goes_back(
    checkpoint: Path, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCQA_WINDOW_TOKENS", str(WINDOW))
    retriever = MambaRetriever.load(checkpoint, device="cpu")
    places: list[tuple[int, int]] = []

    def on_progress(progress: Progress) -> None:
        places.append((progress.n_tokens_read, progress.n_sentences_read))

    scores: Scores = retriever.score(QUESTION, document, on_progress=on_progress)
    assert places == sorted(places)
    assert places[-1] == (len(retriever.tokenize(document).token_ids), len(scores))
    monkeypatch.delenv("DOCQA_WINDOW_TOKENS")
    assert not np.array_equal(scores, MambaRetriever.load(checkpoint).score(QUESTION, document))
