"""Fitting the confidence on questions with and without an answer."""

import json
import tomllib

import numpy as np
import pytest

from docqa.engine.errors import TrainingError
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.confidence import FEATURES, read_calibrations
from docqa.trainer import calibrate as fitting
from docqa.trainer.calibrate import (
    ANSWERABLE,
    FOREIGN,
    UNANSWERABLE,
    Example,
    as_toml,
    calibrate,
    choose_threshold,
    collect_examples,
    evaluate,
    example_weights,
    expected_calibration_error,
    fit_confidence,
    fit_logistic,
    judge,
)


def example(kind, top, *, file="a", half=0):
    features = np.zeros(len(FEATURES))
    features[FEATURES.index("top")] = top
    return Example(file, kind, half, features)


def test_logistic_regression_finds_the_coefficients():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(20_000, 2))
    logits = 1.5 * features[:, 0] - 0.5 * features[:, 1] + 0.3
    labels = generator.random(20_000) < 1 / (1 + np.exp(-logits))
    found = fit_logistic(features, labels, np.ones(20_000))
    np.testing.assert_allclose(found, [1.5, -0.5, 0.3], atol=0.08)


def test_separable_examples_stay_finite():
    features = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    found = fit_logistic(features, features[:, 0] > 0, np.ones(4))
    assert np.isfinite(found).all()
    assert found[0] > 0


def test_classes_weigh_the_same_and_so_do_their_files():
    examples = [
        *[example(ANSWERABLE, 1, file="a")] * 6,
        *[example(ANSWERABLE, 1, file="b")] * 2,
        *[example(FOREIGN, 0, file="a")] * 4,
    ]
    weights = example_weights(examples)
    assert weights.sum() == pytest.approx(12)
    assert weights[:6].sum() == weights[6:8].sum() == pytest.approx(3)
    assert weights[8:].sum() == pytest.approx(6)


def test_threshold_keeps_the_precision():
    """25 refusals, 20 of them right; five of 180 questions with an answer are few enough."""
    confidences = np.linspace(0, 0.995, 200)
    answerable = np.arange(200) >= 20
    assert choose_threshold(confidences, answerable, np.ones(200)) == pytest.approx(0.1225)


def test_threshold_refuses_few_questions_with_an_answer():
    """43 refusals: the next would be the fourth of 60 questions with an answer, over 5 %."""
    confidences = np.linspace(0, 0.99, 100)
    answerable = np.arange(100) >= 40
    assert choose_threshold(confidences, answerable, np.ones(100)) == pytest.approx(0.425)


def test_no_threshold_where_none_is_good():
    confidences = np.linspace(0, 0.99, 100)
    # No mistakes to be had: every refusal would be one.
    assert choose_threshold(confidences, np.ones(100, bool), np.ones(100)) == 0.0
    # Equal confidences cannot be told apart.
    answerable = np.arange(100) >= 40
    assert choose_threshold(np.full(100, 0.5), answerable, np.ones(100)) == 0.0


def test_calibration_error_by_hand():
    confidences = np.array([0.05, 0.05, 0.95, 0.95])
    answerable = np.array([False, True, True, True])
    error = expected_calibration_error(confidences, answerable, np.ones(4))
    assert error == pytest.approx((abs(0.1 - 1) + abs(1.9 - 2)) / 4)


def test_evaluation_by_hand():
    examples = [
        *[example(ANSWERABLE, 1)] * 3,
        example(ANSWERABLE, -1),
        *[example(UNANSWERABLE, -1)] * 2,
        *[example(UNANSWERABLE, 1)] * 2,
        *[example(FOREIGN, -1)] * 4,
    ]
    found = evaluate(judge(examples, read_calibrations({"x": _top_only()})["x"]))
    # Each class weighs 6: an answerable example 1.5, another 0.75.
    assert found["refusal_precision"] == pytest.approx(4.5 / 6, abs=1e-4)
    assert found["refusal_recall"] == pytest.approx(6 / 8)
    assert found["refusal_recall_unanswerable"] == pytest.approx(2 / 4)
    assert found["false_refusals"] == pytest.approx(1 / 4)
    # 60 % of them are refused only together with the answerable one of the same confidence
    assert found["refusal_precision_at_60"] == pytest.approx(4.5 / 6, abs=1e-4)
    assert (found["n_examples"], found["n_answerable"]) == (12, 4)


def _top_only():
    weights = dict.fromkeys(FEATURES, 0.0) | {"top": 1.0}
    return {"weights": weights, "bias": 0.0, "threshold": 0.5}


def test_fit_separates_what_can_be_separated():
    generator = np.random.default_rng(0)
    examples = [
        *[example(ANSWERABLE, top) for top in generator.normal(2, 1, 300)],
        *[example(FOREIGN, top) for top in generator.normal(-2, 1, 300)],
    ]
    calibration = fit_confidence(examples)
    found = evaluate(judge(examples, calibration))
    assert calibration.weights["top"] > 0.5
    assert found["refusal_recall"] > 0.95
    assert found["refusal_precision"] >= 0.8
    assert found["ece"] < 0.05


@pytest.fixture
def labelled_file(tmp_path):
    """Forty documents, each about a word of its own, with a question it cannot answer."""
    path = tmp_path / "made.dev.jsonl"
    lines = []
    for i in range(40):
        text = "\n".join([f"The topic{i} was seen in city{i}.", *["Filler line of text."] * 8])
        questions = [
            {"id": "a", "question": f"Where was topic{i} seen?", "evidence": [[0, 10]]},
            {"id": "b", "question": "Whose moon?", "evidence": [], "answerable": False},
        ]
        lines.append(json.dumps({"doc_id": str(i), "text": text, "questions": questions}))
    path.write_text("\n".join(lines))
    return path


def test_examples_of_a_file(labelled_file):
    examples = list(collect_examples(labelled_file, BM25Retriever(), None, 0))
    kinds = [one.kind for one in examples]
    assert [kinds.count(kind) for kind in (ANSWERABLE, UNANSWERABLE, FOREIGN)] == [40, 40, 40]
    assert 10 < sum(one.half for one in examples) / 3 < 30


def test_each_half_is_judged_by_what_the_other_fitted(labelled_file, monkeypatch):
    fitted, judged = [], []
    fit, put = fitting.fit_confidence, fitting.judge

    def watched_fit(examples, names):
        fitted.append({one.half for one in examples})
        return fit(examples, names)

    def watched_judge(examples, calibration):
        judged.append({one.half for one in examples})
        return put(examples, calibration)

    monkeypatch.setattr(fitting, "fit_confidence", watched_fit)
    monkeypatch.setattr(fitting, "judge", watched_judge)
    entry = calibrate([labelled_file], BM25Retriever())
    assert judged == [{1}, {0}]
    assert fitted == [{0}, {1}, {0, 1}]  # all of them fit what ships
    assert entry["metrics"]["n_examples"] == 120


def test_from_files_to_a_table(labelled_file):
    seen = []
    entry = calibrate(
        [labelled_file], BM25Retriever(), seed=3, on_progress=lambda *one: seen.append(one)
    )
    assert entry["metrics"]["refusal_recall"] > 0.9
    assert entry["metrics"]["refusal_precision"] > 0.75
    assert list(entry["metrics"]["files"]) == ["made.dev.jsonl"]
    assert seen[-1] == ("made.dev.jsonl", 40, 40)
    assert read_calibrations(json.loads(json.dumps({"bm25": entry})))["bm25"].threshold > 0
    assert read_calibrations(tomllib.loads(as_toml("bm25", entry)))["bm25"].bias == entry["bias"]
    assert calibrate([labelled_file], BM25Retriever(), seed=3) == entry


def test_too_little_to_fit_on(tmp_path):
    path = tmp_path / "one.jsonl"
    question = {"id": "a", "question": "Who?", "evidence": [[0, 3]]}
    path.write_text(json.dumps({"doc_id": "1", "text": "One line.", "questions": [question]}))
    with pytest.raises(TrainingError, match="Cannot calibrate"):
        calibrate([path], BM25Retriever())
