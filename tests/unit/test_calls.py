"""Calls of a language model: kept, limited, tried again, and never made twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from docqa.engine.errors import Cancelled, ConfigError, DocqaError, GeneratorError, TrainingError
from docqa.engine.generators.language_model.model import Spent
from docqa.engine.generators.language_model.openai import ServerModel
from docqa.trainer.calls.call import Call, CallState, Reply
from docqa.trainer.calls.file import CallFile
from docqa.trainer.calls.pace import Pace
from docqa.trainer.calls.plan import Plan, Price
from docqa.trainer.calls.run import CallProgress, Limits, run_calls
from tests.generators import scripted_server
from tests.generators.scripted_server import ScriptedServer, said, serving

CHAT = "/v1/chat/completions"
SETTINGS = {"task": "test", "model": "tiny"}
QUICK = Limits(n_workers=3, first_wait_seconds=0.01)


def call(i: int, text: str = "Say", stage: str = "say", n_tokens: int = 16) -> Call:
    return Call(stage, f"{i:03}", ({"role": "user", "content": f"{text} {i}."},), n_tokens)


def calls(n: int, text: str = "Say") -> Iterator[Call]:
    return (call(i, text) for i in range(n))


def echo(sent: dict[str, list[dict[str, str]]]) -> scripted_server.Reply:
    """Says the number it is asked for."""
    return said(sent["messages"][-1]["content"], prompt_tokens=7)


def model_of(server: ScriptedServer) -> ServerModel:
    model = ServerModel(server.url)
    model.open()
    return model


def run(path: Path, server: ScriptedServer, n: int, limits: Limits = QUICK) -> CallFile:
    """Make n calls; the file stays open."""
    file = CallFile(path, SETTINGS)
    try:
        run_calls(file, calls(n), model_of(server), file.enrol(calls(n)), limits=limits)
    except BaseException:
        file.close()
        raise
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "calls.db"


def test_every_call_is_made_once_and_its_reply_kept(path: Path) -> None:
    seen: list[CallProgress] = []
    with serving({CHAT: echo}) as server, CallFile(path, SETTINGS) as file:
        model = model_of(server)
        plan = file.enrol(calls(20))
        run_calls(file, calls(20), model, plan, limits=QUICK, on_progress=seen.append)
        assert sorted(server.prompts()) == sorted(f"Say {i}." for i in range(20))
        replies = dict(file.replies("say"))
        assert list(replies) == [f"{i:03}" for i in range(20)]
        assert replies["007"].text == "Say 7."
        assert replies["007"].spent == Spent(7, 1, False)
        assert replies["007"].model == "tiny"
        assert replies["007"].n_tries == 1
    assert [one.n_done for one in seen] == list(range(1, 21))
    assert seen[-1] == CallProgress("say", 20, 20, 0, 140, 20, 0.0)


def test_what_is_done_is_not_made_again(path: Path) -> None:
    with serving({CHAT: echo}) as server:
        run(path, server, 5).close()
        with run(path, server, 8) as file:
            assert len(server.prompts()) == 8
            tally = file.tallies()["say"]
            assert tally.n_calls[CallState.DONE] == tally.n_tries == 8
            assert (tally.n_prompt_tokens, tally.n_answer_tokens) == (56, 8)


def test_another_prompt_of_the_same_name_is_asked_and_the_old_reply_dropped(path: Path) -> None:
    with serving({CHAT: echo}) as server:
        with run(path, server, 3) as file:
            assert file.reply(call(1, "Sing")) is None
            plan = file.enrol([call(0), call(1, "Sing"), call(2)])
            assert (plan.n_calls, plan.n_done) == (3, 2)
            assert file.reply(call(1)) is None
            model = model_of(server)
            run_calls(file, [call(0), call(1, "Sing"), call(2)], model, plan, limits=QUICK)
            reply = file.reply(call(1, "Sing"))
        assert reply is not None
        assert reply.text == "Sing 1."
        assert server.prompts()[3:] == ["Sing 1."]


def test_a_longer_reply_is_another_call() -> None:
    assert call(1).prompt_hash != call(1, n_tokens=17).prompt_hash


def test_two_calls_of_one_name_are_an_error_and_nothing_is_noted(path: Path) -> None:
    with CallFile(path, SETTINGS) as file:
        with pytest.raises(TrainingError, match="Two calls are named say 001"):
            file.enrol([call(0), call(1), call(1, "Sing")])
        assert file.tallies() == {}


def test_other_settings_are_refused_with_both_values(path: Path) -> None:
    CallFile(path, SETTINGS).close()
    with pytest.raises(ConfigError, match='model was "tiny", is "huge"; seed was not set, is 1'):
        CallFile(path, {**SETTINGS, "model": "huge", "seed": 1})
    CallFile(path, SETTINGS).close()


def test_a_second_process_is_refused(path: Path) -> None:
    with CallFile(path, SETTINGS) as file:
        file.enrol(calls(1))
        code = (
            "import sys; from pathlib import Path; from docqa.trainer.calls.file import CallFile\n"
            f"CallFile(Path(sys.argv[1]), {SETTINGS!r})"
        )
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
        assert f"Another docqa is at work on {path}" in done.stderr
        file.enrol(calls(2))


@pytest.mark.parametrize("content", [b"no database at all, but a text" * 50, None])
def test_a_file_of_another_kind_is_refused_and_left_alone(
    path: Path, content: bytes | None
) -> None:
    path.parent.mkdir()
    if content is None:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE theirs (a)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(TrainingError, match=r"another program|not a database"):
        CallFile(path, SETTINGS)
    if content is not None:
        assert path.read_bytes() == before
    else:
        other = sqlite3.connect(path)
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
        other.close()


def test_what_may_pass_is_tried_again(path: Path) -> None:
    busy = scripted_server.Reply(429, {"error": {"message": "slow down"}})
    broken = scripted_server.Reply(stream=(), is_cut=True)
    failed = scripted_server.Reply(502, "<html>bad gateway</html>")
    with (
        serving({CHAT: [busy, broken, failed, said("Here.")]}) as server,
        run(path, server, 1, Limits(first_wait_seconds=0.01)) as file,
    ):
        reply = file.reply(call(0))
        assert reply is not None
        assert (reply.text, reply.n_tries) == ("Here.", 4)


def test_a_server_that_says_how_long_is_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than `ServerModel` itself waits: the work as a whole has more patience."""
    waits: list[bool] = []
    monkeypatch.setattr(
        "docqa.trainer.calls.run.sleep_until",
        lambda when, _: waits.append(when - time.monotonic() > 60),
    )
    busy = scripted_server.Reply(429, {"error": {"message": "no"}}, {"retry-after": "90"})
    with serving({CHAT: [busy, said("Here.")]}) as server, run(path, server, 1) as file:
        assert file.reply(call(0)) is not None
    assert waits == [
        False,
        True,
        True,
    ]  # the first try; the pause; the second, held for all workers


def test_a_call_that_fails_for_good_is_named_and_tried_at_the_next_start(path: Path) -> None:
    def script(sent: dict[str, list[dict[str, str]]]) -> scripted_server.Reply:
        if sent["messages"][-1]["content"] == "Say 1.":
            return scripted_server.Reply(400, {"error": {"message": "content filter"}})
        return echo(sent)

    with serving({CHAT: script}) as server:
        with run(path, server, 3) as file:
            assert file.tallies()["say"].n_calls[CallState.FAILED] == 1
            assert file.failures("say") == {f"{server.url} failed (HTTP 400): content filter.": 1}
            assert file.reply(call(1)) is None
        assert len(server.prompts()) == 3
        server.replies[CHAT] = [echo]
        with run(path, server, 3) as file:
            assert file.tallies()["say"].n_calls[CallState.FAILED] == 0
        assert server.prompts()[3:] == ["Say 1."]


def test_a_prompt_that_does_not_fit_fails_alone_and_is_not_sent(path: Path) -> None:
    long = Call("say", "long", ({"role": "user", "content": "word " * 4000},), 16)
    with serving({CHAT: echo}) as server, CallFile(path, SETTINGS) as file:
        both = [long, call(1)]
        run_calls(file, both, model_of(server), file.enrol(both), limits=Limits(n_failures=1))
        assert server.prompts() == ["Say 1."]
        assert "window of 4,096 tokens is too small" in next(iter(file.failures("say")))


def test_work_ends_when_nothing_but_failures_come(path: Path) -> None:
    refused = scripted_server.Reply(401, {"error": {"message": "no key"}})
    with serving({CHAT: refused}) as server:
        with pytest.raises(GeneratorError, match="asks for a key"):
            run(path, server, 50, Limits(n_failures=4))
        assert len(server.prompts()) == 4
        server.replies[CHAT] = [echo]
        with run(path, server, 50) as file:
            assert file.tallies()["say"].n_calls[CallState.DONE] == 50


def test_an_unforeseen_error_leaves_the_call_waiting(path: Path) -> None:
    class Broken(ServerModel):
        def write(self, *_: object, **__: object) -> Spent:
            raise ValueError("a bug")

    with serving({}) as server, CallFile(path, SETTINGS) as file:
        model = Broken(server.url)
        model.open()
        with pytest.raises(ValueError, match="a bug"):
            run_calls(file, calls(2), model, file.enrol(calls(2)))
        assert file.tallies()["say"].n_calls[CallState.WAITING] == 2


def test_cancelling_keeps_what_is_done_and_lets_the_rest_wait(path: Path) -> None:
    over = threading.Event()

    def script(sent: dict[str, list[dict[str, str]]]) -> scripted_server.Reply:
        if sent["messages"][-1]["content"] == "Say 4.":
            over.set()
            return scripted_server.Reply(delay_seconds=60)
        return echo(sent)

    with serving({CHAT: script}) as server, CallFile(path, SETTINGS) as file:
        plan = file.enrol(calls(9))
        with pytest.raises(Cancelled):
            run_calls(file, calls(9), model_of(server), plan, is_cancelled=over.is_set)
        counts = file.tallies()["say"].n_calls
        assert (counts[CallState.DONE], counts[CallState.WAITING]) == (4, 5)


def test_llama_takes_one_call_at_a_time(path: Path) -> None:
    class InProcess(ServerModel):
        name = "llama"

    with (
        serving({}) as server,
        CallFile(path, SETTINGS) as file,
        pytest.raises(ConfigError, match="3 calls at a time were asked for"),
    ):
        run_calls(file, [], InProcess(server.url), Plan(), limits=QUICK)


def test_limits_space_requests_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docqa.trainer.calls.pace.time", SimpleNamespace(monotonic=lambda: 100.0))
    pace = Pace(requests_per_minute=60)
    assert [pace.take(1000) for _ in range(4)] == [100, 101, 102, 103]
    pace = Pace(tokens_per_minute=6000)
    assert [pace.take(600), pace.take(600)] == [100, 106]
    pace.give_back(500)
    assert pace.take(1) == 107  # 112, less the five seconds of 500 tokens
    pace.hold(30.0)
    pace.give_back(10_000)
    assert pace.take(1) == 130


def test_a_plan_bounds_tokens_and_cost(path: Path) -> None:
    with CallFile(path, SETTINGS) as file:
        plan = file.enrol(calls(10))
        file.finish(call(0), Reply("x", Spent(1, 1, False), "tiny", 0.1, 1))
        assert file.enrol(calls(10)).n_left == 9
    assert plan.n_left == 10
    assert plan.prompt_tokens.at_least == 20  # two words each
    assert plan.prompt_tokens.at_most == 10 * plan.longest_prompt_tokens
    assert plan.answer_tokens == 160
    least, most = plan.cost(Price(prompt=1.0, answer=10.0))
    assert least == pytest.approx(20e-6)
    assert most == pytest.approx((plan.prompt_tokens.at_most + 1600) / 1e6)


CHILD = f"""
import sys
from pathlib import Path
from docqa.engine.generators.language_model.openai import ServerModel
from docqa.trainer.calls.file import CallFile
from docqa.trainer.calls.run import Limits, run_calls
from tests.unit.test_calls import calls

model = ServerModel(sys.argv[2])
model.open()
with CallFile(Path(sys.argv[1]), {SETTINGS!r}) as file:
    run_calls(file, calls(12), model, file.enrol(calls(12)), limits=Limits(n_workers=2))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_repeats_no_finished_call(path: Path, number: signal.Signals) -> None:
    """Two workers: when the seventh and eighth hang, six are answered; those two were not."""
    hanging = threading.Semaphore(0)
    is_second_run = threading.Event()

    def script(sent: dict[str, list[dict[str, str]]]) -> scripted_server.Reply:
        i = int(sent["messages"][-1]["content"].strip(".").split()[-1])
        if i < 6 or is_second_run.is_set():
            return echo(sent)
        hanging.release()
        return scripted_server.Reply(delay_seconds=60)

    root = Path(__file__).parent.parent.parent
    with serving({CHAT: script}) as server:
        command = [sys.executable, "-c", CHILD, str(path), server.url]
        with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE) as child:
            for _ in range(2):
                assert hanging.acquire(timeout=60)
            child.send_signal(number)
            child.wait(60)
        assert child.returncode in (-number, 1, 130)
        assert len(server.prompts()) == 8
        is_second_run.set()
        subprocess.run(command, cwd=root, check=True)
        asked = server.prompts()
        assert sorted(asked[8:]) == sorted(f"Say {i}." for i in range(6, 12))
        with CallFile(path, SETTINGS) as file:
            assert {reply.text for _, reply in file.replies("say")} == {
                f"Say {i}." for i in range(12)
            }


def test_errors_of_the_disk_are_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(DocqaError, match="Cannot use"):
        CallFile(blocked / "calls.db", SETTINGS)


def test_a_file_of_a_later_docqa_is_refused(path: Path) -> None:
    CallFile(path, SETTINGS).close()
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 9")
    later.close()
    with pytest.raises(TrainingError, match=r"format 9, this one writes 1"):
        CallFile(path, SETTINGS)


def test_replies_stream_by_key(path: Path) -> None:
    with CallFile(path, SETTINGS) as file:
        file.enrol(calls(3))
        for i in (2, 0):
            file.start(call(i), "tiny")
            file.finish(call(i), Reply(str(i), Spent(None, None, True), "tiny", 0.5, 2))
        assert [(key, reply.text) for key, reply in file.replies("say")] == [
            ("000", "0"),
            ("002", "2"),
        ]
        reply = file.reply(call(2))
        assert reply == Reply("2", Spent(None, None, True), "tiny", 0.5, 2)
