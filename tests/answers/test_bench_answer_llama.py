"""The answer benchmark with two real models in this process: one answers, one judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run

pytestmark = pytest.mark.llama


def test_a_model_file_answers_and_another_judges(docqa: Run, towns: Path, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs the extra llama-tests")
    pytest.importorskip("gguf", reason="needs the extra llama-tests")
    from tests.generators.tiny_gguf import write_gguf

    says = "REASON: it is so. ANSWER: 1700"
    writer = write_gguf(tmp_path / "writer.gguf", says, context_tokens=4096)
    judge = write_gguf(tmp_path / "judge.gguf", "REASON: both. DECISION: NO", context_tokens=4096)
    done = docqa(
        *("bench", "answer", "--run", "run.db", "--data", str(towns), "--retriever", "bm25"),
        *("--limit", "4", "--words", "60", "--generator", "llama", "--model", str(writer)),
        *("--judge", "llama", "--judge-model", str(judge), "--answer-tokens", "64", "--json"),
    )
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["calls"]["answer"]["model"] == "writer.gguf"
    assert summary["calls"]["answer"]["done"] == 4
    assert summary["calls"]["answer"]["answer_tokens"] > 0
    n_judged = summary["overall"]["f1"]["questions"]  # those that have an answer
    assert summary["calls"]["judge"]["done"] == n_judged
    assert summary["overall"]["accuracy"]["mean"] == 0.0
    assert summary["overall"]["refused"]["mean"] == 0.0
