"""Labelled documents, a run over them, and a server that answers and judges."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.generators import scripted_server
from tests.generators.scripted_server import said

CHAT = "/v1/chat/completions"
PORTS = ("Anstruther", "Crail", "Elie", "Pittenweem", "Kinghorn", "Burntisland")
FILLER = "The council met on a Tuesday and spoke about the weather for an hour. "


def labelled_document(i: int, n_filler: int = 40) -> dict[str, Any]:
    """A town's chronicle: two facts with known answers, and a question it does not answer."""
    port = PORTS[i % len(PORTS)]
    facts = [
        f"The harbour of {port} was built in {1700 + i}.",
        f"{port} exported {100 + i} casks of salted herring.",
    ]
    text = FILLER * n_filler + facts[0] + " " + FILLER * n_filler + facts[1] + " " + FILLER
    spans = [[text.index(fact), text.index(fact) + len(fact)] for fact in facts]

    def question(number: int, asked: str, answers: list[str], evidence: list[Any]) -> Any:
        return {
            "id": f"{i}-{number}",
            "question": asked,
            "answers": answers,
            "evidence": evidence,
            "answerable": bool(evidence),
        }

    return {
        "doc_id": f"town-{i}",
        "source": "towns",
        "domain": "creative" if i % 2 else "government",
        "title": port,
        "text": text,
        "questions": [
            question(0, f"When was the harbour of {port} built?", [str(1700 + i)], [spans[0]]),
            question(1, f"How many casks did {port} export?", [f"{100 + i} casks"], [spans[1]]),
            question(2, f"Who painted the ceiling of the chapel at {port}?", [], []),
        ],
    }


def write_labelled(path: Path, n_documents: int) -> Path:
    lines = "".join(json.dumps(labelled_document(i)) + "\n" for i in range(n_documents))
    path.write_bytes(gzip.compress(lines.encode()))
    return path


@pytest.fixture
def towns(tmp_path: Path) -> Path:
    return write_labelled(tmp_path / "towns.dev.jsonl.gz", 6)


def model(sent: dict[str, Any]) -> scripted_server.Reply:
    """Answers from the evidence in the prompt, and judges by looking for the number.

    What a good model does: without the fact in the evidence it finds nothing.
    """
    prompt = sent["messages"][-1]["content"]
    if "Attempted answer:" in prompt:
        right = re.search(r"Right answers:\n- (\d+)", prompt)
        attempted = prompt.split("Attempted answer:\n")[1].splitlines()[0]
        agrees = right is not None and right[1] in attempted
        return said(f"REASON: compared.\n**DECISION:** {'Yes' if agrees else 'No'}")
    pattern = r"built in (\d+)" if "built?" in prompt else r"exported (\d+ casks)"
    fact = re.search(pattern, prompt) if "ceiling" not in prompt else None
    if "contribute" in prompt:
        return said(fact[0] if fact else "NOT FOUND")
    return said("REASON: it stands there [1].\n", f"ANSWER: {fact[1] if fact else 'NOT FOUND'}")
