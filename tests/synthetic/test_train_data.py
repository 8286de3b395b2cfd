"""`docqa train data`: from documents without questions to data that trains a retriever."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from docqa.engine.checkpoints.installed import embedded_checkpoint
from docqa.engine.mamba2.checkpoint import load_tokenizer
from docqa.trainer.dataset import read_documents
from docqa.trainer.retriever.packed import pack
from docqa.trainer.retriever.seed_data import read_examples
from tests.generators.scripted_server import Reply, Script, ScriptedServer, serving
from tests.synthetic import writer
from tests.synthetic.conftest import story
from tests.training_files import neox_like_tokenizer

CHAT = "/v1/chat/completions"
Run = Callable[..., Result]
SHORT = ("--window-tokens", "900", "--window-tokens", "1800")


def scripted(script: Script, n_tokens: int = 32768) -> dict[str, Reply | Script]:
    """A server whose model has a window of so many tokens."""
    models = {"data": [{"id": "tiny", "max_model_len": n_tokens}]}
    return {CHAT: script, "/v1/models": Reply(body=models)}


def ask(docqa: Run, server: ScriptedServer, *more: str) -> dict[str, Any]:
    """Run the command into `run`, and give its report."""
    done = docqa(
        *("train", "data", *more, "--out", "run", "--json", "--quiet"),
        *("--generator", "openai", "--base-url", server.url),
    )
    assert done.exit_code == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def lines_of(path: str | Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def prompts_of(server: ScriptedServer, stage: str) -> list[dict[str, Any]]:
    """The requests for replies of one stage."""
    asked = [sent for path, _, sent in server.requests if path == CHAT]
    return [sent for sent in asked if writer.stage_of(sent) == stage]


@pytest.mark.parametrize("strategy", ["link", "chunk", "pair"])
def test_every_strategy_makes_data_that_trains(docqa: Run, shelf: Path, strategy: str) -> None:
    with serving(scripted(writer.plain)) as server:
        report = ask(docqa, server, str(shelf), "--strategy", strategy, *SHORT, "--questions", "2")
    assert report["questions"] == report["attempts"] >= 4
    documents = list(read_documents(Path(report["data"])))
    questions = [(one, question) for one in documents for question in one.questions]
    assert len(questions) == report["questions"]
    for document, question in questions:
        assert question.answers == ("the harbour",)
        ids = [i for span in question.evidence for i in document.sentences_of(span)]
        assert len(ids) == len(question.evidence) == 2  # a sentence each
        assert [document.document.span(i) for i in ids] == list(question.evidence)
        if strategy != "chunk":
            assert ids[1] - ids[0] >= 5  # in two places
    packed = pack([Path(report["data"])], load_tokenizer(embedded_checkpoint()))
    assert packed.n_questions == len(questions)
    assert packed.sources.tolist() == [f"synthetic-{strategy}"]


def test_every_question_says_where_it_comes_from(docqa: Run, shelf: Path) -> None:
    with serving(scripted(writer.plain)) as server:
        report = ask(docqa, server, str(shelf), *SHORT, "--seed", "3")
    for record in lines_of(report["data"]):
        assert record["text"] in (shelf / f"{record['title']}.txt").read_text(encoding="utf-8")
        for question in record["questions"]:
            come_from = question["provenance"]
            assert come_from["model"] == "tiny"
            assert (come_from["strategy"], come_from["seed"]) == ("link", 3)
            assert come_from["docqa"] == report["docqa"]
            assert come_from["window_tokens"] in (900, 1800)
            assert come_from["distance"] >= 10


def test_replies_in_many_manners_are_counted(docqa: Run, shelf: Path) -> None:
    with serving(scripted(writer.mixed)) as server:
        report = ask(docqa, server, str(shelf), *SHORT, "--questions", "5")
        stages = report["stages"]
        assert list(stages) == ["connection", "question", "sentences"]
        for stage, one in stages.items():
            assert one["asked"] == one["requests"] == len(prompts_of(server, stage))
            assert one["kept"] + sum(one["dropped"].values()) == one["asked"]
            assert one["kept"] <= one["parsed"] <= one["asked"]
            assert one["prompt_tokens"] == sum(map(writer.n_words, prompts_of(server, stage)))
        assert stages["connection"]["kept"] == stages["question"]["asked"]
        assert stages["question"]["kept"] == stages["sentences"]["asked"]
        assert stages["sentences"]["kept"] == report["questions"] + report["repeated"]
        why = {reason for one in stages.values() for reason in one["dropped"]}
        assert {"refusal", "says there is none", "question points at the text"} <= why
    assert json.loads(Path("run/report.json").read_text(encoding="utf-8")) == report


def test_starting_again_asks_nothing_again_and_writes_the_same(docqa: Run, shelf: Path) -> None:
    with serving(scripted(writer.mixed)) as server:
        first = ask(docqa, server, str(shelf), *SHORT)
        before, n_asked = Path(first["data"]).read_bytes(), len(server.prompts())
        assert ask(docqa, server, str(shelf), *SHORT) == first
        assert len(server.prompts()) == n_asked
        assert Path(first["data"]).read_bytes() == before


def test_a_run_with_other_settings_is_refused(docqa: Run, shelf: Path) -> None:
    with serving(scripted(writer.plain)) as server:
        ask(docqa, server, str(shelf), *SHORT)
        done = docqa(
            *("train", "data", str(shelf), *SHORT, "--out", "run", "--strategy", "pair"),
            *("--generator", "openai", "--base-url", server.url),
        )
    assert done.exit_code == 2
    assert 'strategy was "link", is "pair"' in done.stderr


def test_the_reference_format_costs_no_call_and_trains(docqa: Run, shelf: Path) -> None:
    tokenizer = neox_like_tokenizer()
    Path("neox").mkdir()
    tokenizer.save("neox/tokenizer.json")
    with serving(scripted(writer.plain)) as server:
        ours = ask(docqa, server, str(shelf), *SHORT)
        n_asked = len(server.prompts())
        more = ("--format", "reference", "--tokenizer", "neox")
        theirs = ask(docqa, server, str(shelf), *SHORT, *more)
        assert len(server.prompts()) == n_asked
    questions = {
        question.id: (document, question)
        for document in read_documents(Path(ours["data"]))
        for question in document.questions
    }
    records = lines_of(theirs["data"])
    assert [one["datapoint_id"] for one in records] == list(questions)
    fields = ("input_ids", "sentence_indices", "sentence_labels", "context", "datapoint_id")
    for record, read in zip(records, read_examples(Path(theirs["data"]), tokenizer), strict=True):
        assert tuple(record) == fields
        document, question = questions[record["datapoint_id"]]
        assert record["context"] == document.text
        assert tokenizer.decode(read.question_ids.tolist()) == question.question + "\n"
        starts = [0, *(int(end) + 1 for end in read.sentence_ends)]
        sentences = [
            tokenizer.decode(read.document_ids[start : end + 1].tolist()).strip()
            for start, end in zip(starts, read.sentence_ends, strict=False)
        ]
        cut = document.document
        assert sentences == [cut.sentence_text(one.id) for one in cut.sentences]
        assert [cut.span(int(i)) for i in read.relevant] == list(question.evidence)


def test_sources_of_every_kind(docqa: Run, shelf: Path) -> None:
    """A file, JSON Lines, a document of the library, a PDF; one is given twice."""
    Path("more.jsonl").write_text(
        json.dumps({"doc_id": "b1", "domain": "creative", "title": "B", "text": story(60, 300)})
        + "\n"
    )
    assert docqa("ingest", str(shelf / "story-1.txt"), "--quiet").exit_code == 0
    sample = Path(__file__).parent.parent.parent / "assets/sample/harrow-point-ferries.pdf"
    with serving(scripted(writer.plain)) as server:
        names = (str(shelf / "story-0.txt"), "more.jsonl", "story-1", str(sample))
        report = ask(docqa, server, *names, str(shelf / "story-0.txt"), *SHORT)
    counts = report["documents"]
    assert counts["documents"] == 4
    assert counts["left_out"]["document given twice"] == 1
    records = lines_of(report["data"])
    assert {one["title"] for one in records} >= {"story-0", "B", "story-1"}
    assert {one["domain"] for one in records} == {"", "creative"}
    (ferries, *_) = [one for one in records if one["title"].startswith("Harrow")]
    assert "Harrow Point Ferries, Inc. | Annual Report" not in ferries["text"]
    assert len(list(read_documents(Path(report["data"])))) == len(records)


def test_other_languages_and_short_documents_are_left_out(docqa: Run, tmp_path: Path) -> None:
    german = "Die Gesellschaft hat im Jahr {} neue Schiffe gekauft und dafür viel bezahlt. "
    Path("de.txt").write_text("".join(german.format(1900 + i) for i in range(60)))
    Path("short.txt").write_text("The ferry left. It came back.")
    Path("en.txt").write_text(story(60))
    with serving(scripted(writer.plain)) as server:
        report = ask(docqa, server, "de.txt", "short.txt", "en.txt", "--window-tokens", "2000")
    assert report["documents"]["left_out"] == {"excerpt not in language en": 1}
    assert report["not_asked"] == {"excerpt too short": 1}
    assert {one["title"] for one in lines_of(report["data"])} == {"en"}


def test_nothing_to_ask_about_is_an_error(docqa: Run) -> None:
    Path("short.txt").write_text("The ferry left. It came back.")
    with serving(scripted(writer.plain)) as server:
        arguments = ("train", "data", "short.txt", "--out", "run", "--base-url", server.url)
        done = docqa(*arguments, "--generator", "openai")
        assert done.exit_code == 1
        assert "Nothing to ask about" in done.stderr
        assert not server.prompts()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("story.txt",), 2, "the generator extractive is none"),
        (("story.txt", "--tokenizer", "."), 2, "--format reference and --tokenizer go together"),
        (
            ("story.txt", "--format", "reference", "--tokenizer", str(embedded_checkpoint())),
            2,
            "drops line breaks",
        ),
        (("story.txt", "--language", "english", "--dry-run"), 2, "Did you mean 'en'?"),
        (("nowhere.txt", "--dry-run"), 1, "No file nowhere.txt"),
        (("story.txt", "--base-url", "http://127.0.0.1:9/v1"), 2, "--base-url has no use"),
    ],
)
def test_wrong_use_is_said(docqa: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    Path("story.txt").write_text(story(40))
    done = docqa("train", "data", *arguments, "--out", "run")
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    assert not Path("run/excerpts.jsonl.gz").exists()


def test_a_dry_run_bounds_what_a_run_takes_and_asks_nobody(docqa: Run, shelf: Path) -> None:
    arguments = (str(shelf), *SHORT, "--questions", "2")
    command = ("train", "data", *arguments, "--out", "run", "--dry-run", "--json")
    done = docqa(*command, "--price", "1", "5")
    assert done.exit_code == 0, done.stderr
    assert not Path("run").exists()
    with serving(scripted(writer.plain)) as server:
        report = ask(docqa, server, *arguments)
        n_words = sum(writer.n_words(sent) for path, _, sent in server.requests if path == CHAT)
    planned = {one["stage"]: one for one in json.loads(done.stdout)["stages"]}
    assert {stage: one["calls"] for stage, one in planned.items()} == {
        stage: one["asked"] for stage, one in report["stages"].items()
    }
    assert n_words <= sum(one["prompt_tokens"][1] for one in planned.values())
    for one in planned.values():
        assert 0 < one["cost"][0] < one["cost"][1]


def test_a_small_window_is_offered_fewer_sentences(docqa: Run, tmp_path: Path) -> None:
    Path("long.txt").write_text(story(140))
    with serving(scripted(writer.plain, n_tokens=2200)) as server:
        report = ask(docqa, server, "long.txt", "--window-tokens", "5000", "--answer-tokens", "200")
        assert report["stages"]["connection"]["failed"] == 0
        offered = [len(writer.offered_in(sent)) for sent in prompts_of(server, "connection")]
    assert 10 <= max(offered) < 100


def test_failed_calls_are_told_and_tried_at_the_next_start(docqa: Run, shelf: Path) -> None:
    def script(sent: dict[str, Any]) -> Reply:
        if writer.stage_of(sent) == "question":
            return Reply(400, {"error": {"message": "content filter"}})
        return writer.plain(sent)

    arguments = ("train", "data", str(shelf), *SHORT, "--out", "run", "--generator", "openai")
    with serving(scripted(script)) as server:
        done = docqa(*arguments, "--base-url", server.url)
        assert done.exit_code == 1
        assert "content filter" in done.stderr
        assert "start again to try the failed calls again" in done.stderr
        assert "0 questions with their evidence" in done.stderr
        server.replies[CHAT] = [writer.plain]
        n_connections = len(prompts_of(server, "connection"))
        done = docqa(*arguments, "--base-url", server.url)
        assert done.exit_code == 0
        assert done.stdout.strip() == str(Path("run/data.jsonl.gz"))
        assert len(prompts_of(server, "connection")) == n_connections
    assert lines_of("run/data.jsonl.gz")


def test_a_killed_run_goes_on_and_repeats_no_call(docqa: Run, shelf: Path) -> None:
    """Killed in the middle of the second stage, with two calls under way."""
    hanging = threading.Semaphore(0)
    is_second_run = threading.Event()
    asked: list[str] = []
    lock = threading.Lock()

    def script(sent: dict[str, Any]) -> Reply:
        with lock:
            asked.append(json.dumps(sent["messages"]))
            n_questions = sum("You write questions" in one for one in asked)
        if writer.stage_of(sent) == "question" and n_questions > 2 and not is_second_run.is_set():
            hanging.release()
            return Reply(delay_seconds=60)
        return writer.plain(sent)

    with serving(scripted(script)) as server:
        command = [sys.executable, "-m", "docqa.app.cli", "train", "data", str(shelf), *SHORT]
        command += ["--out", "run", "--workers", "2", "--questions", "2"]
        command += ["--generator", "openai", "--base-url", server.url]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as child:
            for _ in range(2):
                assert hanging.acquire(timeout=120)
            child.kill()
        assert not Path("run/data.jsonl.gz").exists()
        n_killed, is_under_way = len(asked), set(asked[-2:])
        is_second_run.set()
        arguments = (str(shelf), *SHORT, "--questions", "2", "--workers", "2")
        report = ask(docqa, server, *arguments)
    again = [one for one in asked[n_killed:] if one in asked[:n_killed]]
    assert set(again) == is_under_way
    assert len(asked) == sum(one["asked"] for one in report["stages"].values()) + 2
    assert report["questions"] == report["attempts"]
