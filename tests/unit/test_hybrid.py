"""The fusion of mamba and BM25."""

import numpy as np
import pytest

from docqa.engine.errors import Cancelled
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.confidence import FEATURES, Calibration, confidence, score_features
from docqa.engine.retrievers.fused_scores import lifted, logits_of
from docqa.engine.retrievers.hybrid import BM25_WEIGHT, HybridRetriever, fuse
from docqa.engine.retrievers.retriever import Progress

DOCUMENT = document_from_text("Cats sleep.\nDogs bark.\nBirds sing.", title="test")


class FakeMamba:
    name = "mamba"
    checkpoint = "tiny"
    device = "cpu"
    calibrations = {"hybrid": Calibration({}, 0.0, 0.3)}  # noqa: RUF012

    def __init__(self, *logits: float) -> None:
        self.logits = np.array(logits, np.float32)

    def score(self, question, document, *, on_progress=None, is_cancelled=None):
        if is_cancelled is not None and is_cancelled():
            raise Cancelled
        if on_progress is not None:
            n = len(self.logits)
            on_progress(Progress(document.id, 7, 7, n, self.logits))
        return self.logits


def test_agreement_beats_either_alone():
    mamba = np.array([2.0, 2.0, -2.0, -2.0], np.float32)
    bm25 = np.array([5.0, 0.0, 5.0, 0.0], np.float32)
    fused = fuse(mamba, bm25)
    assert fused.argmax() == 0
    assert fused.argmin() == 3
    assert fused.dtype == np.float32


def test_scale_of_bm25_does_not_matter_and_logits_keep_theirs():
    generator = np.random.default_rng(0)
    mamba = generator.normal(size=50).astype(np.float32)
    bm25 = generator.random(50).astype(np.float32)
    fused = fuse(mamba, bm25)
    np.testing.assert_allclose(fused, fuse(mamba, bm25 / 10), rtol=1e-5)
    np.testing.assert_allclose(fuse(mamba - 3, bm25), fused - 3, rtol=1e-4, atol=1e-5)
    assert fused[bm25.argmax()] == pytest.approx(mamba[bm25.argmax()] + BM25_WEIGHT)


def test_words_decide_the_order_and_leave_the_logits():
    logits = np.array([-4.0, -5.0, -6.0], np.float32)
    by_coverage = lifted(logits, np.array([0.0, 0.5, 1.0], np.float32), 4.0)
    both = fuse(by_coverage, np.array([0.0, 9.0, 0.0], np.float32))
    assert both.tolist() == [-4.0, -5 + 2 + BM25_WEIGHT, -2.0]
    assert logits_of(both).tolist() == logits.tolist()
    fused, alone = score_features("x", [both]), score_features("x", [logits])
    assert {FEATURES[i] for i in np.flatnonzero(fused != alone)} == {"first"}


def test_a_retriever_that_says_nothing_leaves_the_other_in_charge():
    mamba = np.array([0.1, 0.9, 0.5], np.float32)
    assert fuse(mamba, np.zeros(3, np.float32)).tolist() == mamba.tolist()
    assert np.argsort(fuse(np.full(3, -4, np.float32), mamba)).tolist() == [0, 2, 1]
    assert fuse(np.zeros(0, np.float32), np.zeros(0, np.float32)).shape == (0,)


def test_reads_with_both_and_passes_progress_on():
    mamba = FakeMamba(0.0, 0.1, 0.0)
    hybrid = HybridRetriever(mamba)
    seen: list[Progress] = []
    scores = hybrid.score("Do dogs bark?", DOCUMENT, on_progress=seen.append)
    assert (scores == fuse(mamba.logits, BM25Retriever().score("Do dogs bark?", DOCUMENT))).all()
    assert [one.n_tokens for one in seen] == [7]
    assert (hybrid.name, hybrid.checkpoint, hybrid.device) == ("hybrid", "tiny", "cpu")
    assert hybrid.calibrations["hybrid"].threshold == 0.3


def test_cancellation_reaches_mamba():
    with pytest.raises(Cancelled):
        HybridRetriever(FakeMamba(0, 0, 0)).score("x", DOCUMENT, is_cancelled=lambda: True)


def test_several_questions_score_as_one_by_one():
    questions = ["Do dogs bark?", "Which birds sing?"]
    hybrid = HybridRetriever(FakeMamba(0.3, 0.2, 0.1))
    for question, scores in zip(
        questions, hybrid.score_questions(questions, DOCUMENT), strict=True
    ):
        assert (scores == hybrid.score(question, DOCUMENT)).all()

    class Batched(FakeMamba):
        def score_questions(self, questions, document, **watch):
            return [self.logits] * len(questions)

    batched = HybridRetriever(Batched(0.3, 0.2, 0.1)).score_questions(questions, DOCUMENT)
    assert (batched[1] == hybrid.score(questions[1], DOCUMENT)).all()


def test_confidence_in_a_hybrid_is_that_of_its_logits() -> None:
    logits = np.array([-3.0, 5.0, -1.0], np.float32)
    fused = fuse(logits, np.array([9.0, 0.0, 3.0], np.float32))
    assert fused.argmax() == 1
    calibration = Calibration({"top": 1.0}, bias=0.0, threshold=0.5)
    alone = confidence("What was capex?", [logits], calibration)
    assert confidence("What was capex?", [fused], calibration) == alone
    assert confidence("What was capex?", [np.asarray(fused)], calibration) == alone
    lifted = fuse(logits, np.array([0.0, 9.0, 3.0], np.float32))
    assert confidence("What was capex?", [lifted], calibration) == alone


def test_a_part_of_fused_scores_has_no_logits_of_the_whole() -> None:
    fused = fuse(np.array([1.0, 2.0], np.float32), np.array([1.0, 1.0], np.float32))
    assert score_features("Who?", [fused[:1]])[0] == fused[0]
