"""The answer benchmark, through the command line, with the real engine and a real server."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from docqa.trainer.answers.run_file import read_run
from docqa.trainer.answers.scoring import score_run
from docqa.trainer.benchmarks.base import SUITES
from tests.answers.conftest import CHAT, FILLER, labelled_document, model, write_labelled
from tests.answers.published_files import entry, units, write_json
from tests.conftest import Run
from tests.generators.scripted_server import Reply, ScriptedServer, said, serving


def bench(docqa: Run, *arguments: str | Path) -> dict[str, Any]:
    """Run the benchmark and read its JSON."""
    done = docqa("bench", "answer", "--run", "run.db", "--json", "--quiet", *map(str, arguments))
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def means(summary: dict[str, Any]) -> dict[str, float]:
    return {name: one["mean"] for name, one in summary["overall"].items() if name != "recall_words"}


def with_model(server: ScriptedServer) -> list[str]:
    return ["--generator", "openai", "--base-url", server.url, "--judge", "openai"]


def test_without_a_language_model_quotations_are_scored(docqa: Run, towns: Path) -> None:
    summary = bench(docqa, "--data", towns, "--retriever", "bm25", "--words", "60")
    assert summary["questions"] == 18
    assert summary["resampled"]["by"] == "document"
    found = means(summary)
    assert "accuracy" not in found  # nobody judges
    assert found["evidence_recall"] == 1.0
    assert found["subspan_match"] == 1.0
    assert found["exact_match"] == 0.0
    assert summary["calls"] == {}
    assert [one["name"] for one in summary["by_category"]] == ["creative", "government"]
    assert {one["questions"] for one in summary["by_category"]} == {9}


def test_a_model_answers_and_another_judges(docqa: Run, towns: Path) -> None:
    with serving({CHAT: model}) as server:
        summary = bench(
            docqa, "--data", towns, "--retriever", "bm25", "--words", "60", *with_model(server)
        )
        n_requests = len(server.prompts())
    found = means(summary)
    assert found["accuracy"] == found["exact_match"] == found["f1"] == 1.0
    assert found["refused"] == 0.0
    assert found["refused_rightly"] == 1.0
    # 18 answers; the 6 refusals need no judge
    assert n_requests == 30
    assert summary["calls"]["answer"]["done"] == 18
    assert summary["calls"]["judge"]["done"] == 12
    assert summary["calls"]["judge"]["model"] == "tiny"
    assert summary["settings"]["model"] is None
    assert summary["is_finished"]
    assert summary["unanswered"] == summary["unreadable"] == 0


def test_the_prompt_says_what_form_the_answer_has(docqa: Run, towns: Path) -> None:
    with serving({CHAT: model}) as server:
        bench(docqa, "--data", towns, "--retriever", "bm25", "--limit", "1", *with_model(server))
        prompt = server.prompts()[0]
    assert "Answer in one sentence" in prompt
    assert "[1]" in prompt
    assert prompt.index("----- document text") < prompt.index("[1]")


def test_gold_evidence_scores_all(docqa: Run, towns: Path) -> None:
    with serving({CHAT: model}) as server:
        summary = bench(docqa, "--data", towns, "--scenario", "gold", *with_model(server))
    assert summary["questions"] == 12  # those without an answer have no evidence
    assert means(summary)["accuracy"] == means(summary)["evidence_recall"] == 1.0
    assert means(summary)["reciprocal_rank"] == 1.0


def test_random_evidence_scores_chance(docqa: Run, tmp_path: Path) -> None:
    towns = write_labelled(tmp_path / "towns.dev.jsonl.gz", 40)
    arguments = ("--data", towns, "--scenario", "random", "--top-k", "20", "--seed", "3")
    recall = bench(docqa, *arguments)["overall"]["evidence_recall"]
    assert recall["questions"] == 80
    assert recall["low"] < 20 / 83 < recall["high"]  # 20 of 83 sentences
    assert recall["high"] - recall["low"] < 0.25


def test_a_long_document_is_read_in_slices_and_their_notes_are_answered_from(
    docqa: Run, towns: Path
) -> None:
    with serving({CHAT: model}) as server:
        summary = bench(
            docqa,
            *("--data", towns, "--scenario", "full_context", "--context-tokens", "2048"),
            *("--answer-tokens", "64", "--limit", "9", *with_model(server)),
        )
    answers = [one.asked.is_answerable for one in score_run(read_run(Path("run.db")))]
    assert means(summary)["accuracy"] == 1.0
    assert summary["calls"]["slice"]["done"] > 9
    assert summary["calls"]["answer"]["done"] == sum(answers)  # of the others nothing was noted
    assert 0 < sum(answers) < 9
    assert means(summary)["refused_rightly"] == 1.0
    assert "evidence_recall" not in means(summary)


def test_a_slice_that_failed_leaves_its_questions_without_an_answer(
    docqa: Run, towns: Path
) -> None:
    def failing(sent: dict[str, Any]) -> Reply:
        prompt = sent["messages"][-1]["content"]
        is_of_crail = "Crail" in prompt.split("\n")[0] and "contribute" in prompt
        return Reply(400, {"error": {"message": "no"}}) if is_of_crail else model(sent)

    arguments = [
        *("--data", towns, "--scenario", "full_context", "--context-tokens", "2048"),
        *("--answer-tokens", "64"),
    ]
    with serving({CHAT: failing}) as server:
        summary = bench(docqa, *arguments, *with_model(server))
        assert summary["unanswered"] == 3
        assert summary["calls"]["slice"]["failed"] > 3
        server.replies[CHAT] = [model]
        again = bench(docqa, *arguments, *with_model(server))
    assert again["unanswered"] == again["calls"]["slice"]["failed"] == 0
    assert means(again)["accuracy"] == 1.0


def test_questions_of_one_name_are_refused(docqa: Run, tmp_path: Path) -> None:
    document = labelled_document(0)
    document["questions"][1]["id"] = document["questions"][0]["id"]
    path = tmp_path / "twice.jsonl"
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")
    done = docqa("bench", "answer", "--run", "r.db", "--data", str(path), "--retriever", "bm25")
    assert done.exit_code == 1
    assert "under a name of another, such as government/twice/0-0" in done.stderr


def test_quotations_can_be_judged_by_a_server_of_its_own(docqa: Run, towns: Path) -> None:
    with serving({CHAT: model}) as server:
        summary = bench(
            docqa,
            *("--data", towns, "--retriever", "bm25", "--limit", "6"),
            *("--judge", "openai", "--judge-base-url", server.url, "--judge-model", "tiny"),
        )
        assert all("Attempted answer:" in prompt for prompt in server.prompts())
    assert summary["settings"]["judge_model"] == "tiny"
    assert "answer" not in summary["calls"]
    assert summary["overall"]["accuracy"]["questions"] == 6


def test_full_context_needs_a_model(docqa: Run, towns: Path) -> None:
    done = docqa(
        "bench", "answer", "--run", "run.db", "--data", str(towns), "--scenario", "full_context"
    )
    assert done.exit_code == 2
    assert "full_context needs a language model" in done.stderr


def test_what_was_done_is_not_done_again(docqa: Run, towns: Path) -> None:
    with serving({CHAT: model}) as server:
        arguments = ["--data", towns, "--retriever", "bm25", *with_model(server)]
        first = bench(docqa, *arguments)
        n_requests = len(server.prompts())
        again = bench(docqa, *arguments)
        assert len(server.prompts()) == n_requests
    assert again["overall"] == first["overall"]
    other = docqa(
        *("bench", "answer", "--run", "run.db", "--data", str(towns), "--retriever", "bm25"),
        *("--seed", "1", *with_model(server)),
    )
    assert other.exit_code in (2, 3)


def test_another_seed_is_another_run(docqa: Run, towns: Path) -> None:
    bench(docqa, "--data", towns, "--retriever", "bm25")
    done = docqa(
        *("bench", "answer", "--run", "run.db", "--data", str(towns), "--retriever", "bm25"),
        *("--seed", "1"),
    )
    assert done.exit_code == 2
    assert "seed was 0, is 1" in done.stderr


def test_a_limit_takes_documents_in_turn(docqa: Run, towns: Path) -> None:
    summary = bench(docqa, "--data", towns, "--retriever", "bm25", "--limit", "6")
    assert (summary["questions"], summary["documents"]) == (6, 6)
    assert summary["resampled"]["by"] == "question"


def test_a_published_file_is_answered_too(docqa: Run, tmp_path: Path) -> None:
    content = {
        "narrativeqa": {
            ("narrativeqa", i): entry(
                units(300), f"How many casks in year {i}?", [f"{7 * i} casks"]
            )
            for i in range(3)
        },
        "quality": {("quality", 1): entry(units(20), "Which?\n(A) tar\n(B) salt", ["(B) salt"])},
    }
    path = write_json(tmp_path / "mambaretriever_test.json", content)
    summary = bench(docqa, "--data", path, "--retriever", "bm25", "--words", "40")
    assert [one["name"] for one in summary["benchmarks"]] == ["narrativeqa", "quality"]
    assert summary["overall"]["subspan_match"]["questions"] == 3  # choices are left out
    assert "evidence_recall" not in summary["overall"]  # the file does not say


def test_a_second_reading_finds_what_the_first_leads_to(docqa: Run, tmp_path: Path) -> None:
    fact = "Ottokar Vell rented the mill to Quenby Strand."
    answer = "Quenby Strand was born in Lerwick."
    text = FILLER * 60 + fact + " " + FILLER * 60 + answer + " " + FILLER
    span = [text.index(answer), text.index(answer) + len(answer)]
    question = {
        "id": "1",
        "question": "Where was the person born to whom Ottokar Vell rented the mill?",
        "answers": ["Lerwick"],
        "evidence": [span],
        "answerable": True,
    }
    document = {"doc_id": "d", "title": "d", "text": text, "questions": [question]}
    path = tmp_path / "two.jsonl"
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")
    found = {}
    for hops in ("1", "2"):
        summary = bench(
            docqa, "--data", path, "--retriever", "bm25", "--hops", hops, "--words", "60"
        )
        assert summary["settings"]["hops"] == int(hops)
        found[hops] = summary["overall"]["reciprocal_rank"]["mean"]
        Path("run.db").unlink()
    assert found["1"] < found["2"]


def test_choices_need_no_judge(docqa: Run, tmp_path: Path) -> None:
    story = {
        "article_id": "1",
        "set_unique_id": "1_A",
        "title": "A tale",
        "article": "He bought salt at the harbour. It rained all day. " * 20,
        "questions": [
            {
                "question": f"What did he buy, {i}?",
                "options": ["tar", "rope", "salt", "fish"],
                "gold_label": 3,
                "difficult": 0,
            }
            for i in range(3)
        ],
    }
    path = tmp_path / "QuALITY.v1.0.1.htmlstripped.dev"
    path.write_text(json.dumps(story) + "\n", encoding="utf-8")
    replies = [said("ANSWER: (C)"), said("ANSWER: B, rope"), said("ANSWER: Hard to say.")]
    with serving({CHAT: replies}) as server:
        summary = bench(
            docqa,
            *("--benchmark", f"quality={tmp_path}", "--retriever", "bm25"),
            *("--generator", "openai", "--base-url", server.url),
        )
        prompt = server.prompts()[0]
    assert "(C) salt" in prompt
    assert "Answer with the letter of the right choice." in prompt
    assert means(summary)["accuracy"] == pytest.approx(1 / 3, abs=1e-4)
    assert "f1" not in summary["overall"]


@pytest.mark.parametrize("name", [name for name in SUITES if name != "needle"])
def test_every_suite_says_where_to_get_its_files(docqa: Run, name: str) -> None:
    done = docqa("bench", "answer", "--run", "r.db", "--benchmark", f"{name}=nowhere")
    assert done.exit_code == 3
    assert "nowhere" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("r.db").exists()


def test_gold_without_labelled_evidence_is_refused(docqa: Run, tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"a": {("a", 1): entry(units(5), "Why?", ["so"])}})
    done = docqa("bench", "answer", "--run", "r.db", "--data", str(path), "--scenario", "gold")
    assert done.exit_code == 1
    assert "no question with known evidence" in done.stderr


def test_a_dry_run_asks_nobody(docqa: Run, towns: Path) -> None:
    with serving({CHAT: model}) as server:
        done = docqa(
            *("bench", "answer", "--run", "run.db", "--data", str(towns), "--retriever", "bm25"),
            *("--dry-run", "--price", "1", "2", *with_model(server)),
        )
        assert server.requests == []
    assert done.exit_code == 0
    assert "answer: 18 calls; to read" in done.stderr
    assert "cost" in done.stderr


def test_a_verdict_that_cannot_be_read_is_none_in_favour(docqa: Run, towns: Path) -> None:
    def undecided(sent: dict[str, Any]) -> Reply:
        reply = model(sent)
        if "Attempted answer:" in sent["messages"][-1]["content"]:
            reply.stream = (json.dumps({"choices": [{"delta": {"content": "Hm."}}]}), "[DONE]")
        return reply

    with serving({CHAT: undecided}) as server:
        summary = bench(docqa, "--data", towns, "--retriever", "bm25", *with_model(server))
    assert summary["unreadable"] == 12
    assert means(summary)["accuracy"] == pytest.approx(6 / 18, abs=1e-4)


def test_kill_and_start_again_repeats_no_finished_call(tmp_path: Path) -> None:
    towns = write_labelled(tmp_path / "towns.dev.jsonl.gz", 6)
    run = tmp_path / "run.db"

    def slowly(sent: dict[str, Any]) -> Reply:
        reply = model(sent)
        reply.delay_seconds = 0.15
        return reply

    with serving({CHAT: slowly}) as server:
        command = [
            *(sys.executable, "-m", "docqa.app.cli", "bench", "answer", "--run", str(run)),
            *("--data", str(towns), "--retriever", "bm25", "--json", "--workers", "2"),
            *with_model(server),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while len(server.prompts()) < 8 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        n_before = len(server.prompts())
        assert 8 <= n_before < 30
        kept = sqlite3.connect(run)
        (n_kept,) = kept.execute("SELECT count(*) FROM calls WHERE state = 'done'").fetchone()
        kept.close()
        assert n_before - 2 <= n_kept <= n_before

        done = subprocess.run(command, capture_output=True, text=True, check=True)
        repeated = Counter(server.prompts())
        assert len(repeated) == 30  # 18 answers, 12 verdicts
        assert sum(repeated.values()) == 30 + n_before - n_kept
    summary = json.loads(done.stdout)
    assert summary["overall"]["accuracy"]["mean"] == 1.0
    scored = score_run(read_run(run))
    assert len(scored) == 18
    assert all(one.answer for one in scored)
