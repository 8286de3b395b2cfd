"""Requests to the one server the user named, cancellable at any moment.

Nothing goes anywhere else: redirects are not followed, and a proxy of the environment is not used
for this machine. The work is done in an event loop of its own, so that a cancelled question
closes its connection at once, before the first token too.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from docqa.engine.errors import Cancelled, ConfigError, DocqaError
from docqa.engine.generators.language_model import faults
from docqa.engine.generators.language_model.server_reply import shortened
from docqa.engine.retrievers.retriever import IsCancelled

if TYPE_CHECKING:
    import httpx2

Result = TypeVar("Result")

POLL_SECONDS = 0.05
CONNECT_SECONDS = 10.0
MIN_KEY_CHARS = 4
"""Fewer characters of a key are no part of it that tells anything."""


class Connection:
    """The way to a server."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        timeout_seconds: float,
        *,
        option: str = "--base-url",
    ) -> None:
        """
        Args:
            base_url: Where the protocol begins, `http://127.0.0.1:11434/v1`; a bare host gets /v1.
            api_key: Sent as a bearer token; never shown.
            timeout_seconds: Longest silence.
            option: What names the address, for messages.

        Raises:
            MissingError: When no address is given.
            ConfigError: When it is none.
        """
        self.root, self.base = _parsed(base_url, option)
        self.url = self.root + self.base
        self._option = option
        self._api_key = api_key
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_seconds = timeout_seconds

    @property
    def has_key(self) -> bool:
        return self._api_key is not None

    def _without_key(self, message: str) -> str:
        """A message, in case a server repeats in it the key it was sent, whole or cut off."""
        key = self._api_key
        if not key:
            return message
        message = message.replace(key, "…")
        for n_chars in range(len(key) - 1, MIN_KEY_CHARS - 1, -1):
            message = message.replace(f"{key[:n_chars]}…", "…")
        return message

    def run(
        self,
        work: Callable[[httpx2.AsyncClient], Coroutine[Any, Any, Result]],
        is_cancelled: IsCancelled | None,
    ) -> Result:
        """Do something with a client; its connections are closed, whatever ends it.

        No error that comes out holds the key.

        Raises:
            Cancelled: When `is_cancelled` said so.
            DocqaError: When the server cannot be reached or breaks off.
        """

        async def connected() -> Result:
            async with self._client() as client:
                return await work(client)

        try:
            return asyncio.run(_watched(connected(), is_cancelled))
        except DocqaError as error:
            error.message = self._without_key(error.message)
            error.hint = self._without_key(error.hint)
            error.args = (error.message, error.hint)
            raise

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """A client whose errors are ours."""
        import httpx2

        # Certificates take a tenth of a second to load; without TLS none are needed.
        is_plain = self.root.startswith("http:")
        times = httpx2.Timeout(self._timeout_seconds, connect=CONNECT_SECONDS)
        try:
            async with httpx2.AsyncClient(
                headers=self._headers,
                verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else True,
                timeout=times,
                trust_env=not _is_this_machine(self.root),
            ) as client:
                yield client
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            is_late = isinstance(error, httpx2.TimeoutException)
            reason = f"nothing within {CONNECT_SECONDS:g} s" if is_late else _reason(error)
            raise faults.no_server(self.url, shortened(reason), self._option) from None
        except httpx2.TimeoutException:
            raise faults.timed_out(self.url, self._timeout_seconds) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            what = shortened(str(error) or type(error).__name__)
            raise faults.malformed(self.url, what, self._option) from None


async def _watched(work: Coroutine[Any, Any, Result], is_cancelled: IsCancelled | None) -> Result:
    """Wait for work, asking meanwhile whether it is still wanted."""
    task = asyncio.ensure_future(work)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=POLL_SECONDS)
            if done:
                return task.result()
            if is_cancelled is not None and is_cancelled():
                raise Cancelled
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _parsed(base_url: str, option: str) -> tuple[str, str]:
    """Root and path of an address.

    Raises:
        MissingError: When there is none.
        ConfigError: When it is no address, or holds a password, which would be shown.
    """
    if not base_url.strip():
        raise faults.no_address()
    try:
        parts = urlsplit(base_url.strip())
        has_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if has_host and "@" in parts.netloc:
        raise ConfigError(
            f"{option} holds a login: {parts.scheme}://…@{parts.netloc.rpartition('@')[2]}.",
            "Take it out of the address and set the key: export DOCQA_API_KEY=…",
        )
    if not has_host or parts.query or parts.fragment:
        raise ConfigError(
            f"{option} is {base_url!r}, which is no address of a server.",
            "It looks like http://127.0.0.1:11434/v1",
        )
    root = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    return root, parts.path.rstrip("/") or "/v1"


def _reason(error: BaseException) -> str:
    """Why there is no connection, as the operating system says it."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
        if isinstance(error, ssl.SSLError):
            return f"no TLS there ({error.reason or error})"
        if isinstance(error, OSError) and error.errno:
            return os.strerror(error.errno).lower() if error.errno > 0 else str(error.strerror)
    return str(error)


def _is_this_machine(root: str) -> bool:
    host = urlsplit(root).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
