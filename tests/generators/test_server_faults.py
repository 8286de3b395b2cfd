"""Everything a server can do wrong ends in one clear line."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable

import pytest

from docqa.engine.errors import Cancelled, ConfigError, DocqaError, GeneratorError, MissingError
from docqa.engine.generators.language_model.model import estimate
from docqa.engine.generators.language_model.openai import ServerModel
from tests.generators.scripted_server import MODELS, Reply, ScriptedServer, said, serving

CHAT = "/v1/chat/completions"
MESSAGES = (
    {"role": "system", "content": "You answer."},
    {"role": "user", "content": "Who leads " + "the company " * 100 + "?"},
)


def ask(server: ScriptedServer, **options: object) -> str:
    """What the model of a server answers."""
    return ask_model(ServerModel(server.url, **options))  # type: ignore[arg-type]


def ask_model(model: ServerModel, is_cancelled: Callable[[], bool] | None = None) -> str:
    model.open(is_cancelled)
    counted = model.count(MESSAGES, is_cancelled)
    pieces: list[str] = []
    model.write(
        MESSAGES, counted=counted, n_tokens=32, on_text=pieces.append, is_cancelled=is_cancelled
    )
    return "".join(pieces)


def refused(status: int, message: str = "", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"message": message}}, named)


EVENT = json.dumps({"choices": [{"delta": {"content": "Jane"}}]})


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (
            refused(401),
            GeneratorError,
            r"asks for a key \(HTTP 401\), and none is set.*DOCQA_API_KEY",
        ),
        (refused(403), GeneratorError, r"asks for a key \(HTTP 403\)"),
        (
            refused(404, "model 'tiny' not found, try pulling it first"),
            MissingError,
            "has no model 'tiny'.*--model NAME",
        ),
        (Reply(404, "<html>nothing here</html>"), GeneratorError, "HTTP 404.*ends in /v1"),
        (refused(429), GeneratorError, r"no more requests.*HTTP 429.*does not say for how long"),
        (refused(429, retry_after="3600"), GeneratorError, "HTTP 429.*asks to wait 3,600 seconds"),
        (refused(500, "out of memory"), GeneratorError, r"failed \(HTTP 500\): out of memory"),
        (Reply(302, "", {"location": "http://127.0.0.1:9/"}), GeneratorError, "HTTP 302"),
        (
            refused(400, "This model's maximum context length is 64 tokens."),
            GeneratorError,
            "too long for its window.*4,096.*maximum context length is 64.*--context-tokens",
        ),
        (Reply(stream=("{not json",)), GeneratorError, r"no JSON: '\{not json'.*--base-url"),
        (Reply(stream=('["list"]',)), GeneratorError, "no answer of an OpenAI-compatible server"),
        (Reply(stream=('{"choices": [3]}',)), GeneratorError, "no answer of an OpenAI"),
        (Reply(body="<html>"), GeneratorError, "no JSON"),
        (Reply(stream=(EVENT,)), GeneratorError, "broke off in the middle.*after 4 characters"),
        (Reply(stream=(EVENT,), is_cut=True), GeneratorError, "broke off in the middle"),
        (
            Reply(stream=(EVENT, '{"error": {"message": "CUDA out of memory"}}')),
            GeneratorError,
            "CUDA out of memory",
        ),
        (said("Jane", prompt_tokens=40), GeneratorError, "read 40 tokens of a prompt of at least"),
    ],
)
def test_faults(reply: Reply, kind: type[DocqaError], message: str) -> None:
    with serving({CHAT: reply}) as server, pytest.raises(kind, match=message) as caught:
        ask(server)
    assert caught.type is kind
    assert "\n" not in str(caught.value)


def test_no_server() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(MissingError, match=f"No server answers at {url}: connection refused"):
        ServerModel(url).open()


def test_a_port_that_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def talk() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"220 mail.example ready\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(GeneratorError, match="no answer of an OpenAI-compatible server"):
            ServerModel(f"http://127.0.0.1:{other.getsockname()[1]}").open()
        thread.join()


def test_a_server_that_stays_silent() -> None:
    with serving({CHAT: Reply(delay_seconds=30)}) as server:
        model = ServerModel(server.url, timeout_seconds=0.3)
        with pytest.raises(GeneratorError, match=r"sent nothing for 0.3 seconds.*--timeout"):
            ask_model(model)


@pytest.mark.parametrize(
    "replies", [{CHAT: Reply(delay_seconds=30)}, {"/v1/models": Reply(delay_seconds=30)}]
)
def test_cancelling_before_the_first_token_closes_the_connection(
    replies: dict[str, Reply],
) -> None:
    with serving(replies) as server:
        model = ServerModel(server.url)
        asked_at = time.monotonic()
        cancelled_at = asked_at + 0.2

        def is_cancelled() -> bool:
            return time.monotonic() > cancelled_at

        with pytest.raises(Cancelled):
            ask_model(model, is_cancelled)
        assert time.monotonic() - cancelled_at < 3
        give_up = time.monotonic() + 2
        while not server.n_dropped and time.monotonic() < give_up:
            time.sleep(0.01)
        assert server.n_dropped == 1


def test_a_short_wait_is_waited_for() -> None:
    busy = [refused(429, retry_after="0.05"), refused(503, retry_after="0"), said("Jane")]
    with serving({CHAT: busy}) as server:
        assert ask(server) == "Jane"
        assert len(server.prompts()) == 3


def test_a_server_that_stays_busy_is_given_up() -> None:
    with serving({CHAT: refused(429, retry_after="0")}) as server:
        with pytest.raises(GeneratorError, match="HTTP 429"):
            ask(server)
        assert len(server.prompts()) == 4


def test_settings_a_server_refuses_are_left_out_or_renamed() -> None:
    replies = [
        refused(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'."),
        refused(400, "Unsupported value: 'temperature' does not support 0."),
        refused(422, "extra fields not permitted: stream_options"),
        said("Jane"),
    ]
    with serving({CHAT: replies}) as server:
        assert ask(server) == "Jane"
        sent = server.requests[-1][2]
    assert sent["max_completion_tokens"] == 32
    assert not {"max_tokens", "temperature", "stream_options"} & set(sent)


def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    whole = {"choices": [{"message": {"content": "Jane"}, "finish_reason": "stop"}]}
    with serving({CHAT: Reply(body=whole)}) as server:
        assert ask(server) == "Jane"


def test_tokens_are_reported() -> None:
    n_tokens = estimate(MESSAGES).at_least + 20
    with serving({CHAT: said("Jane ", "Doe", prompt_tokens=n_tokens, finish="length")}) as server:
        model = ServerModel(server.url)
        model.open()
        counted = model.count(MESSAGES)
        spent = model.write(MESSAGES, counted=counted, n_tokens=2, on_text=lambda _: None)
    assert (spent.n_prompt_tokens, spent.n_answer_tokens, spent.is_cut_off) == (n_tokens, 2, True)


def test_the_key_is_sent_and_never_shown() -> None:
    key = "sk-very-secret"
    with serving({CHAT: [refused(401, f"bad key {key}")]}) as server:
        model = ServerModel(server.url, api_key=key)
        with pytest.raises(GeneratorError, match="refuses the key it was given") as caught:
            ask_model(model)
        assert all(headers["Authorization"] == f"Bearer {key}" for _, headers, _ in server.requests)
    assert key not in str(caught.value)
    with (
        serving({CHAT: refused(500, f"cannot serve {key}")}) as server,
        pytest.raises(GeneratorError, match="cannot serve …") as caught,
    ):
        ask(server, api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(stream=(json.dumps({"error": {"message": "bad Bearer sk-very-secret!"}}),)),
        Reply(stream=(json.dumps(["sk-very-secret"]),)),
        Reply(body="your sk-very-secret", headers={"Content-Type": "application/json"}),
        Reply(stream=(json.dumps({"error": "x" * 290 + "sk-very-secret"}),)),
    ],
)
def test_a_stream_that_repeats_the_key_does_not_show_it(reply: Reply) -> None:
    with serving({CHAT: reply}) as server, pytest.raises(GeneratorError) as caught:
        ask(server, api_key="sk-very-secret")
    assert "sk-v" not in str(caught.value) + repr(caught.value)


def test_without_a_key_none_is_sent() -> None:
    with serving({CHAT: said("Jane")}) as server:
        ask(server)
        assert not any("authorization" in map(str.lower, h) for _, h, _ in server.requests)


def test_a_refusal_to_list_models_is_final() -> None:
    with serving({"/v1/models": refused(401)}) as server:
        with pytest.raises(GeneratorError, match="asks for a key"):
            ServerModel(server.url).open()
        assert len(server.requests) == 1


@pytest.mark.parametrize("url", ["localhost:80", "ftp://x/v1", "http://", "http://x/v1?key=1", "x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError, match="no address of a server"):
        ServerModel(url)


def test_an_address_with_a_login_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigError, match="holds a login") as caught:
        ServerModel("http://me:secret@127.0.0.1/v1")
    assert "secret" not in str(caught.value)


def test_models_by_name() -> None:
    both = {"data": [{"id": "a:latest", "max_model_len": 512}, {"id": "b", "max_model_len": 512}]}
    with serving({"/v1/models": Reply(body=both), CHAT: said("Jane")}) as server:
        with pytest.raises(MissingError, match="has no model 'c'; it has a:latest, b"):
            ServerModel(server.url, model="c").open()
        with pytest.raises(ConfigError, match="has 2 models: a:latest, b"):
            ServerModel(server.url).open()
        assert ask(server, model="a") == "Jane"
        assert server.requests[-1][2]["model"] == "a:latest"
    with (
        serving({"/v1/models": Reply(body={"data": []})}) as server,
        pytest.raises(MissingError, match="names no model"),
    ):
        ServerModel(server.url).open()


def test_a_proxy_of_the_environment_sees_nothing_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving({CHAT: said("Jane")}) as server, serving({}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert ask(server) == "Jane"
        assert proxy.requests == []


def window(replies: dict[str, Reply], **options: object) -> tuple[ServerModel, ScriptedServer]:
    with serving({"/v1/models": Reply(body={"data": [{"id": "tiny"}]}), **replies}) as server:
        model = ServerModel(server.url, **options)  # type: ignore[arg-type]
        model.open()
        return model, server


def test_a_window_that_nobody_tells_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"does not tell how large.*--context-tokens N"):
        window({})
    assert window({}, context_tokens=999)[0].context_tokens == 999


def test_a_smaller_window_can_be_asked_for_and_no_larger_one() -> None:
    listed = {"/v1/models": Reply(body=MODELS)}
    assert window(listed)[0].context_tokens == 4096
    assert window(listed, context_tokens=100)[0].context_tokens == 100
    with pytest.raises(ConfigError, match=r"context_tokens is 5,000, and tiny has .* 4,096"):
        window(listed, context_tokens=5000)


def test_llama_server_tells_its_window_and_counts() -> None:
    replies = {
        "/props": Reply(body={"default_generation_settings": {"n_ctx": 2048}}),
        "/apply-template": Reply(body={"prompt": "<|user|>Who leads?"}),
        "/tokenize": Reply(body={"tokens": list(range(77))}),
        CHAT: said("Jane", prompt_tokens=20),
    }
    with serving({"/v1/models": Reply(body={"data": [{"id": "m.gguf"}]}), **replies}) as server:
        model = ServerModel(server.url)
        model.open()
        assert (model.context_tokens, model.facts and model.facts.kind) == (2048, "llama-server")
        counted = model.count(MESSAGES)
        assert counted.at_least <= 77 <= counted.at_most <= 77 + 16
        with pytest.raises(GeneratorError, match="read 20 tokens of a prompt of at least 69"):
            model.write(MESSAGES, counted=counted, n_tokens=9, on_text=print)


def test_vllm_counts_messages() -> None:
    model, _ = window(
        {"/v1/models": Reply(body=MODELS), "/tokenize": Reply(body={"count": 55, "tokens": []})}
    )
    assert model.facts is not None
    assert (model.facts.kind, model.facts.counts_exactly) == ("vLLM", True)


def test_ollama_is_asked_for_the_window_it_runs_with() -> None:
    loaded = {"models": [{"name": "tiny", "model": "tiny", "context_length": 8192}]}
    model, _ = window({"/api/ps": Reply(body=loaded)})
    assert (model.context_tokens, model.facts and model.facts.kind) == (8192, "Ollama")


def test_ollama_loads_a_model_to_know_its_window() -> None:
    loaded = {"models": [{"name": "tiny", "context_length": 2048}]}
    ps = [Reply(body={"models": []}), Reply(body=loaded)]
    model, server = window({"/api/ps": ps, "/api/generate": Reply(body={})})  # type: ignore[dict-item]
    assert model.context_tokens == 2048
    assert any(path == "/api/generate" for path, _, _ in server.requests)


def test_an_older_ollama_tells_the_window_of_its_model_file() -> None:
    shown = {"parameters": 'stop  "x"\nnum_ctx                        6144'}
    model, _ = window({"/api/ps": Reply(body={"models": []}), "/api/show": Reply(body=shown)})
    assert model.context_tokens == 6144


def test_lm_studio_tells_the_window_it_loaded_a_model_with() -> None:
    listed = {"data": [{"id": "tiny", "max_context_length": 131072, "loaded_context_length": 4096}]}
    model, _ = window({"/api/v0/models": Reply(body=listed)})
    assert (model.context_tokens, model.facts and model.facts.kind) == (4096, "LM Studio")
