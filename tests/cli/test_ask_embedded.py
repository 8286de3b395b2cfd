"""`docqa ask` with the checkpoint that ships: the sample document and real filings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "assets" / "sample" / "harrow-point-ferries.pdf"
REAL = ROOT.parent / "shared" / "pdfs" / "real"
Run = Callable[..., Result]


def ask(docqa: Run, question: str, *more: str) -> dict[str, Any]:
    result = docqa("ask", question, str(SAMPLE), "--json", "--quiet", *more)
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


FACTS = [
    ("How much did the purchase of new vessels cost in 2024?", "(18,640)", 9),
    ("How many employees did the company have at the end of the year?", "438 employees", 2),
    ("What is the interest rate of the shipyard credit?", "6.00%", 10),
]


@pytest.mark.parametrize(("question", "words", "page"), FACTS)
def test_answers_about_the_sample_stand_on_the_right_page(
    docqa: Run, question: str, words: str, page: int
) -> None:
    answer = ask(docqa, question)
    assert not answer["abstained"]
    assert words in answer["answer"]
    assert f"p. {page}" in answer["answer"]
    cited = [one for one in answer["evidence"] if one["cited"]]
    assert any(words in one["text"] and one["page"] == page for one in cited)
    assert answer["retriever"]["name"] == "hybrid"
    assert answer["retriever"]["checkpoint"] == "embedded"
    assert answer["documents"][0]["tokens"] > 4000


@pytest.mark.parametrize(("question", "words", "page"), FACTS)
def test_mamba_alone_ranks_the_right_sentence_high(
    docqa: Run, question: str, words: str, page: int
) -> None:
    best = ask(docqa, question, "--retriever", "mamba")["evidence"][:3]
    assert any(words in one["text"] and one["page"] == page for one in best)


def test_a_question_the_sample_does_not_answer_is_refused(docqa: Run) -> None:
    answer = ask(docqa, "Which enzyme inhibits the replication of the influenza virus?")
    assert answer["abstained"]
    assert not any(one["cited"] for one in answer["evidence"])
    assert "does not seem to answer" in answer["answer"]


def test_same_question_same_evidence_and_no_second_ingest(docqa: Run) -> None:
    question = "Who operates the seasonal service to Cape Amity?"
    first, second = ask(docqa, question), ask(docqa, question)
    assert first["evidence"] == second["evidence"]
    assert second["seconds"]["ingest"] < first["seconds"]["ingest"]


def test_doctor_names_the_embedded_checkpoint(docqa: Run) -> None:
    result = docqa("doctor", "--json")
    assert result.exit_code == 0, result.stdout
    retriever = json.loads(result.stdout)["retriever"]
    assert retriever["checkpoint"] == "embedded"
    assert "steps" in retriever["trained"]
    assert "within 1,000 words" in retriever["recall_hybrid"]


PEAK = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"code": done.returncode, "out": done.stdout, "err": done.stderr, "kb": peak}))
"""


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real PDFs are not beside the repository")
@pytest.mark.parametrize("path", sorted(REAL.glob("*.pdf")), ids=lambda path: path.stem)
def test_every_real_document_is_answered_from_its_pages(path: Path, tmp_path: Path) -> None:
    """Valid JSON, each evidence text on its page, under 2 GB: as a user runs it."""
    library = str(tmp_path / "library.db")
    docqa = [sys.executable, "-m", "docqa.app.cli"]
    asked = ["ask", "What was the company's total revenue?", str(path), "--json"]
    done = json.loads(output(sys.executable, "-c", PEAK, *docqa, *asked, "--library", library))
    assert done["code"] == 0, done["err"]
    assert done["kb"] < 2 * 1024**2
    answer = json.loads(done["out"])
    assert [one["rank"] for one in answer["evidence"]] == list(
        range(1, len(answer["evidence"]) + 1)
    )
    for one in answer["evidence"][:5]:
        show = ["library", "show", one["document"], "--text", "--page"]
        page = output(*docqa, *show, str(one["page"]), "--library", library)
        begun, _, rest = one["text"].partition(page[one["start"] : one["end"]])
        assert not begun
        if rest:  # a sentence that goes on over the end of its page
            assert " ".join(rest.split()) in " ".join(
                output(*docqa, *show, str(one["page"] + 1), "--library", library).split()
            )
