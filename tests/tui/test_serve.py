"""`docqa --serve`: in a browser, for this machine and this start alone."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pyte
import pytest

from docqa.app.tui.serve import free_port, refusal
from docqa.engine.errors import ConfigError

WAIT_SECONDS = 60.0
SAMPLE = Path(__file__).parent.parent.parent / "assets/sample/harrow-point-ferries.pdf"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
LISTEN = """
const Plain = window.WebSocket;
window.received = [];
window.WebSocket = class extends Plain {
  constructor(...parts) {
    super(...parts);
    this.addEventListener("message", (event) => {
      if (event.data instanceof ArrayBuffer)
        window.received.push(btoa(String.fromCharCode(...new Uint8Array(event.data))));
    });
  }
};
"""
"""Keeps what the page receives: a terminal drawn on a canvas has no text to ask for."""
FOREIGN = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\[\?u|\x1bP.*?\x1b\\")


class Served:
    """A running `docqa --serve`."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "docqa.app.cli", "--serve", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.fullmatch(
            r"docqa in the browser: (http://127\.0\.0\.1:(\d+))/\?key=(\S+)\n", line
        )
        if found is None:
            _, complaint = self.process.communicate(timeout=WAIT_SECONDS)
            raise AssertionError(f"it printed {line!r} and {complaint!r}")
        self.origin, self.port, self.key = found[1], int(found[2]), found[3]
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the server does not listen")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(WAIT_SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code


@pytest.fixture
def served(fresh_user: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    server = Served()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def test_only_who_has_the_key_gets_an_answer(served: Served) -> None:
    async def run() -> None:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
        async with aiohttp.ClientSession(cookie_jar=jar) as session:

            async def ask(path: str, **headers: str) -> aiohttp.ClientResponse:
                response = await session.get(
                    served.origin + path, headers=headers, allow_redirects=False
                )
                await response.read()
                return response

            assert (await ask("/")).status == 403
            assert (await ask("/ws")).status == 403
            assert (await ask("/?key=guess")).status == 403
            assert (await ask(f"/?key={served.key}", Host="evil.example")).status == 403
            elsewhere = await ask(f"/?key={served.key}", Origin="http://evil.example")
            assert elsewhere.status == 403
            welcome = await ask(f"/?key={served.key}")
            assert (welcome.status, welcome.headers["Location"]) == (303, "/")
            assert "HttpOnly" in welcome.headers["Set-Cookie"]
            assert "SameSite=Strict" in welcome.headers["Set-Cookie"]
            page = await ask("/")  # now with the cookie
            assert page.status == 200
            policy = page.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'self'")
            text = await page.text()
            links = re.findall(r"(?:https?|wss?)://[^\"'\s]+", text)
            assert links
            assert all(f"://127.0.0.1:{served.port}/" in link for link in links), links
            assert (await ask("/ws", Origin="http://evil.example")).status == 403

    asyncio.run(run())
    assert served.stop() == 0


def test_a_tab_runs_no_code_of_the_folder_the_reader_is_in(served: Served, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("open('ran', 'w').close()\n")

    async def run() -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            await (await session.get(f"{served.origin}/?key={served.key}")).read()
            async with session.ws_connect(f"{served.origin}/ws?width=80&height=24") as tab:
                while (await tab.receive(WAIT_SECONDS)).type is not aiohttp.WSMsgType.BINARY:
                    assert not tab.closed

    asyncio.run(run())
    assert not (tmp_path / "ran").exists()


def test_the_reason_of_a_refusal_is_said() -> None:
    rules: dict[str, Any] = {"port": 8321, "right_key": "right"}
    assert refusal("127.0.0.1:8321", None, "right", **rules) == ""
    assert refusal("localhost:8321", "http://localhost:8321", "right", **rules) == ""
    assert refusal("127.0.0.1:8321", None, None, **rules) == ""
    assert "key is missing" in refusal("127.0.0.1:8321", None, "", **rules)
    assert "'evil.example'" in refusal("evil.example", None, "right", **rules)
    assert "http://127.0.0.1:9999" in refusal(
        "127.0.0.1:8321", "http://127.0.0.1:9999", "right", **rules
    )


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Cannot listen on port {port}.*--port 0"):
            free_port(port)


class Page:
    """A page of a browser, driven by the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.n_sent = 0
        self.requests: list[str] = []

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.n_sent += 1
        number = self.n_sent
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = await self.socket.receive_json(timeout=WAIT_SECONDS)
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    async def evaluate(self, code: str) -> Any:
        result = await self.send("Runtime.evaluate", expression=code, returnByValue=True)
        return result["result"].get("value")

    async def text(self) -> str:
        """What the terminal in the page shows."""
        size = await self.evaluate(
            "(() => { const s = document.querySelector('.xterm-screen');"
            " return s ? [s.clientWidth, s.clientHeight] : null })()"
        )
        if size is None:
            return ""
        screen = pyte.Screen(400, 120)
        stream = pyte.ByteStream(screen)
        pieces = await self.evaluate("window.received") or []
        stream.feed(FOREIGN.sub(b"", b"".join(map(base64.b64decode, pieces))))
        return "\n".join(line.rstrip() for line in screen.display)

    async def wait_for(self, what: str | Callable[[str], object]) -> str:
        until = time.monotonic() + WAIT_SECONDS
        text = ""
        while time.monotonic() < until:
            text = await self.text()
            if what in text if isinstance(what, str) else what(text):
                return text
            await asyncio.sleep(0.2)
        raise AssertionError(f"waited for {what!r}; in the browser:\n{text}")

    async def type(self, text: str) -> None:
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, code: int) -> None:
        for kind in ("keyDown", "keyUp"):
            await self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                text="\r" if key == "Enter" else "",
            )


@asynccontextmanager
async def browser(folder: Path, width: int = 1500, height: int = 900) -> AsyncIterator[Page]:
    """Chromium without a window."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        f"--window-size={width},{height}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        port_file = folder / "DevToolsActivePort"
        until = time.monotonic() + WAIT_SECONDS
        while not (port_file.is_file() and port_file.read_text().count("\n")):
            assert time.monotonic() < until, "Chromium does not start"
            await asyncio.sleep(0.1)
        port = port_file.read_text().splitlines()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                tabs = json.loads(await response.text())
            address = next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as devtools:
                yield Page(devtools)
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_a_browser_shows_the_library_and_a_question_is_answered(
    served: Served, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "docqa.app.cli", "ingest", str(SAMPLE)],
        capture_output=True,
        check=True,
    )

    async def run() -> None:
        async with browser(tmp_path / "chromium") as page:
            await page.send("Network.enable")
            await page.send("Page.enable")
            await page.send("Page.addScriptToEvaluateOnNewDocument", source=LISTEN)
            await page.send("Page.navigate", url=f"{served.origin}/?key={served.key}")
            text = await page.wait_for("13 pages")
            assert "Library" in text
            assert await page.evaluate("location.href") == f"{served.origin}/"
            await page.evaluate("document.querySelector('.xterm-helper-textarea').focus()")
            await page.type("How much did the purchase of new vessels cost in 2024?")
            await page.wait_for("in 2024?")
            await page.press("Enter", 13)
            text = await page.wait_for(lambda text: "(18,640)" in text and "confidence" in text)
            assert "p. 9" in text
            picture = os.environ.get("BROWSER_PICTURE")
            if picture:
                shot = await page.send("Page.captureScreenshot", format="png")
                Path(picture).write_bytes(base64.b64decode(shot["data"]))
            theirs = [url for url in page.requests if not url.startswith((served.origin, "data:"))]
            assert theirs == []

    asyncio.run(run())
