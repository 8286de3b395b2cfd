"""`docqa ask --questions`: a file of questions, answered one after another."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "assets" / "sample" / "harrow-point-ferries.pdf"
Run = Callable[..., Result]

NOTE = (
    "We make widgets. Jane Doe is our chief executive.\nTotal revenue was $12.5 million in 2021.\n"
)
QUESTIONS = ["Who is the chief executive?", "What was the total revenue in 2021?"]


@pytest.fixture
def note(tmp_path: Path) -> str:
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    return "note.txt"


def ask_all(docqa: Run, text: str, *more: str, stdin: str | None = None) -> Result:
    Path("questions.txt").write_text(text, encoding="utf-8")
    return docqa("ask", "--questions", "questions.txt", "--retriever", "bm25", *more, stdin=stdin)


def answers_of(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.removesuffix("\n").split("\n")]


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    retriever = {**answer["retriever"], "tokens_per_second": 0}
    return {**answer, "retriever": retriever, "seconds": sorted(answer["seconds"])}


def test_each_line_is_the_object_of_a_single_run(docqa: Run, note: str) -> None:
    docqa("ingest", note)
    answers = answers_of(ask_all(docqa, "\n\n".join(QUESTIONS) + "\n", note))
    assert [answer["question"] for answer in answers] == QUESTIONS
    for question, answer in zip(QUESTIONS, answers, strict=True):
        alone = json.loads(docqa("ask", question, note, "--retriever", "bm25", "--json").stdout)
        assert without_times(answer) == without_times(alone)
    assert "12.5 million" in answers[1]["answer"]
    assert answers[1]["seconds"]["ingest"] == 0


def test_answers_of_the_model_do_not_depend_on_the_questions_before(docqa: Run) -> None:
    questions = ["What is the interest rate of the shipyard credit?", "Which enzyme is inhibited?"]
    Path("questions.txt").write_text("\n".join(questions[::-1]), encoding="utf-8")
    answers = answers_of(docqa("ask", "--questions", "questions.txt", str(SAMPLE), "--quiet"))
    alone = json.loads(docqa("ask", questions[0], str(SAMPLE), "--json", "--quiet").stdout)
    assert without_times(answers[1]) == without_times(alone)
    assert "6.00%" in answers[1]["answer"]


def test_every_question_is_kept_in_the_history(docqa: Run, note: str) -> None:
    result = ask_all(docqa, "\n".join(QUESTIONS), note)
    kept = [json.loads(line) for line in docqa("history", "export").stdout.splitlines()]
    assert sorted(one["question"] for one in kept) == sorted(QUESTIONS)
    assert "1 of 2" in result.stderr
    assert f"kept as question 2: {QUESTIONS[1]}" in result.stderr


def test_json_lines_and_stdin(docqa: Run, note: str) -> None:
    lines = "".join(json.dumps({"id": 7, "question": one}) + "\n" for one in QUESTIONS)
    assert len(answers_of(ask_all(docqa, lines, note))) == 2
    piped = docqa("ask", "--questions", "-", note, "--retriever", "bm25", stdin=lines)
    assert [answer["question"] for answer in answers_of(piped)] == QUESTIONS


def test_without_a_document_the_last_one_is_asked(docqa: Run, note: str) -> None:
    ask_all(docqa, QUESTIONS[0], note)
    (answer,) = answers_of(ask_all(docqa, QUESTIONS[1]))
    assert answer["documents"][0]["title"] == "note"


def test_only_a_new_line_ends_a_question(docqa: Run, note: str) -> None:
    """Nothing else that Python counts as the end of a line."""
    odd = "Who is the\u2028chief\x0cexecutive?"
    lines = [json.dumps({"question": odd}, ensure_ascii=False), json.dumps({"question": "Who?"})]
    answers = answers_of(ask_all(docqa, "\r\n".join(lines), note))
    assert [answer["question"] for answer in answers] == [odd, "Who?"]
    answers = answers_of(ask_all(docqa, f"{odd}\nWho?\n", note))
    assert [answer["question"] for answer in answers] == [odd, "Who?"]


def test_half_a_character_in_a_question(docqa: Run, note: str) -> None:
    (answer,) = answers_of(ask_all(docqa, '{"question": "Who is \\ud800 the chief?"}', note))
    assert answer["question"] == "Who is \ufffd the chief?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n \n", "questions.txt holds no question"),
        ('{"question": "Who?"}\n{"q": 1}', "questions.txt, line 2 has no question"),
        ('{"question": "Who?"}\n\nWhere?', "questions.txt, line 3 is not JSON"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    docqa: Run, note: str, text: str, message: str
) -> None:
    result = ask_all(docqa, text, note)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_file_that_is_not_there_or_is_no_text(docqa: Run, note: str, tmp_path: Path) -> None:
    result = docqa("ask", "--questions", "none.txt", note)
    assert (result.exit_code, "Cannot read the questions in none.txt" in result.stderr) == (2, True)
    (tmp_path / "latin.txt").write_bytes("Où?".encode("latin1"))
    result = docqa("ask", "--questions", "latin.txt", note)
    assert (result.exit_code, "not UTF-8 (byte 1)" in result.stderr) == (2, True)


def test_stdin_cannot_be_both(docqa: Run) -> None:
    result = docqa("ask", "--questions", "-", "-", stdin="Who?")
    assert (result.exit_code, "one standard input" in result.stderr) == (2, True)


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to send")
def test_ctrl_c_keeps_what_is_answered(tmp_path: Path, note: str) -> None:
    (tmp_path / "questions.txt").write_text("Who is the chief executive?\n" * 5000)
    command = [sys.executable, "-m", "docqa.app.cli", "ask", "--questions", "questions.txt", note]
    out = tmp_path / "answers.jsonl"
    with out.open("w") as stdout:
        asking = subprocess.Popen(
            [*command, "--retriever", "bm25", "--library", "library.db"],
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not out.stat().st_size and asking.poll() is None:
            time.sleep(0.02)
        asking.send_signal(signal.SIGINT)
        _, narration = asking.communicate(timeout=60)
    assert asking.returncode == 130
    printed = [json.loads(line) for line in out.read_text().splitlines()]
    assert 1 <= len(printed) < 5000
    stopped_at = re.search(r"stopped at question ([\d,]+) of 5,000", narration)
    assert stopped_at
    assert int(stopped_at[1].replace(",", "")) - 1 in (len(printed) - 1, len(printed))
    listed = subprocess.run(
        [*command[:3], "history", "export", "--library", "library.db"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(listed.stdout.splitlines()) in (len(printed), len(printed) + 1)
