"""Confidence: from the scores of one question to a probability."""

import numpy as np
import pytest

from docqa.engine.errors import CheckpointError
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.confidence import (
    FEATURES,
    UNCALIBRATED,
    Calibration,
    calibration_of,
    confidence,
    read_calibrations,
    score_features,
)


def named_features(question, *scores):
    values = score_features(question, [np.array(one, np.float32) for one in scores])
    return dict(zip(FEATURES, values.tolist(), strict=True))


def test_features_by_hand():
    found = named_features("Who sells red shoes?", [4, 0, 2, 0])
    spread = np.std([4, 0, 2, 0])
    assert found == pytest.approx(
        {
            "top": 4,
            "first": 4,
            "answers": 0,
            "nearest": 0,
            "unknown_names": 0,
            "top_per_word": 4 / (3 * np.log(6)),
            "top_z": 2.5 / spread,
            "gap": 2 / spread,
            "gap_10": 4 / spread,
            "log_n_sentences": np.log(50),
            "log_n_question_words": np.log(4),
        }
    )


def test_names_that_stand_nowhere_are_counted_up_to_two():
    documents = [document_from_text("Ada Holm sells shoes to Peru.", title="test")]
    scores = [np.array([1], np.float32)]
    place = FEATURES.index("unknown_names")
    for question, n_unknown in {
        "Who sells shoes to Peru?": 0,
        "Who sells shoes to Chile?": 1,
        "Who sells shoes to Chile, Brazil and Japan?": 2,
    }.items():
        assert score_features(question, scores, documents)[place] == n_unknown
        assert score_features(question, scores)[place] == 0
    calibration = Calibration({"unknown_names": -2.0}, bias=0.0, threshold=0.3)
    known, unknown = (
        confidence(f"Who sells shoes to {place}?", scores, calibration, documents)
        for place in ("Peru", "Chile")
    )
    assert known == 0.5
    assert unknown < calibration.threshold


def test_scores_of_several_documents_are_one_distribution():
    assert named_features("x", [1, 2], [3]) == named_features("x", [1, 2, 3])
    assert named_features("x", [1, 2], [], [3]) == named_features("x", [1, 2, 3])


@pytest.mark.parametrize("scores", [[], [3], [2, 2], [-1e4, 1e4]])
@pytest.mark.parametrize("question", ["", "?", "What is it?"])
def test_features_are_always_numbers(scores, question):
    assert all(np.isfinite(value) for value in named_features(question, scores).values())


def test_a_probability():
    calibration = Calibration({"top": 2.0}, bias=-4.0, threshold=0.5)
    assert confidence("x", [np.array([2, 0], np.float32)], calibration) == pytest.approx(0.5)
    assert confidence("x", [np.array([1e9, 0], np.float32)], calibration) <= 1
    assert confidence("x", [np.array([-1e9, -2e9], np.float32)], calibration) >= 0
    assert confidence("x", [np.zeros(0, np.float32)], calibration) == 0.0
    assert confidence("x", [], calibration) == 0.0


def test_a_retriever_carries_its_calibration():
    class Carrier(BM25Retriever):
        calibrations = {"bm25": Calibration({}, 1.0, 0.7)}  # noqa: RUF012

    class Other(Carrier):
        name = "other"

    assert calibration_of(Carrier()).threshold == 0.7
    assert calibration_of(Other()) is UNCALIBRATED
    assert confidence("x", [np.ones(3, np.float32)], UNCALIBRATED) == 0.5 > UNCALIBRATED.threshold


def test_written_and_read_back():
    calibration = Calibration({"top": 0.5, "gap": -1.0}, 0.25, 0.4)
    entry = {**calibration.as_dict(), "metrics": {"ece": 0.1}}
    assert read_calibrations({"mamba": entry}) == {"mamba": calibration}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"bias": 1, "threshold": 0.5}, "'mamba'.*weights"),
        ({"weights": {}, "bias": "much", "threshold": 0.5}, "'mamba'.*much"),
        ({"weights": [1], "bias": 1, "threshold": 0.5}, "'mamba'"),
        ({"weights": {"mood": 1}, "bias": 1, "threshold": 0.5}, "mood.*log_n_sentences"),
    ],
)
def test_a_broken_table_is_named(entry, message):
    with pytest.raises(CheckpointError, match=message):
        read_calibrations({"mamba": entry})


def test_bm25_as_packaged_tells_its_subject_from_another():
    text = "The company was founded in 1998 by Ada Smith. It sells shoes. Nobody knew why."
    document = document_from_text(text, title="test")
    retriever = BM25Retriever()
    calibration = calibration_of(retriever)

    def ask(question):
        return confidence(question, [retriever.score(question, document)], calibration)

    assert ask("When was the company founded?") > calibration.threshold + 0.2
    assert ask("What is the capital of Peru?") < ask("When was the company founded?") - 0.2
    assert ask("Which enzyme inhibits the viral replication of influenza?") < calibration.threshold
