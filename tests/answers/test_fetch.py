"""Fetching from a real server on this machine that speaks Zenodo's API."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run

CONTENT = bytes(range(256)) * 12_000
NAME = "mamba_retriever_41_testsets.pickle"
CHECKSUM = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@dataclass
class Zenodo:
    """What the server does, and what it was asked for."""

    port: int = 0
    cut_after: int | None = None
    """Bytes after which the next transfer breaks off."""
    takes_ranges: bool = True
    record: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Range of each."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def zenodo() -> Iterator[Zenodo]:
    server = Zenodo()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.requests.append((self.path, wanted))
            if self.path == "/api/records/13892029":  # a concept leads to its newest version
                self.send_response(302)
                self.send_header("location", "/api/records/13892030")
                self.end_headers()
            elif self.path == "/api/records/13892030":
                self.reply(200, json.dumps(server.record).encode())
            elif self.path == f"/api/records/13892030/files/{NAME}/content":
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                start = start if server.takes_ranges else 0
                self.reply(206 if start else 200, CONTENT[start:])
            else:
                self.reply(404, b'{"status": 404, "message": "no such identifier"}')

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            cut = None
            if self.path.endswith("/content"):
                cut, server.cut_after = server.cut_after, None
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body[:cut])

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.port = httpd.server_address[1]
    link = f"{server.url}/api/records/13892030/files/{NAME}/content"
    server.record = {
        "id": 13892030,
        "files": [
            {"key": NAME, "size": len(CONTENT), "checksum": CHECKSUM, "links": {"self": link}}
        ],
    }
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def test_the_record_says_what_there_is(docqa: Run, zenodo: Zenodo) -> None:
    done = docqa("bench", "fetch", "--list", "--server", zenodo.url)
    assert done.exit_code == 0, done.stderr
    assert f"{NAME}  3,072,000  {CHECKSUM}" in done.stdout
    as_json = docqa("bench", "fetch", "--json", "--server", zenodo.url, "--record", "13892029")
    assert json.loads(as_json.stdout) == [
        {"name": NAME, "bytes": len(CONTENT), "checksum": CHECKSUM}
    ]


def test_a_file_is_fetched_checked_and_not_fetched_again(
    docqa: Run, zenodo: Zenodo, tmp_path: Path
) -> None:
    done = docqa("bench", "fetch", NAME, "--out", str(tmp_path / "new"), "--server", zenodo.url)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'new' / NAME}\n"
    assert CHECKSUM in done.stderr
    assert (tmp_path / "new" / NAME).read_bytes() == CONTENT
    assert [one.name for one in (tmp_path / "new").iterdir()] == [NAME]
    n_requests = len(zenodo.requests)
    again = docqa("bench", "fetch", NAME, "--out", str(tmp_path / "new"), "--server", zenodo.url)
    assert "is here already" in again.stderr
    assert len(zenodo.requests) == n_requests + 1  # the record alone


@pytest.mark.parametrize("takes_ranges", [True, False])
def test_a_transfer_that_broke_off_goes_on(
    docqa: Run, zenodo: Zenodo, tmp_path: Path, takes_ranges: bool
) -> None:
    zenodo.cut_after, zenodo.takes_ranges = 1_500_000, takes_ranges
    broken = docqa("bench", "fetch", NAME, "--server", zenodo.url)
    assert broken.exit_code == 1
    assert "broke off at 1,500,000 of 3,072,000 bytes" in broken.stderr
    assert not (tmp_path / NAME).exists()
    done = docqa("bench", "fetch", NAME, "--server", zenodo.url)
    assert done.exit_code == 0, done.stderr
    assert zenodo.requests[-1][1] == "bytes=1500000-"
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_wrong_checksum_is_shown_with_the_right_one_and_the_file_deleted(
    docqa: Run, zenodo: Zenodo, tmp_path: Path
) -> None:
    zenodo.record["files"][0]["checksum"] = "md5:" + "0" * 32
    done = docqa("bench", "fetch", NAME, "--server", zenodo.url)
    assert done.exit_code == 1
    assert CHECKSUM in done.stderr
    assert "0" * 32 in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["../evil.pickle", "/etc/passwd", "a/b", ".."])
def test_a_name_that_leaves_the_folder_is_refused(
    docqa: Run, zenodo: Zenodo, tmp_path: Path, key: str
) -> None:
    zenodo.record["files"][0]["key"] = key
    done = docqa("bench", "fetch", key, "--server", zenodo.url)
    assert done.exit_code == 1
    assert "the file name" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_another_host_is_refused(docqa: Run, zenodo: Zenodo) -> None:
    zenodo.record["files"][0]["links"]["self"] = "http://elsewhere.example/file"
    done = docqa("bench", "fetch", NAME, "--server", zenodo.url)
    assert done.exit_code == 1
    assert "elsewhere.example" in done.stderr


def test_an_unknown_file_or_record_is_named(docqa: Run, zenodo: Zenodo) -> None:
    file = docqa("bench", "fetch", "other.pickle", "--server", zenodo.url)
    assert file.exit_code == 2
    assert f"no file other.pickle. It has: {NAME}" in file.stderr
    record = docqa("bench", "fetch", "--list", "--record", "7", "--server", zenodo.url)
    assert record.exit_code == 1
    assert "has no record 7" in record.stderr


def test_without_a_server_one_line_says_so(docqa: Run) -> None:
    done = docqa("bench", "fetch", "--list", "--server", "http://127.0.0.1:9")
    assert done.exit_code == 3
    assert "Cannot reach 127.0.0.1:9" in done.stderr
    assert done.stderr.count("\n") == 1
