"""Evidence: ranked over all documents, within a budget."""

import time

import numpy as np
import pytest

from docqa.engine.evidence import select_evidence
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.types import Document


def document(*lines: str) -> Document:
    return document_from_text("\n".join(lines), title="test")


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def ids(evidence) -> list[int]:
    return [one.sentence_id for one in evidence]


THREE = document("one two three four five.", "six seven eight.", "nine ten.")


def test_best_first_with_ranks_from_one():
    found = select_evidence([(THREE, scores(0.1, 0.9, 0.5))])
    assert [(one.sentence_id, one.rank) for one in found] == [(1, 1), (2, 2), (0, 3)]
    assert found[0].score == pytest.approx(0.9)
    assert found[0].document_id == THREE.id


def test_equal_scores_keep_document_order():
    assert ids(select_evidence([(THREE, scores(1, 1, 1))])) == [0, 1, 2]


@pytest.mark.parametrize(
    ("n_words", "expected"),
    [(5, [1, 2]), (9, [1, 2]), (10, [1, 2, 0]), (4, [1]), (3, [1]), (1, [1])],
)
def test_words_are_counted_from_the_best_down(n_words, expected):
    assert ids(select_evidence([(THREE, scores(0, 2, 1))], n_words=n_words)) == expected


def test_a_sentence_over_the_budget_ends_the_selection():
    # The third (2 words) would fit, but it ranks below the one that does not.
    assert ids(select_evidence([(THREE, scores(1, 2, 0))], n_words=5)) == [1]


def test_the_tighter_limit_decides():
    assert ids(select_evidence([(THREE, scores(0, 2, 1))], n_words=100, top_k=1)) == [1]
    assert ids(select_evidence([(THREE, scores(0, 2, 1))], n_words=3, top_k=3)) == [1]


def test_documents_are_ranked_together():
    other = document("eleven twelve.", "thirteen.")
    found = select_evidence([(THREE, scores(0, 3, 1)), (other, scores(2, 3))])
    assert [(one.document_id == other.id, one.sentence_id) for one in found] == [
        (False, 1),
        (True, 1),
        (True, 0),
        (False, 2),
        (False, 0),
    ]


def test_nothing_to_select_from():
    empty = document("")
    assert select_evidence([]) == ()
    assert select_evidence([(empty, scores())], n_words=10) == ()
    assert ids(select_evidence([(empty, scores()), (THREE, scores(1, 0, 0))], top_k=1)) == [0]


def test_wrong_lengths_and_limits_are_named():
    with pytest.raises(ValueError, match=r"3 sentences, but scores of shape \(2,\)"):
        select_evidence([(THREE, scores(1, 2))])
    with pytest.raises(ValueError, match="n_words is 0"):
        select_evidence([(THREE, scores(1, 2, 3))], n_words=0)
    with pytest.raises(ValueError, match="top_k is -1"):
        select_evidence([(THREE, scores(1, 2, 3))], top_k=-1)


def test_a_hundred_thousand_sentences_take_a_moment():
    long = document(*["A sentence of six words here."] * 100_000)
    values = np.random.default_rng(0).random(100_000, np.float32)
    start = time.perf_counter()
    found = select_evidence([(long, values)], n_words=1000)
    assert time.perf_counter() - start < 2
    assert len(found) == 166
