"""From raw texts to a report, by the commands that the README gives, with a scripted model."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.answers.conftest import model, write_labelled
from tests.generators.scripted_server import Reply, serving
from tests.synthetic import writer
from tests.synthetic.conftest import story

ROOT = Path(__file__).parent.parent
CHAT = "/v1/chat/completions"


def script() -> str:
    """The README's block."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- chain: begin -->\n```\n(.*?)```\n<!-- chain: end -->", text, re.S)
    return str(block)


def write_or_answer(sent: dict[str, Any]) -> Reply:
    """A model that writes questions, answers them and judges answers."""
    prompt = sent["messages"][-1]["content"]
    if "Attempted answer:" in prompt or re.search(r"\b(?:built|export|ceiling)\b", prompt):
        return model(sent)
    return writer.plain(sent)


@pytest.mark.slow
def test_the_chain_of_the_readme_ends_in_a_report(tmp_path: Path, fresh_user: Path) -> None:
    (tmp_path / "texts").mkdir()
    for i in range(2):
        path = tmp_path / "texts" / f"story-{i}.txt"
        path.write_text(story(120, 200 * i), encoding="utf-8")
    write_labelled(tmp_path / "asked.dev.jsonl.gz", 2)
    models = {"data": [{"id": "tiny", "max_model_len": 32768}]}
    with serving({CHAT: write_or_answer, "/v1/models": Reply(body=models)}) as server:
        done = subprocess.run(
            ["bash", "-euc", script().replace("http://127.0.0.1:8000/v1", server.url)],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    with gzip.open(tmp_path / "runs/data/data.jsonl.gz", "rt") as file:
        assert sum(len(json.loads(line)["questions"]) for line in file) == 2
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "before" in html
    assert "after" in html
    assert "asked" in html
