"""Language models do not keep to forms; what they mean is read all the same."""

from __future__ import annotations

import pytest

from docqa.trainer.answers.replies import chosen, decision, final_answer, is_refusal


@pytest.mark.parametrize(
    "reply",
    [
        "DECISION: YES",
        "Decision: Yes.",
        "REASON: no word differs, and 5.1 rounds to 5.\nDECISION: YES",
        "**DECISION:** Yes",
        "**DECISION: YES**",
        "DECISION - yes",
        "DECISION:\nYES",
        "DECISION: [YES]",
        'DECISION: "yes"',
        "DECISION: `YES`",
        "DECISION: **Y**",
        "DECISION: Correct",
        "DECISION: True.",
        '{"reason": "no difference", "decision": "yes"}',
        "The decision is yes.",
        "Final decision → YES",
        "DECISION: NO at first sight. Looking again:\nDECISION: YES",
        "<think>DECISION: NO, or is it?</think>DECISION: YES",
        "Yes",
        "yes, both say 1,577.",
        "**Yes.** The answers agree.",
        "Both say that he was born in 1912, so: YES",
        "DECISION: It agrees with the second answer.",
        "# Decision\nYES\n\nThere is no difference that counts.",
    ],
)
def test_ways_of_saying_yes(reply: str) -> None:
    assert decision(reply) is True


@pytest.mark.parametrize(
    "reply",
    [
        "DECISION: NO",
        "Decision: No.",
        "REASON: yes, both name a year, but not the same.\nDECISION: NO",
        "**DECISION:** No",
        "**DECISION: NO**",
        "DECISION - no",
        "DECISION:\nNO",
        "DECISION: (no)",
        "DECISION: 'No'",
        "DECISION: N",
        "DECISION: Incorrect",
        "DECISION: not correct",
        "DECISION: false",
        '{"decision": "no", "reason": "yes and no"}',
        "The verdict is no.",
        "DECISION: YES? On reflection:\nDECISION: NO",
        "DECISION: does not agree",
        "DECISION: It does not match the ground truth.",
        "No",
        "no - 1,577 is not 1,373.",
        "**No.** Correct would be 1912.",
        "The years differ, therefore no.",
        "DECISION: Wrong",
    ],
)
def test_ways_of_saying_no(reply: str) -> None:
    assert decision(reply) is False


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   \n",
        "DECISION:",
        "DECISION: YES/NO",
        "DECISION: YES or NO",
        "DECISION: maybe",
        "I cannot tell.",
        "Notable answers differ a lot in style",
        "<think>DECISION: YES",
    ],
)
def test_what_is_no_verdict(reply: str) -> None:
    assert decision(reply) is None


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("REASON: see [3].\nANSWER: In 1912.", "In 1912."),
        ("**REASON:** …\n\n**ANSWER:** In 1912 [3][5].", "In 1912 ."),
        ("ANSWER: first\nANSWER: second", "second"),
        ("The answer is 1912.", "The answer is 1912."),
        ("<think>ANSWER: 1911</think>\nAnswer: 1912", "1912"),
        ("In 1912.\nANSWER:", "In 1912. ANSWER:"),
        ("", ""),
    ],
)
def test_the_answer_stands_behind_its_keyword(reply: str, answer: str) -> None:
    assert final_answer(reply) == answer


@pytest.mark.parametrize(
    "answer",
    [
        "NOT FOUND",
        "**Not found.**",
        "The document does not mention it.",
        "The context provided doesn't say.",
        "No information about dividends is given.",
        "I cannot find the answer.",
        "I don't know.",
        "The answer is not given in the text.",
        "The document does not seem to answer this question (confidence 3%).",
        "Unanswerable",
    ],
)
def test_ways_of_refusing(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "1912",
        "No, the contract forbids it.",
        "Not before 2024.",
        "The board does not pay dividends.",
        "He says that the document does not mention it.",
        "",
    ],
)
def test_what_is_an_answer(answer: str) -> None:
    assert not is_refusal(answer)


OPTIONS = ("A red house", "A blue house", "Neither", "The house")


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("B", 1),
        ("b", 1),
        ("(B)", 1),
        ("B.", 1),
        ("B) A blue house", 1),
        ("**B**", 1),
        ("B: because the text says so", 1),
        ("Option C", 2),
        ("The answer is D", 3),
        ("The answer is (C).", 2),
        ("The correct answer is: **B**", 1),
        ("A blue house", 1),
        ("a red house.", 0),
        ("neither", 2),
        ("It is a blue house that he bought.", 1),
        ("The house", 3),
        ("A", 0),
        ("A. A red house", 0),
        ("I think it was the red house, answer: A", 0),
        ("A Blue House", 1),
        ("Answer: B, not A", 1),
        ("I'd say a blue house", 1),
        ("E", None),
        ("", None),
        ("He bought a car.", None),
        ("Either a red house or a blue house.", None),
        ("I am not sure.", None),
    ],
)
def test_a_choice_is_read_by_letter_or_text(answer: str, choice: int | None) -> None:
    assert chosen(answer, OPTIONS) == choice
