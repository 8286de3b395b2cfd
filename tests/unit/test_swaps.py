"""Questions with one thing exchanged, so that their document does not answer them any more."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from docqa.trainer.dataset import LabelledDocument, LabelledQuestion, read_documents
from docqa.trainer.templates import swaps
from docqa.trainer.templates.questions import make_questions
from docqa.trainer.templates.swaps import PER_DOCUMENT, Swapper, ask_swaps

TEXT = (
    "The Harbour Cup of 1998 was won by Ada Holm. The race was the longest of its kind. "
    "She lived on the northern mole with her two dogs. "
    "Nobody remembers who rowed in the years between. "
    "The Lantern Prize of 2003 went to Bo Lind, who had rowed for 14 hours."
)


def document(*pairs: tuple[str, str]) -> LabelledDocument:
    """A text with questions, each with the words of its evidence."""
    questions = []
    for i, (question, words) in enumerate(pairs):
        start = TEXT.index(words)
        spans = ((start, start + len(words)),)
        questions.append(LabelledQuestion(str(i), question, (words,), spans, answerable=True))
    return LabelledDocument("1", "people", "x", "Cup", TEXT, tuple(questions))


@pytest.mark.parametrize(
    ("question", "words", "swapped"),
    [
        ("Who won in 1998?", "Ada Holm", "Who won in 2003?"),
        ("Who won the Harbour Cup?", "Ada Holm", "Who won the Lantern Prize?"),
        ("Which race was the longest?", "the longest", "Which race was the shortest?"),
        ("Did Bo Lind row 14 hours?", "14 hours", "Did Ada Holm row 14 hours?"),
        ("Where did her three dogs live?", "Ada Holm", "Where did her two dogs live?"),
    ],
)
def test_one_thing_of_a_question_is_exchanged(question: str, words: str, swapped: str) -> None:
    labelled = document((question, words))
    found = [one for seed in range(20) for one in ask_swaps(labelled, random.Random(seed))]
    assert swapped in {one.question for one in found}
    for one in found:
        assert one.sentences == ()
        n_same = sum(a == b for a, b in zip(one.question.split(), question.split(), strict=True))
        assert n_same >= len(question.split()) - 2


def test_a_question_is_denied_where_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swaps, "_DENIED", 1.0)
    labelled = document(("Where did the Cup go?", "Ada Holm"), ("Who does row?", "who rowed"))
    swap = Swapper(labelled)
    chance = random.Random(0)
    denied, kept = (swap(question, chance) for question in labelled.questions)
    assert denied == "Where didn't the Cup go?"
    assert kept is None  # what `Nobody` does and `doesn't` might agree


def test_a_denial_is_taken_back_where_the_answer_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swaps, "_DENIED", 1.0)
    labelled = document(("Who couldn't tell it?", "Nobody remembers"))
    (question,) = labelled.questions
    assert Swapper(labelled)(question, random.Random(0)) == "Who could tell it?"


def test_a_name_from_beside_the_answer_is_put_to_its_sentence_alone() -> None:
    text = "The cup went to Ada Holm. The boat was built by Bo Lind. " + "It rained. " * 9
    text += "The mole was paid for by Cy Moss."
    span = ((text.index("The cup"), text.index(" The boat")),)
    asked = "Did the cup go to Ada Holm?"
    question = LabelledQuestion("1", asked, ("yes",), span, answerable=True)
    labelled = LabelledDocument("1", "people", "x", "Cup", text, (question,))
    chance = random.Random(0)
    put = [Swapper(labelled, of_sentence=True)(question, chance) for _ in range(40)]
    beside, far = (f"Did the cup go to {name}?" for name in ("Bo Lind", "Cy Moss"))
    assert set(put) == {beside, far}
    assert put.count(beside) > put.count(far)
    assert {one.question for one in ask_swaps(labelled, chance)} == {far}


def test_a_word_gives_way_to_one_between_the_same_neighbours() -> None:
    text = (
        "They paid for the timber of the mole. It was sold by the city of Ostwin. "
        "It rained. A song told of the keeper of the light."
    )
    span = ((0, text.index("mole")),)
    asked = "who paid for the timber of it?"
    question = LabelledQuestion("1", asked, ("They",), span, answerable=True)
    labelled = LabelledDocument("1", "people", "x", "Cup", text, (question,))
    assert Swapper(labelled)(question, random.Random(0)) == "who paid for the keeper of it?"


def test_what_stands_beside_the_answer_is_not_put_in() -> None:
    """The only other year stands in the sentence that answers."""
    text = "In 1998 and 2003 the cup was won by Ada Holm."
    span = ((text.index("Ada"), len(text) - 1),)
    question = LabelledQuestion("1", "Whose was it in 1998?", ("Ada Holm",), span, answerable=True)
    labelled = LabelledDocument("1", "people", "x", "Cup", text, (question,))
    assert list(ask_swaps(labelled, random.Random(0))) == []


def test_no_year_that_a_row_has_a_figure_for_is_put_in() -> None:
    text = """Purchases in 2019 were small.

Cash flows

2024 | 2023 | 2022
Purchases of vessels | (21) | (9) | (4)

Nothing was bought in the year 2020, nor in 2021 by anyone at all."""
    start = text.index("(21)")
    asked = "What was paid for vessels in 2024?"
    question = LabelledQuestion("1", asked, ("(21)",), ((start, start + 4),), answerable=True)
    labelled = LabelledDocument("1", "filings", "x", "Cash", text, (question,))
    swap, chance = Swapper(labelled, of_sentence=True), random.Random(0)
    put = {swap(question, chance) for _ in range(60)}
    years = {year for year in range(2019, 2025) if asked.replace("2024", str(year)) in put}
    assert years == {2019, 2020, 2021}


def test_the_file_says_that_nothing_answers(tmp_path: Path) -> None:
    path = tmp_path / "cup.train.jsonl"
    start = TEXT.index("Ada")
    questions = [
        {
            "id": str(i),
            "question": "Who won in 1998?",
            "answers": ["Ada Holm"],
            "evidence": [[start, start + 8]],
            "answerable": True,
        }
        for i in range(PER_DOCUMENT + 5)
    ]
    record = {"doc_id": "1", "source": "people", "domain": "x", "title": "Cup", "text": TEXT}
    path.write_text(json.dumps({**record, "questions": questions}) + "\n", encoding="utf-8")
    (made,) = make_questions([path], "swaps", every=1, seed=0)
    assert made["source"] == "templates-swaps"
    assert made["text"] == TEXT
    assert len(made["questions"]) == PER_DOCUMENT
    again = tmp_path / "swaps.train.jsonl"
    again.write_text(json.dumps(made) + "\n", encoding="utf-8")
    (labelled,) = read_documents(again)
    assert not any(one.answerable or one.evidence for one in labelled.questions)
