"""A server on this machine that does what a test wrote down: the faults no real server shows."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODELS = {"data": [{"id": "tiny", "max_model_len": 4096}]}


@dataclass
class Reply:
    """What the server answers to one request."""

    status: int = 200
    body: Any = None
    """JSON, or text that is none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: tuple[str, ...] | None = None
    """Events of a stream; instead of a body."""
    is_cut: bool = False
    """The connection ends in the middle of the stream."""
    delay_seconds: float = 0.0
    """Before the first byte; ends early when the client is gone or the test is over."""


def said(*pieces: str, prompt_tokens: int | None = None, finish: str | None = "stop") -> Reply:
    """An answer that streams in these pieces."""
    events = [json.dumps({"choices": [{"delta": {"content": one}}]}) for one in pieces]
    events.append(json.dumps({"choices": [{"delta": {}, "finish_reason": finish}]}))
    if prompt_tokens is not None:
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(pieces)}
        events.append(json.dumps({"choices": [], "usage": usage}))
    return Reply(stream=(*events, "[DONE]"))


Script = Callable[[Any], Reply]
"""Chooses the reply to the JSON of a request."""
Replies = Mapping[str, Reply | list[Reply] | Script]


class ScriptedServer:
    """Replies by path; of several replies to a path each is given once, the last for ever."""

    def __init__(self, replies: Replies) -> None:
        defaults: Replies = {"/v1/models": Reply(body=MODELS)}
        self.replies: dict[str, list[Reply | Script]] = {
            path: list(reply) if isinstance(reply, list) else [reply]
            for path, reply in {**defaults, **replies}.items()
        }
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        """Path, headers and JSON of every request."""
        self.over = threading.Event()
        self.port = 0
        self.n_dropped = 0
        """Connections the client closed while it waited for an answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def prompts(self) -> list[str]:
        """What the user's messages said, one a request for an answer."""
        return [
            sent["messages"][-1]["content"]
            for path, _, sent in self.requests
            if path.endswith("/chat/completions")
        ]

    def next_reply(self, path: str, sent: Any) -> Reply:
        replies = self.replies.get(path, [Reply(404, {"error": {"message": "no such path"}})])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply if isinstance(reply, Reply) else reply(sent)


@contextlib.contextmanager
def serving(replies: Replies) -> Iterator[ScriptedServer]:
    """A server that runs while the block does."""
    scripted = ScriptedServer(replies)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.answer(None)

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            self.answer(json.loads(sent) if sent else None)

        def answer(self, sent: Any) -> None:
            scripted.requests.append((self.path, dict(self.headers), sent))
            reply = scripted.next_reply(self.path, sent)
            if reply.delay_seconds and self.client_leaves(reply.delay_seconds):
                scripted.n_dropped += 1
                self.close_connection = True
                return
            with contextlib.suppress(ConnectionError):
                self.send(reply)

        def client_leaves(self, seconds: float) -> bool:
            """Wait; true when the client hangs up meanwhile."""
            self.connection.settimeout(0.05)
            for _ in range(int(seconds / 0.05)):
                if scripted.over.is_set():
                    return True
                try:
                    if self.connection.recv(1) == b"":
                        return True
                except TimeoutError:
                    continue
                except OSError:
                    return True
            self.connection.settimeout(None)
            return False

        def send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.stream is None:
                body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())
                return
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for event in reply.stream:
                line = f"data: {event}\n\n".encode()
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
            if reply.is_cut:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what some tests are about."""

    httpd = Server(("127.0.0.1", 0), Handler)
    scripted.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield scripted
    finally:
        scripted.over.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()
