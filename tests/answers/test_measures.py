"""Every measure against cases scored by hand."""

from __future__ import annotations

import pytest

from docqa.trainer.answers.measures import best, exact_match, f1, normalise, subspan_match


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Eiffel Tower.", "eiffel tower"),
        ("  an  APPLE,\n a day ", "apple day"),
        ("$1,577 million", "1577 million"),
        ("theatre", "theatre"),
        ("well-known", "wellknown"),
        ("Änderung", "änderung"),
        ("the", ""),
    ],
)
def test_a_text_is_normalised_as_the_official_script_does(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("the Eiffel Tower", "Eiffel tower", 1.0),
        ("in the Eiffel Tower", "Eiffel Tower", 0.8),  # precision 2/3, recall 1
        ("Paris", "London", 0.0),
        ("Paris Paris", "Paris", 2 / 3),  # precision 1/2: a word counts once
        ("Paris Paris London", "Paris Paris Rome Rome", 4 / 7),
        ("", "Paris", 0.0),
        ("the", "a", 1.0),  # nothing is left of either
        ("", "the", 1.0),
        ("It rose to 1,577", "1577", 0.4),  # it, rose, to, 1577: precision 1/4, recall 1
    ],
)
def test_f1(answer: str, gold: str, score: float) -> None:
    assert f1(answer, gold) == pytest.approx(score)


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [("The Nile.", "nile", 1.0), ("the river Nile", "Nile", 0.0), ("1,577", "1577", 1.0)],
)
def test_exact_match(answer: str, gold: str, score: float) -> None:
    assert exact_match(answer, gold) == score


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("It is the river Nile, in Egypt.", "the Nile", 1.0),
        ("born in 1912", "12", 0.0),
        ("born on the 12th", "12", 0.0),
        ("the United States of America", "United States", 1.0),
        ("America's United Nations", "United States", 0.0),
        ("anything", "the", 0.0),
        ("", "Nile", 0.0),
    ],
)
def test_subspan_match(answer: str, gold: str, score: float) -> None:
    assert subspan_match(answer, gold) == score


def test_of_several_gold_answers_the_best_counts() -> None:
    assert best(exact_match, "NYC", ["New York City", "nyc"]) == 1.0
    assert best(f1, "New York", ["New York City", "Big Apple"]) == pytest.approx(0.8)


def test_without_a_gold_answer_there_is_no_score() -> None:
    with pytest.raises(ValueError, match="gold"):
        best(f1, "anything", [])
