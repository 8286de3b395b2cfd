"""A real model file and a real server, made once for all tests that need them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPLY = "Jane Doe is our chief executive [1]."
CONTEXT_TOKENS = 2048


@pytest.fixture(scope="session")
def write_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a GGUF that says what it is told to: `write_model("Jane [1].")`."""
    pytest.importorskip("llama_cpp", reason="needs the extra llama-tests")
    pytest.importorskip("gguf", reason="needs the extra llama-tests")
    from tests.generators.tiny_gguf import write_gguf

    folder = tmp_path_factory.mktemp("models")

    def write(reply: str | list[str] = REPLY, *, name: str = "", **options: object) -> Path:
        n_files = len(list(folder.iterdir()))
        path = folder / (name or f"tiny-{n_files}.gguf")
        return write_gguf(path, reply, **{"context_tokens": CONTEXT_TOKENS, **options})  # type: ignore[arg-type]

    return write


@pytest.fixture(scope="session")
def tiny_model(write_model: Callable[..., Path]) -> Path:
    """A model that says `REPLY`, whatever it is asked."""
    return write_model(REPLY, name="tiny.gguf")


@pytest.fixture(scope="session")
def llama_server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of llama-cpp-python's own OpenAI-compatible server, running that model."""
    with serving_llama(tiny_model, tmp_path_factory.mktemp("server") / "log") as url:
        yield url


@contextmanager
def serving_llama(model: Path, log: Path, *options: str) -> Iterator[str]:
    """That server while the block runs."""
    pytest.importorskip("uvicorn", reason="needs the extra llama-tests")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), *options]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(CONTEXT_TOKENS)]
    command += ["--model_alias", model.name]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            _wait_for(port, server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
