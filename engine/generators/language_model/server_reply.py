"""What a server replies: an answer that streams in, or a refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from docqa.engine.generators.base import OnText
from docqa.engine.generators.language_model import faults

if TYPE_CHECKING:
    import httpx2

N_SHOWN = 300
"""Most characters of a server's own message that are shown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that is no answer."""

    status: int
    message: str
    wait_seconds: float | None
    """How long a server that is busy or still loading asks to wait; None = it does not."""

    def parameter(self, body: dict[str, Any]) -> str | None:
        """The name of a setting this server does not take, and docqa can do without."""
        if self.status not in (400, 422):
            return None
        return next((one for one in _OPTIONAL if one in body and one in self.message), None)


_OPTIONAL = ("stream_options", "max_tokens", "temperature", "seed")


async def read_refusal(response: httpx2.Response) -> Refusal:
    """What a server says about a failure, on one line."""
    body = (await response.aread()).decode(errors="replace")
    try:
        message = _error_text(json.loads(body))
    except ValueError:
        message = shortened(body)
    return Refusal(response.status_code, message, _wait_seconds(response))


class Reply:
    """An answer as it streams in."""

    def __init__(self, url: str, on_text: OnText) -> None:
        self.finish: str | None = None
        """Why it ended: `stop`, `length`."""
        self.n_prompt_tokens: int | None = None
        self.n_answer_tokens: int | None = None
        self._url = url
        self._on_text = on_text
        self._n_chars = 0

    async def read(self, response: httpx2.Response) -> None:
        """Pass on its text until it ends.

        Raises:
            GeneratorError: When it breaks off or is no answer.
        """
        import httpx2

        if "json" in response.headers.get("content-type", ""):
            self._take(_parsed_json(self._url, (await response.aread()).decode(errors="replace")))
            return
        try:
            async for event in httpx2.EventSource(response):
                if event.data.strip() == "[DONE]":
                    return
                self._take(_parsed_json(self._url, event.data))
        except (httpx2.RemoteProtocolError, httpx2.ReadError):
            raise faults.cut_stream(self._url, self._n_chars) from None
        if self.finish is None:
            raise faults.cut_stream(self._url, self._n_chars)

    def _take(self, part: Any) -> None:
        if not isinstance(part, dict):
            raise faults.malformed(self._url, shortened(json.dumps(part)))
        if part.get("error"):
            raise faults.server_failed(self._url, 200, _error_text(part))
        usage = part.get("usage")
        if isinstance(usage, dict):
            self.n_prompt_tokens = _count(usage.get("prompt_tokens"))
            self.n_answer_tokens = _count(usage.get("completion_tokens"))
        choices = part.get("choices")
        if not isinstance(choices, list) or (choices and not isinstance(choices[0], dict)):
            raise faults.malformed(self._url, shortened(json.dumps(part)))
        for choice in choices[:1]:
            said = choice.get("delta") or choice.get("message") or {}
            text = said.get("content") if isinstance(said, dict) else None
            if isinstance(text, str) and text:
                self._n_chars += len(text)
                self._on_text(text)
            self.finish = choice.get("finish_reason") or self.finish


def _error_text(reply: Any) -> str:
    error = reply.get("error", reply) if isinstance(reply, dict) else reply
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or json.dumps(error)
    return shortened(str(error))


def _parsed_json(url: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise faults.malformed(url, f"no JSON: {shortened(text)!r}") from None


def shortened(text: str) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= N_SHOWN else line[:N_SHOWN] + "…"


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _wait_seconds(response: httpx2.Response) -> float | None:
    """How long a server that is busy or still loading asks to wait; None = it does not."""
    if response.status_code not in (429, 503):
        return None
    told = response.headers.get("retry-after", "").strip()
    if told.replace(".", "", 1).isdigit():
        return float(told)
    try:
        until = parsedate_to_datetime(told)
    except ValueError:
        return 2.0 if response.status_code == 503 else None
    return max((until - datetime.now(UTC)).total_seconds(), 0.0)
