"""Retrieval metrics, scored by hand."""

import numpy as np
import pytest

from docqa.engine.evidence import select_evidence
from docqa.engine.ingest.documents import document_from_text
from docqa.trainer.metrics import n_within, score_question


def measure(scores, n_words, spans):
    return score_question(np.array(scores, np.float32), np.array(n_words, np.int64), spans)


def test_by_hand():
    # Ranking: 2, 0, 3, 1. Words down to each: 300, 700, 1100, 1900.
    result = measure([3, 1, 4, 2], [400, 800, 300, 400], [[0], [3]])
    assert result.recall_words == {500: 0.0, 1000: 0.5, 2000: 1.0}
    assert result.recall_sentences == {10: 1.0, 50: 1.0}
    assert result.reciprocal_rank == 1 / 2


def test_a_span_over_two_sentences_is_found_with_either():
    result = measure([1, 9, 2], [400, 400, 400], [[0, 1]])
    assert result.recall_words[500] == 1.0
    assert result.reciprocal_rank == 1.0


def test_one_sentence_can_hold_several_spans():
    result = measure([9, 1, 2], [400, 400, 400], [[0], [0], [1]])
    assert result.recall_words[500] == pytest.approx(2 / 3)


def test_a_span_without_a_sentence_is_missed():
    result = measure([2, 1], [5, 5], [[], [0]])
    assert result.recall_words[2000] == 0.5
    assert result.reciprocal_rank == 1.0
    assert measure([2, 1], [5, 5], [[]]).reciprocal_rank == 0.0


def test_sentence_budgets():
    scores = -np.arange(60.0)
    result = measure(scores, [1] * 60, [[9], [10], [49], [50]])
    assert result.recall_sentences == {10: 0.25, 50: 0.75}
    assert result.reciprocal_rank == 1 / 10


def test_the_best_sentence_always_counts():
    assert measure([1, 0], [3000, 1], [[0]]).recall_words == {500: 1.0, 1000: 1.0, 2000: 1.0}
    # It has used the budget up.
    assert measure([1, 0], [3000, 1], [[1]]).recall_words[2000] == 0.0


def test_equal_scores_keep_document_order():
    assert measure([1, 1, 1], [1, 1, 1], [[1]]).reciprocal_rank == 1 / 2


def test_oracle_is_perfect_and_chance_is_chance():
    generator = np.random.default_rng(0)
    n_words = np.full(400, 20)
    ranks, recalls = [], []
    for _ in range(400):
        gold = int(generator.integers(400))
        oracle = np.zeros(400, np.float32)
        oracle[gold] = 1
        best = measure(oracle, n_words, [[gold]])
        assert best.reciprocal_rank == 1.0
        assert set(best.recall_words.values()) == {1.0}
        chance = measure(generator.random(400), n_words, [[gold]])
        ranks.append(chance.reciprocal_rank)
        recalls.append(chance.recall_words[1000])
    assert np.mean(recalls) == pytest.approx(50 / 400, abs=0.05)
    assert np.mean(ranks) == pytest.approx(sum(1 / r for r in range(1, 401)) / 400, abs=0.02)


@pytest.mark.parametrize("budget", [1, 7, 20, 50, 1000])
def test_the_budget_is_that_of_evidence_selection(budget):
    generator = np.random.default_rng(budget)
    for _ in range(20):
        n_words = generator.integers(1, 12, size=10)
        text = "\n".join(" ".join(["word"] * n) + "." for n in n_words)
        document = document_from_text(text, title="test")
        scores = generator.integers(0, 5, size=10).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        selected = select_evidence([(document, scores)], n_words=budget)
        assert [one.sentence_id for one in selected] == order[
            : n_within(np.cumsum(n_words[order]), budget)
        ].tolist()


def test_what_cannot_be_measured():
    with pytest.raises(ValueError, match="without evidence"):
        measure([1], [1], [])
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        measure([1, 2], [1], [[0]])
