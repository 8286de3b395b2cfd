"""A scripted language model for synthetic questions: answers what it is asked, in many manners.

It reads the prompt as a model would, so that its numbers are those that were offered, and chooses
its manner by the prompt, so that the same prompt gets the same reply.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from tests.generators.scripted_server import Reply, said

N_MANNERS = 8


def stage_of(sent: dict[str, Any]) -> str:
    """Which stage a request belongs to, by what it asks for."""
    system = sent["messages"][0]["content"]
    if system.startswith("You look for connections"):
        return "connection"
    return "sentences" if "LIST:" in system else "question"


def offered_in(sent: dict[str, Any]) -> list[int]:
    """The numbers that are offered: those after the passage, where there is one."""
    return _numbers(sent["messages"][-1]["content"].split("Other sentences:")[-1])


def _numbers(text: str) -> list[int]:
    return [int(one) for one in re.findall(r"^\[(\d+)\]", text, re.MULTILINE)]


def manner_of(sent: dict[str, Any]) -> int:
    prompt = json.dumps(sent["messages"])
    return int(hashlib.sha256(prompt.encode()).hexdigest(), 16) % N_MANNERS


def n_words(sent: dict[str, Any]) -> int:
    """The words of a prompt, which are its tokens here."""
    return sum(len(one["content"].split()) for one in sent["messages"])


def plain(sent: dict[str, Any]) -> Reply:
    """A model that does exactly what it is asked."""
    return said(_text(sent, 0), prompt_tokens=n_words(sent))


def mixed(sent: dict[str, Any]) -> Reply:
    """One that does it in eight manners; two of them are of no use."""
    return said(_text(sent, manner_of(sent)), prompt_tokens=n_words(sent))


def _text(sent: dict[str, Any], manner: int) -> str:
    stage = stage_of(sent)
    if manner == 7:
        return "I'm sorry, but I can't help with this request."
    if stage == "connection":
        passage = _numbers(sent["messages"][-1]["content"].split("Other sentences:")[0])
        return _connections(passage[0], offered_in(sent), manner)
    if stage == "question":
        return _question(sent, manner)
    return _sentences(offered_in(sent), manner)


def _connections(passage: int, offered: list[int], manner: int) -> str:
    def from_passage(number: int) -> int:
        return abs(number - passage)

    near, far = min(offered, key=from_passage), max(offered, key=from_passage)
    why = f"Ada Holm raised the Aurora in {1900 + passage}; the harbour paid in {1900 + far}."
    return [
        f"[{near}] It goes on about the harbour.\n[{far}] {why}",
        f"Here are the connections:\n\n1. **[{near}]**: The harbour.\n2. **[{far}]**: {why}",
        json.dumps([{"number": near, "reason": "The harbour."}, {"number": far, "reason": why}]),
        f"<think>[3]? No.</think>* Sentence {far}: {why}",
        f"{far}: {why}",
        f"| number | reason |\n|---|---|\n| {far} | {why} |",
        "There are no connections between the passage and the other sentences.",
    ][manner]


def _question(sent: dict[str, Any], manner: int) -> str:
    mark = hashlib.sha256(json.dumps(sent["messages"]).encode()).hexdigest()[:6]
    question = f"Who paid for raising the Aurora, number {mark}, after 1999?"
    return [
        f"QUESTION: {question}",
        f"**QUESTION:** {question}",
        f'```json\n{{"question": "{question}"}}\n```',
        f"Sure! Here is a question:\n\n{question}\n\nIt needs both places.",
        f'"{question}"',
        f"<think>Short and concrete.</think>\nQuestion: {question}",
        "QUESTION: What does the passage say about sentence 4?",
    ][manner]


def _sentences(offered: list[int], manner: int) -> str:
    first, second, last = offered[2], offered[3], offered[-2]
    return [
        f"LIST: {first}, {last}\nANSWER: the harbour",
        f"**LIST:** sentences {first}-{second} and {last}\n**ANSWER:** the harbour",
        json.dumps({"LIST": [first, last], "ANSWER": "the harbour"}),
        f"- [{first}]: names it\n- [{last}]: says who\n\nAnswer: the harbour",
        f"{first}, {second} and {last}",
        f"LIST: {first}\nANSWER: one place only",
        "LIST: NONE",
    ][manner]
