"""Replies of language models in many manners: what is read, and why the rest is dropped."""

from __future__ import annotations

import contextlib

import pytest

from docqa.trainer.synthetic.drops import Reason, Unusable
from docqa.trainer.synthetic.reading import (
    Connection,
    read_connections,
    read_question,
    read_sentences,
)

OFFERED = range(1, 41)

WHY_12 = "The storm of 1998 sank the Aurora."
WHY_30 = "Ada Holm left after it."
BOTH = [Connection(12, WHY_12), Connection(30, WHY_30)]


@pytest.mark.parametrize(
    "reply",
    [
        f"[12] {WHY_12}\n[30] {WHY_30}",
        f"Sure! Here are the connected sentences:\n\n1. [12] {WHY_12}\n2. [30] {WHY_30}",
        f"- **[12]**: {WHY_12}\n- **[30]**: {WHY_30}\n",
        f"* Sentence 12: {WHY_12}\n* Sentence 30 – {WHY_30}",
        f"1. **Sentence 12** - {WHY_12}\n2. **Sentence 30** - {WHY_30}",
        f"12. {WHY_12}\n30. {WHY_30}",
        f"12: {WHY_12}\n\n30: {WHY_30}",
        f"1. 12: {WHY_12}\n2. 30: {WHY_30}",
        f"Number: 12\nReason: {WHY_12}\n\nNumber: 30\nReason: {WHY_30}",
        f"### Sentence [12]\n{WHY_12}\n### Sentence [30]\n{WHY_30}",
        f"| 12 | {WHY_12} |\n| 30 | {WHY_30} |",
        f'[{{"number": 12, "reason": "{WHY_12}"}}, {{"number": 30, "reason": "{WHY_30}"}}]',
        f'```json\n{{"connections": [{{"sentence": "12", "reason": "{WHY_12}"}},\n'
        f' {{"sentence": "[30]", "reason": "{WHY_30}"}}]}}\n```',
        f'Here you are: {{"12": "{WHY_12}", "30": "{WHY_30}"}}',
        f"<think>[3] is near. [4]: no.</think>\n[12] {WHY_12}\n[30] {WHY_30}",
        f"So [3] is out.\n</think>\n[12] {WHY_12}\n[30] {WHY_30}",
        f"[12] {WHY_12}\n[30] {WHY_30}\n[99] Not offered.",
        f"[12] {WHY_12}\n[12] Once more.\n[30] {WHY_30}",
    ],
)
def test_connections_are_read(reply: str) -> None:
    assert read_connections(reply, OFFERED) == BOTH


def test_several_numbers_may_share_a_reason() -> None:
    found = read_connections(f"[12], [14] and [20-22]: {WHY_12}", OFFERED)
    assert [one.number for one in found] == [12, 14, 20, 21, 22]
    assert {one.reason for one in found} == {WHY_12}


def test_connections_are_found_in_prose() -> None:
    (found,) = read_connections("The wreck in sentence 12 explains why Ada Holm left.", OFFERED)
    assert found == Connection(12, "The wreck in sentence 12 explains why Ada Holm left.")


def test_a_count_of_lines_is_no_sentence() -> None:
    reply = "1. The wreck of [12] made Ada leave.\n2. Her letter in [30] says so."
    assert [one.number for one in read_connections(reply, OFFERED)] == [12, 30]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", Reason.EMPTY),
        (" \n", Reason.EMPTY),
        ("<think>Let me see [12] and", Reason.ONLY_THOUGHTS),
        ("I'm sorry, but I can't help with that.", Reason.REFUSAL),
        ("As an AI language model, I have no access to documents.", Reason.REFUSAL),
        ("NONE", Reason.NONE),
        ("**None.**", Reason.NONE),
        ("[]", Reason.NONE),
        ("There are no connections between the passage and the others.", Reason.NONE),
        ("The passage is about a ferry company.", Reason.NO_NUMBERS),
        ("[77] Far away.", Reason.UNKNOWN_NUMBERS),
        ("2024: a good year.", Reason.UNKNOWN_NUMBERS),
        ("[12]\n[30]", Reason.NO_REASON),
    ],
)
def test_replies_without_connections_say_why(reply: str, reason: Reason) -> None:
    with pytest.raises(Unusable) as caught:
        read_connections(reply, OFFERED)
    assert caught.value.reason is reason


QUESTION = "Why did Ada Holm leave after the Aurora sank?"


@pytest.mark.parametrize(
    "reply",
    [
        QUESTION,
        f"QUESTION: {QUESTION}",
        f"**QUESTION:** {QUESTION}",
        f"**Question**: {QUESTION}",
        f"Question:\n\n{QUESTION}",
        f'QUESTION: "{QUESTION}"',
        f"Sure, here is a question:\n\nQUESTION: {QUESTION}\n\nIt needs both places.",
        f"REASON: A question: such as this?\nQUESTION: {QUESTION}",
        f"1. Question: {QUESTION}",
        f"Here is one that needs both places.\n\n1. {QUESTION}\n\nI hope it helps.",
        f'```json\n{{"question": "{QUESTION}"}}\n```',
        f"<think>What about: who? No.</think>{QUESTION}",
    ],
)
def test_a_question_is_read(reply: str) -> None:
    assert read_question(reply) == QUESTION


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("QUESTION: NONE", Reason.NONE),
        ("NONE", Reason.NONE),
        ("I cannot write a question about this.", Reason.REFUSAL),
        ("The two places are about the Aurora.", Reason.NO_QUESTION),
        ("Who left? When did Ada leave?\nAnd who stayed?", Reason.NO_QUESTION),
    ],
)
def test_replies_without_a_question_say_why(reply: str, reason: Reason) -> None:
    with pytest.raises(Unusable) as caught:
        read_question(reply)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("reply", "numbers"),
    [
        ("LIST: 1, 3 and 7", [1, 3, 7]),
        ("1, 3, 7", [1, 3, 7]),
        ("LIST: [1], [3], [7]", [1, 3, 7]),
        ("LIST: [7, 3, 1]", [1, 3, 7]),
        ("[1, 3, 7]", [1, 3, 7]),
        ("**LIST:** sentences 4-6 and 9", [4, 5, 6, 9]),
        ("Sentences 4–6 and sentence 9 help to answer it.", [4, 5, 6, 9]),
        ("LIST:\n- [1]\n- [3]: it names the ship\n- [7] because of 1998", [1, 3, 7]),
        ("1. Sentence 12\n2. Sentence 15\n3. Sentence 20", [12, 15, 20]),
        ("1. 12\n2. 15\n3. 20", [12, 15, 20]),
        ('{"LIST": [1, 3, "7"], "ANSWER": "1998"}', [1, 3, 7]),
        ('```json\n[{"number": 1}, {"number": 3}, {"number": 7}]\n```', [1, 3, 7]),
        ("To answer, sentence 2 may help.\n\nLIST: 1, 3, 7", [1, 3, 7]),
        ("LIST: 1, 3, 7, 88", [1, 3, 7]),
        ("LIST: 3", [3]),
        ("LIST: #1, #3, #7", [1, 3, 7]),
        ("LIST: 1, 3, 7\nANSWER: 12 ships in 1998", [1, 3, 7]),
        ("ANSWER: 12 ships\nLIST: 1, 3, 7", [1, 3, 7]),
    ],
)
def test_sentences_are_read(reply: str, numbers: list[int]) -> None:
    assert read_sentences(reply, OFFERED)[0] == numbers


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("LIST: 1, 3\nANSWER: The storm of 1998.", "The storm of 1998."),
        ("ANSWER: The storm of 1998.\nLIST: 1, 3", "The storm of 1998."),
        ("LIST: 1, 3\n\n**ANSWER:** “The storm of 1998.”", "The storm of 1998."),
        ("1, 3\nAnswer:\nThe storm\nof 1998.", "The storm of 1998."),
        ('{"list": [1, 3], "answer": "The storm of 1998."}', "The storm of 1998."),
        ("LIST: 1, 3", ""),
        ("LIST: 1, 3\nANSWER: none", ""),
    ],
)
def test_the_answer_is_read_where_it_is_given(reply: str, answer: str) -> None:
    assert read_sentences(reply, OFFERED) == ([1, 3], answer)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("LIST: NONE", Reason.NONE),
        ("LIST: []", Reason.NONE),
        ("None of the sentences answer the question.", Reason.NONE),
        ("LIST: NONE\nANSWER: not found", Reason.NONE),
        ("I'm unable to answer.", Reason.REFUSAL),
        ("I am unable to answer.", Reason.REFUSAL),
        ("The storm did it.", Reason.NO_NUMBERS),
        ("LIST: 51, 52", Reason.UNKNOWN_NUMBERS),
    ],
)
def test_replies_without_sentences_say_why(reply: str, reason: Reason) -> None:
    with pytest.raises(Unusable) as caught:
        read_sentences(reply, OFFERED)
    assert caught.value.reason is reason


@pytest.mark.parametrize("unit", ["1", "1 ", "[1", "1,", "[", "1 - ", "**", "{", '{"a": [1', "|"])
def test_a_reply_that_runs_wild_is_read_at_once(unit: str) -> None:
    """A model that repeats itself must not find a pattern that takes for ever."""
    for reply in (unit * 3000, f'{{"x": "{unit.replace(chr(34), "") * 3000}!"}}'):
        for read in (read_connections, read_sentences):
            with contextlib.suppress(Unusable):
                assert read(reply, OFFERED)
        with contextlib.suppress(Unusable):
            assert read_question(reply)
