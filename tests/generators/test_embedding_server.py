"""Embeddings of an OpenAI-compatible server: what it gets, and all it can do wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from docqa.engine.errors import Cancelled, ConfigError, DocqaError, EmbeddingError, MissingError
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.embedding_retriever import EmbeddingRetriever
from docqa.engine.retrievers.embedding_server import ServerEncoder
from docqa.engine.retrievers.retriever import EncoderOptions, Progress, load_retriever
from docqa.engine.types import Document, Page, Sentence
from tests.conftest import Run
from tests.generators.conftest import serving_llama
from tests.generators.scripted_server import Reply, ScriptedServer, serving

EMBEDDINGS = "/v1/embeddings"
WORDS = ("ferry", "dog", "harbour", "nine")
QUESTION = "When does the ferry leave?"
DOCUMENT = document_from_text(
    "Dogs ride free. The ferry leaves at nine. The harbour is old. Bread is dear.", title="ferries"
)


def vector(text: str) -> list[float]:
    """How often each word is in a text."""
    return [float(text.lower().count(word)) for word in WORDS]


def embedded(sent: dict[str, Any]) -> Reply:
    """What a server replies that embeds with `vector`; the order is its own."""
    data = [{"index": i, "embedding": vector(text)} for i, text in enumerate(sent["input"])]
    return Reply(body={"object": "list", "data": data[::-1], "model": sent["model"]})


def reply(*data: Any) -> Reply:
    return Reply(body={"data": list(data)})


def refused(status: int, message: str = "", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"message": message}}, named)


def encoder(server: ScriptedServer, **options: Any) -> ServerEncoder:
    return ServerEncoder(EncoderOptions(base_url=server.url, model="tiny", **options))


def cosines(question: str) -> list[float]:
    """Nothing has no direction, and is like nothing."""
    asked = np.array(vector(question))
    rows = [np.array(vector(DOCUMENT.sentence_text(i))) for i in range(len(DOCUMENT.sentences))]
    sizes = [np.linalg.norm(row) * np.linalg.norm(asked) for row in rows]
    return [row @ asked / size if size else 0.0 for row, size in zip(rows, sizes, strict=True)]


# What it computes and what it sends


def test_scores_are_cosines_and_a_document_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docqa.engine.retrievers.embedding_server.BATCH_SENTENCES", 3)
    seen: list[Progress] = []
    with serving({EMBEDDINGS: embedded}) as server:
        options = EncoderOptions(base_url=server.url, model="tiny", api_key="k-123")
        retriever = load_retriever("embedding", encoder=options)
        scores = retriever.score(QUESTION, DOCUMENT, on_progress=seen.append)
        again = retriever.score("Old harbour, nine dogs?", DOCUMENT)
    np.testing.assert_allclose(scores, cosines(QUESTION), atol=1e-6)
    np.testing.assert_allclose(again, cosines("Old harbour, nine dogs?"), atol=1e-6)
    assert scores.dtype == np.float32
    assert (retriever.checkpoint, retriever.device) == ("tiny", "server")
    assert seen[-1].n_tokens == sum(
        len(DOCUMENT.sentence_text(i).split()) for i in range(len(DOCUMENT.sentences))
    )
    assert [path for path, _, _ in server.requests] == [EMBEDDINGS] * 4
    assert [len(sent["input"]) for _, _, sent in server.requests] == [1, 3, 1, 1]
    assert {sent["model"] for _, _, sent in server.requests} == {"tiny"}
    assert {headers["Authorization"] for _, headers, _ in server.requests} == {"Bearer k-123"}
    assert "k-123" not in repr(options)


def test_texts_that_a_server_would_refuse_are_mended() -> None:
    text = "A \ud800 ferry."
    sentences = (Sentence(0, 1, 0, len(text)), Sentence(1, 1, len(text), len(text)))
    document = Document("d" * 64, "x", None, (Page(1, text),), sentences, "test/1")
    with serving({EMBEDDINGS: embedded}) as server:
        scores = EmbeddingRetriever(encoder(server)).score("Which \udfff ferry?", document)
        sent = [sent["input"] for _, _, sent in server.requests]
    assert sent == [["Which \ufffd ferry?"], ["A \ufffd ferry.", " "]]
    assert scores.tolist() == [1.0, 0.0]


def test_a_document_without_sentences_is_not_sent() -> None:
    empty = document_from_text("", title="empty")
    with serving({EMBEDDINGS: embedded}) as server:
        assert EmbeddingRetriever(encoder(server)).score("Who?", empty).shape == (0,)
        assert [sent["input"] for _, _, sent in server.requests] == [["Who?"]]


@pytest.mark.llama
def test_a_real_server(write_model: Callable[..., Path], tmp_path: Path) -> None:
    """Of a model whose embeddings are the shares of tokens, cosines are those of their counts."""
    from llama_cpp import Llama

    path = write_model("Nine.", embeds=True)
    tokenizer = Llama(str(path), vocab_only=True, verbose=False)

    def counts(text: str) -> np.ndarray:
        tokens = tokenizer.tokenize(text.encode(), add_bos=False, special=False)
        return np.bincount(tokens, minlength=1000) / len(tokens)

    sentences = [DOCUMENT.sentence_text(i) for i in range(len(DOCUMENT.sentences))]
    asked = counts(QUESTION)
    rows = np.stack([counts(text) for text in sentences])
    expected = rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
    tokenizer.close()
    with serving_llama(path, tmp_path / "log", "--embedding", "true") as url:
        options = EncoderOptions(base_url=url, model=path.name)
        scores = load_retriever("embedding", encoder=options).score(QUESTION, DOCUMENT)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


# Patience


def test_a_short_wait_is_waited_for() -> None:
    busy = [refused(429, retry_after="0.05"), refused(503, retry_after="0"), embedded]
    with serving({EMBEDDINGS: busy}) as server:
        assert encoder(server).embed_question("ferry", None).tolist() == [[1, 0, 0, 0]]
        assert len(server.requests) == 3


def test_a_server_that_stays_busy_is_given_up() -> None:
    with serving({EMBEDDINGS: refused(429, retry_after="0")}) as server:
        with pytest.raises(EmbeddingError, match=r"HTTP 429.*Start again later"):
            encoder(server).embed_question("Who?", None)
        assert len(server.requests) == 4


def test_cancelling_does_not_wait_for_the_server() -> None:
    is_asked = threading.Event()

    def slow(sent: dict[str, Any]) -> Reply:
        is_asked.set()
        answer = embedded(sent)
        answer.delay_seconds = 60.0
        return answer

    with (
        serving({EMBEDDINGS: [embedded, slow]}) as server,
        pytest.raises(Cancelled),
    ):
        EmbeddingRetriever(encoder(server)).score(QUESTION, DOCUMENT, is_cancelled=is_asked.is_set)


# Faults


@pytest.mark.parametrize(
    ("told", "kind", "message"),
    [
        (refused(401), EmbeddingError, "asks for a key.*DOCQA_API_KEY"),
        (
            refused(404, "model 'tiny' not found"),
            MissingError,
            "no model 'tiny'.*--embedding-model NAME",
        ),
        (Reply(404, "<html>"), EmbeddingError, "HTTP 404.*--embedding-url URL"),
        (refused(429, retry_after="3600"), EmbeddingError, "wait 3,600 seconds.*Start again later"),
        (refused(500, "input is too large"), EmbeddingError, "HTTP 500.*input is too large"),
        (refused(501, "start it with --embeddings"), EmbeddingError, "start it with --embeddings"),
        (Reply(body="no json"), EmbeddingError, "no JSON: 'no json'"),
        (Reply(body=[1, 2]), EmbeddingError, r"no answer.*\[1, 2\]"),
        (Reply(body={"error": "x"}), EmbeddingError, "no answer.*error"),
        (reply(), EmbeddingError, "0 embeddings of 1 texts"),
        (reply({"embedding": [1.0], "index": 1}), EmbeddingError, "of text 1 of 1"),
        (reply({"embedding": [1.0], "index": [0]}), EmbeddingError, r"of text \[0\] of 1"),
        (reply({"embedding": "AACAPw=="}), EmbeddingError, "no list of numbers"),
        (reply({"embedding": []}), EmbeddingError, "no list of numbers"),
        (reply({"embedding": [1.0, None]}), EmbeddingError, "no list of numbers"),
        (reply({"embedding": [1.0, float("nan")]}), EmbeddingError, "no list of numbers"),
        (reply({"embedding": [1.0, 10**400]}), EmbeddingError, "no list of numbers"),
    ],
)
def test_what_a_server_does_wrong_is_one_line(
    told: Reply, kind: type[DocqaError], message: str
) -> None:
    with serving({EMBEDDINGS: told}) as server, pytest.raises(kind, match=message) as caught:
        encoder(server).embed_question("Who?", None)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == (3 if kind is MissingError else 1)


def test_vectors_of_another_length_are_another_models() -> None:
    ragged = reply({"embedding": [1.0, 2.0]}, {"embedding": [1.0]})
    with serving({EMBEDDINGS: [ragged, reply({"embedding": [1.0] * 3})]}) as server:
        with pytest.raises(EmbeddingError, match="1 numbers after one of 2"):
            encoder(server).embed_sentences(["a", "b"], [1, 1], None)
        asking = encoder(server)
        asking.embed_question("Who?", None)
        with pytest.raises(EmbeddingError, match="1 embeddings of 2 texts"):
            asking.embed_sentences(["a", "b"], [1, 1], None)
    with serving({EMBEDDINGS: [reply({"embedding": [1.0] * 3}), embedded]}) as server:
        asking = encoder(server)
        asking.embed_question("Who?", None)
        with pytest.raises(EmbeddingError, match="4 numbers after one of 3"):
            asking.embed_question("Who?", None)


def test_a_redirect_is_not_followed() -> None:
    with serving({EMBEDDINGS: embedded}) as other:
        moved = Reply(307, "", {"location": f"{other.url}/embeddings"})
        with (
            serving({EMBEDDINGS: moved}) as server,
            pytest.raises(EmbeddingError, match="HTTP 307"),
        ):
            encoder(server, api_key="k-123").embed_question("Who?", None)
        assert other.requests == []


def test_a_key_that_the_server_repeats_is_not_shown() -> None:
    for told in (refused(500, "bad key k-123"), Reply(body={"error": "bad key k-123"})):
        with serving({EMBEDDINGS: told}) as server, pytest.raises(EmbeddingError) as caught:
            encoder(server, api_key="k-123").embed_question("Who?", None)
        assert "k-123" not in str(caught.value)
        assert "bad key …" in str(caught.value)


def test_silence_and_absence() -> None:
    slow = Reply(body={}, delay_seconds=30)
    with (
        serving({EMBEDDINGS: slow}) as server,
        pytest.raises(EmbeddingError, match=r"nothing for 0\.1 seconds"),
    ):
        encoder(server, timeout_seconds=0.1).embed_question("Who?", None)
    with pytest.raises(MissingError, match=r"No server answers.*--embedding-url URL"):
        encoder(server).embed_question("Who?", None)
    with pytest.raises(ConfigError, match="--embedding-url is 'nowhere'"):
        ServerEncoder(EncoderOptions(base_url="nowhere", model="tiny"))


# From the command line


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    start = DOCUMENT.text.index("The ferry")
    questions = [
        {"id": f"q{i}", "question": asked, "answers": ["nine"], "evidence": [[start, start + 9]]}
        for i, asked in enumerate((QUESTION, "Is the ferry at nine?"))
    ]
    line = {"doc_id": "ferries", "text": DOCUMENT.text, "questions": questions}
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("command", [("retrieval",), ("answer", "--run", "run.db")])
def test_the_benchmarks_take_a_server(
    command: tuple[str, ...], docqa: Run, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCQA_API_KEY", "k-123")
    told = ["--data", str(labelled), "--retriever", "embedding", "--json", "--quiet"]
    with serving({EMBEDDINGS: embedded}) as server:
        told += ["--embedding-url", server.url, "--embedding-model", "tiny"]
        done = docqa("bench", *command, *told)
        texts = [text for _, _, sent in server.requests for text in sent["input"]]
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    if command[0] == "retrieval":
        assert summary["checkpoint"] == "tiny"
        assert summary["overall"]["mrr"] == 1.0
    else:
        settings = summary["settings"]
        assert (settings["retriever"], settings["checkpoint"]) == ("embedding", "tiny")
        assert settings["checkpoint_sha256"] is None
    assert len(texts) == len(DOCUMENT.sentences) + 2
    assert {headers["Authorization"] for _, headers, _ in server.requests} == {"Bearer k-123"}
