"""Test files in the format of the published ones, with their real field names and keys."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

Fields = dict[str, Any]
Encode = Callable[[str], list[int]]


def units(n: int, name: str = "") -> list[str]:
    """Sentence units as the paper cuts them: each carries the white space behind it."""
    return [
        f"In year {i} the harbour of {name}Élan shipped {7 * i} casks of salt. " for i in range(n)
    ]


def entry(
    sentences: list[str],
    question: str,
    answer: list[str],
    *,
    kind: str = "sentence",
    encode: Encode | None = None,
) -> Fields:
    """One datapoint; token ids are made by `encode`, by default one a word."""
    encode = encode or (lambda text: [100 * len(one) for one in text.split()])
    ids = encode(question + "\n")
    ends = []
    for one in sentences:
        ids += encode(one)
        ends.append(len(ids) - 1)
    return {
        "input_ids": ids,
        "full_text_sentences": sentences,
        "question": question,
        "answer": answer,
        "answer_type": kind,
        "sentence_indices": ends,
    }


def sets() -> dict[str, dict[Any, Fields]]:
    """Three sets with four documents of thousands of sentences; two questions share one."""
    long, other = units(3000), units(2000, "other ")
    return {
        "narrativeqa": {
            ("narrativeqa", 0): entry(long, "What was shipped?", ["salt", "casks of salt"]),
            ("narrativeqa", 1): entry(long, "How many in year 100?", ["700"]),
            ("narrativeqa", 2): entry(other, "Who ruled?", ["Nobody."], kind="paragraph"),
        },
        "quality": {("quality", "a7"): entry(units(5), "Which?\n(A) salt (B) tar", ["(A) salt"])},
        "qasper": {("qasper", 9): entry(["One unit.", "Another\n", "one."], "Why?", ["So."])},
    }


def write_pickle(path: Path, content: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def write_json(path: Path, content: dict[str, dict[Any, Fields]]) -> Path:
    """As the JSON release has it: the key is the tuple as text."""
    named = {
        outer: {str(key): fields for key, fields in inner.items()}
        for outer, inner in content.items()
    }
    path.write_text(json.dumps(named), encoding="utf-8")
    return path
