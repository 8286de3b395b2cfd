"""A hub on this machine: the part of its API that a pull uses, with the faults it can show.

Large files are served as the real one does it: a redirect to another host, which must not get
the token.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGE_BYTES = 100_000
BLOCK_BYTES = 1 << 16


@dataclass
class Repository:
    """One repository: its files at each commit, the last one the newest."""

    commits: dict[str, dict[str, bytes]]
    licence: str = "mit"
    token: str = ""
    """Who does not send it may not have the files; empty = everybody may."""

    @property
    def newest(self) -> str:
        return list(self.commits)[-1]


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    host: str
    headers: Mapping[str, str]
    """Names in lower case."""


@dataclass
class Hub:
    """The server's repositories, its faults and what it was asked."""

    repositories: dict[str, Repository]
    port: int = 0
    large_port: int = 0
    """Of the other host."""
    requests: list[Request] = field(default_factory=list)
    cut_after_bytes: int | None = None
    """Large files end so early, again and again."""
    n_cuts: int = 1
    """How often that happens."""
    told_digest: str = ""
    """What it says every large file's hash is; empty = what it is."""
    spoils: bool = False
    """Large files come with another byte in them."""
    ignores_ranges: bool = False
    pause: threading.Event = field(default_factory=threading.Event)
    """While it is not set after `pauses`, large files stop in the middle."""
    pauses: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fetched(self) -> list[str]:
        """Names of the files that were asked for, in order."""
        return [r.path.rsplit("/", 1)[-1] for r in self.requests if "/resolve/" in r.path]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def describe_file(name: str, content: bytes) -> dict[str, Any]:
    """A file as the hub's API lists it."""
    found: dict[str, Any] = {
        "rfilename": name,
        "size": len(content),
        "blobId": blob_id(content),
    }
    if len(content) > LARGE_BYTES:
        found["lfs"] = {"size": len(content), "sha256": sha256(content), "pointerSize": 134}
    return found


@contextlib.contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Run the server while the block lasts."""

    class Handler(_Handler):
        def __init__(self, *arguments: Any) -> None:
            self.hub = hub
            super().__init__(*arguments)

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    hub.port, hub.large_port = (server.server_address[1] for server in servers)
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(_running(server))
        stack.callback(hub.pause.set)
        yield hub


@contextlib.contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def do_HEAD(self) -> None:
        self._answer(has_body=False)

    def do_GET(self) -> None:
        self._answer(has_body=True)

    def _answer(self, *, has_body: bool) -> None:
        path = self.path.split("?")[0]
        host = self.headers["Host"]
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append(Request(self.command, path, host, headers))
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._tell(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(found[1], found[2], found[3], has_body)
        elif found := re.fullmatch(r"/large/([^/]+/[^/]+)/([^/]+)/(.+)", path):
            content = self.hub.repositories[found[1]].commits[found[2]][found[3]]
            self._send_file(content, has_body, is_large=True)
        else:
            self._refuse(404, "EntryNotFound")

    def _tell(self, name: str, revision: str | None) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._refuse(404, "RepoNotFound")
            return
        commit = repository.newest if revision in (None, "main") else revision
        if commit not in repository.commits:
            self._refuse(404, "RevisionNotFound")
            return
        record = {
            "id": name,
            "sha": commit,
            "tags": ["pytorch", f"license:{repository.licence}"],
            "siblings": [describe_file(*file) for file in repository.commits[commit].items()],
        }
        for file in record["siblings"] if self.hub.told_digest else ():
            if "lfs" in file:
                file["lfs"]["sha256"] = self.hub.told_digest
        self._send(200, json.dumps(record).encode(), {"Content-Type": "application/json"})

    def _resolve(self, name: str, revision: str, file: str, has_body: bool) -> None:
        repository = self.hub.repositories[name]
        if repository.token and self.headers["Authorization"] != f"Bearer {repository.token}":
            self._refuse(401, "GatedRepo")
            return
        content = repository.commits[revision][file]
        if len(content) > LARGE_BYTES:
            place = f"http://127.0.0.1:{self.hub.large_port}/large/{name}/{revision}/{file}"
            self._send(302, b"", {"Location": place, "X-Repo-Commit": revision})
            return
        self._send_file(content, has_body, is_large=False)

    def _send_file(self, content: bytes, has_body: bool, *, is_large: bool) -> None:
        start, status = 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and not self.hub.ignores_ranges:
            start, status = int(asked[1]), 206
        if is_large and self.hub.spoils:
            content = bytes([content[0] ^ 1]) + content[1:]
        body = content[start:]
        headers = {"ETag": f'"{sha256(content)}"', "Content-Length": str(len(body))}
        end = len(body)
        if is_large and self.hub.cut_after_bytes is not None and self.hub.n_cuts:
            self.hub.n_cuts -= 1
            end = min(end, self.hub.cut_after_bytes)
        self._send(status, b"", headers)
        if has_body:
            self._send_blocks(body[:end], may_pause=is_large)
        if end < len(body):
            self.close_connection = True

    def _send_blocks(self, body: bytes, *, may_pause: bool) -> None:
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(body), BLOCK_BYTES):
                if may_pause and self.hub.pauses and start > len(body) // 2:
                    self.wfile.flush()
                    self.hub.pause.wait(60)
                self.wfile.write(body[start : start + BLOCK_BYTES])

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
