"""What the checkpoint's reader says of the best sentences goes with the scores."""

from __future__ import annotations

import numpy as np
import pytest

from docqa.engine.evidence import ranking
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.confidence import FEATURES, score_features
from docqa.engine.retrievers.fused_scores import (
    N_READ,
    READER_WEIGHT,
    SHORT,
    answers_of,
    by_length,
    lifted,
    logits_of,
    read_by,
    read_of,
)
from docqa.engine.retrievers.retriever import Retriever, load_retriever

TEXT = """The Harbour Cup of 1998 was won by Ada Holm, who rowed for the northern mole.
The second boat was that of Bo Lind. The race began at noon and ended in the rain.
The timber of the mole was sold by the city of Ostwin in 2003. Nobody paid for the old lamps.
The keeper of the light was called Tor Ek. He had two dogs and a small garden.
"""


@pytest.fixture(scope="module")
def mamba() -> Retriever:
    return load_retriever("mamba")


@pytest.mark.parametrize(
    ("answered", "not_answered"),
    [
        ("Who won the Harbour Cup of 1998?", "Who won the Harbour Cup of 2003?"),
        ("Who sold the timber of the mole?", "Who sold the roof of the church?"),
    ],
)
def test_the_reader_tells_a_question_from_one_on_something_else(
    mamba: Retriever, answered: str, not_answered: str
) -> None:
    document = document_from_text(TEXT, title="harbour")
    yes, no = (answers_of(mamba.score(question, document)) for question in (answered, not_answered))
    assert yes > no + 1.0


def test_hybrid_reads_its_own_best_sentences(mamba: Retriever) -> None:
    document = document_from_text(TEXT * 5, title="harbour")
    question = "Who won the Harbour Cup of 1998?"
    scores = load_retriever("hybrid").score(question, document)
    alone = mamba.score(question, document)
    np.testing.assert_allclose(logits_of(scores), logits_of(alone), atol=1e-4)
    best = {int(i) for i in ranking(scores.unread)[:N_READ]}
    assert best <= set(read_of(scores))
    for i in best & set(read_of(alone)):
        assert read_of(scores)[i] == pytest.approx(read_of(alone)[i], abs=1e-3)


class Listener:
    """A reader that finds later sentences likelier."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def find(self, *_: object) -> None:
        return None

    def answers(self, _question: str, _document: object, sentence_ids: list[int]) -> list[float]:
        self.asked.append(list(sentence_ids))
        return [float(i) - 10 for i in sentence_ids]


def test_the_best_sentences_are_read_and_the_others_stay_behind_them() -> None:
    document, reader = document_from_text(TEXT, title="harbour"), Listener()
    scores = np.arange(2 * N_READ, dtype=np.float32)[::-1].copy()
    read = read_by(reader, "Who?", document, scores)
    assert reader.asked == [list(range(N_READ))]
    np.testing.assert_allclose(
        read[:N_READ], scores[:N_READ] + READER_WEIGHT * (np.arange(N_READ) - 10)
    )
    np.testing.assert_allclose(read[N_READ:], scores[N_READ:] + READER_WEIGHT * -10)
    np.testing.assert_array_equal(logits_of(read), scores)
    assert set(map(int, ranking(read)[:N_READ])) == set(range(N_READ))


def test_what_was_read_is_not_read_again() -> None:
    document, reader = document_from_text(TEXT, title="harbour"), Listener()
    scores = np.arange(2 * N_READ, dtype=np.float32)[::-1].copy()
    read = read_by(reader, "Who?", document, scores)
    np.testing.assert_array_equal(read_by(reader, "Who?", document, read), read)
    assert reader.asked[1] == []
    words = np.zeros(len(scores), np.float32)
    words[N_READ] = 1.0
    again = read_by(reader, "Who?", document, lifted(read, words, 100.0))
    assert reader.asked[2] == [N_READ]
    expected = scores[N_READ] + 100.0 + READER_WEIGHT * (N_READ - 10)
    assert again[N_READ] == pytest.approx(expected)


def test_of_two_alike_the_shorter_comes_first_and_the_logits_stay() -> None:
    scores = np.array([3.0, 3.0, 3.0, 3.0], np.float32)
    short = by_length(scores, np.array([0, SHORT, 40, 41]), 0.5)
    assert list(ranking(short)) == [0, 1, 2, 3]
    assert short[0] == short[1], "none gains by less than that"
    assert short[1] - short[2] == pytest.approx(0.5 * np.log(40 / SHORT))
    np.testing.assert_array_equal(logits_of(short), scores)


def test_whether_anything_answers_is_the_mean_by_the_chance_to_be_best() -> None:
    document, reader = document_from_text(TEXT, title="harbour"), Listener()
    scores = np.array([1.0, 0.0, -50.0], np.float32)
    read = read_by(reader, "Who?", document, scores)
    chance = 1 / (1 + np.exp(-1.0))
    sure = chance / (1 + np.exp(10)) + (1 - chance) / (1 + np.exp(9))
    assert answers_of(read) == pytest.approx(np.log(max(sure, 1e-4) / (1 - max(sure, 1e-4))))
    assert answers_of(scores) == 0.0
    feature = FEATURES.index("answers")
    unread = np.zeros(0, np.float32)
    features = score_features("Who?", [read, unread])
    assert features[feature] == answers_of(read)
    assert features[FEATURES.index("first")] == read.max()
    assert features[FEATURES.index("top")] == scores.max() != read.max()
    assert read_by(None, "Who?", document, scores) is scores
    assert read_by(reader, "Who?", document, unread) is unread
