"""A language model behind an OpenAI-compatible server: Ollama, llama-server, vLLM, OpenAI."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from docqa.engine.errors import DocqaError
from docqa.engine.generators.base import OnText
from docqa.engine.generators.language_model import faults
from docqa.engine.generators.language_model.model import Spent, TokenCount, estimate
from docqa.engine.generators.language_model.prompts import Messages
from docqa.engine.generators.language_model.server_connection import Connection
from docqa.engine.generators.language_model.server_facts import ServerFacts, look
from docqa.engine.generators.language_model.server_reply import Refusal, Reply, read_refusal
from docqa.engine.retrievers.retriever import IsCancelled

if TYPE_CHECKING:
    import httpx2

MAX_WAIT_SECONDS = 30.0
"""A server that is busy for longer is not waited for."""
N_TRIES = 4
_OTHER_NAMES = {"max_tokens": "max_completion_tokens"}
"""What a setting is called where its name is refused; others are left out there."""


class ServerModel:
    """A model of a server, found at the first question."""

    name = "openai"

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "",
        api_key: str | None = None,
        context_tokens: int = 0,
        timeout_seconds: float = 300.0,
    ) -> None:
        """
        Args:
            base_url: Where the protocol begins, `http://127.0.0.1:11434/v1`; a bare host gets /v1.
            model: Its name there; empty = the only one.
            api_key: Sent as a bearer token; never shown.
            context_tokens: The window; 0 = as the server tells.
            timeout_seconds: Longest silence before the first and between two tokens.

        Raises:
            MissingError: When no address is given.
            ConfigError: When it is none.
        """
        self.connection = Connection(base_url, api_key, timeout_seconds)
        self.url = self.connection.url
        self.model: str | None = model or None
        self.facts: ServerFacts | None = None
        """Known once it is open."""
        self._named = model
        self.context_tokens = context_tokens
        self._refused_settings: set[str] = set()

    def check(self, is_cancelled: IsCancelled | None = None) -> None:
        """See `LanguageModel.check`."""
        self.open(is_cancelled)

    def open(self, is_cancelled: IsCancelled | None = None) -> None:
        """See `LanguageModel.open`."""
        if self.facts is None:
            base = self.connection.base
            facts = self.connection.run(
                lambda client: look(self._fetcher(client), self.url, base, self._named),
                is_cancelled,
            )
            asked, told = self.context_tokens, facts.context_tokens
            if not told and not asked:
                raise faults.no_window(self.url)
            if told and asked > told:
                raise faults.window_too_large(asked, facts.model, told)
            self.context_tokens = asked or told or 0
            self.facts, self.model = facts, facts.model

    def count(self, messages: Messages, is_cancelled: IsCancelled | None = None) -> TokenCount:
        """See `LanguageModel.count`."""
        assert self.facts is not None, "open() comes first"
        if not self.facts.counts_exactly:
            return estimate(messages)
        count = self.facts.count
        return self.connection.run(
            lambda client: count(self._fetcher(client), messages), is_cancelled
        )

    def write(
        self,
        messages: Messages,
        *,
        counted: TokenCount,
        n_tokens: int,
        on_text: OnText,
        is_cancelled: IsCancelled | None = None,
    ) -> Spent:
        """See `LanguageModel.write`."""
        asked: dict[str, Any] = {
            "model": self.model,
            "messages": list(messages),
            "max_tokens": n_tokens,
            "temperature": 0,
            "seed": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        reply = Reply(self.url, on_text)
        self.connection.run(lambda client: self._stream(client, asked, reply), is_cancelled)
        if reply.n_prompt_tokens and reply.n_prompt_tokens < counted.at_least:
            raise faults.clipped(
                self.url, reply.n_prompt_tokens, counted.at_least, self.context_tokens
            )
        return Spent(reply.n_prompt_tokens, reply.n_answer_tokens, reply.finish == "length")

    async def _stream(
        self, client: httpx2.AsyncClient, asked: dict[str, Any], reply: Reply
    ) -> None:
        """Send the question until the server takes it, and read what it streams."""
        n_tries = 0
        while True:
            n_tries += 1
            body = self._accepted(asked)
            url = f"{self.url}/chat/completions"
            async with client.stream("POST", url, json=body) as response:
                if response.status_code == 200:
                    await reply.read(response)
                    return
                refusal = await read_refusal(response)
            setting, wait = refusal.parameter(body), refusal.wait_seconds
            if setting is not None:
                self._refused_settings.add(setting)
            elif n_tries < N_TRIES and wait is not None and wait <= MAX_WAIT_SECONDS:
                await asyncio.sleep(wait)
            else:
                raise self._error(refusal)

    def _accepted(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A request less the settings this server refused, or under their other names."""
        refused = self._refused_settings
        return {
            _OTHER_NAMES[key] if key in refused else key: value
            for key, value in asked.items()
            if key not in refused or key in _OTHER_NAMES
        }

    def _error(self, refusal: Refusal) -> DocqaError:
        """The error for a reply that is no answer."""
        status, message = refusal.status, refusal.message
        if status in (401, 403):
            return faults.wrong_key(self.url, status, self.connection.has_key)
        if status == 404 and self.model and "model" in message.lower():
            return faults.no_model(self.url, self.model, [])
        if status == 404 or 300 <= status < 400:
            return faults.malformed(self.url, f"HTTP {status} {message}".strip())
        if status == 429:
            return faults.too_busy(self.url, refusal.wait_seconds)
        if status in (400, 413) and "context" in message.lower():
            return faults.refused_as_too_long(self.url, message, self.context_tokens)
        return faults.server_failed(self.url, status, message)

    def _fetcher(self, client: httpx2.AsyncClient) -> Any:
        """Small requests for facts; see `server_facts.Fetch`."""

        async def fetch(method: str, path: str, body: dict[str, Any] | None) -> Any:
            response = await client.request(method, self.connection.root + path, json=body)
            if path == f"{self.connection.base}/models" and _is_final(response.status_code):
                raise self._error(await read_refusal(response))
            try:
                return response.json() if response.status_code == 200 else None
            except ValueError:
                return None

        return fetch


def _is_final(status: int) -> bool:
    """Whether a refusal to list the models says that nothing else will work."""
    return status in (401, 403, 429) or status >= 500
