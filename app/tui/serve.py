"""`docqa --serve`: the terminal application in a browser of this machine.

The server listens on 127.0.0.1 alone, and that is not enough: any page in the same browser can
reach that address, and so can any other user of the machine. Hence a key in the address that is
made anew at every start, and no answer to a request that names another host or comes from another
page. Nothing is loaded from elsewhere; the page's policy forbids it.
"""

from __future__ import annotations

import secrets
import shlex
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from docqa.app.own_process import DOCQA
from docqa.engine.errors import ConfigError, MissingError

if TYPE_CHECKING:
    from aiohttp import web

HOST = "127.0.0.1"
DEFAULT_PORT = 8321
KEY = "key"
"""Name of the parameter that carries the key of this start."""


def serve(arguments: Sequence[str], port: int = DEFAULT_PORT) -> int:
    """Serve the application until Ctrl-C.

    Args:
        arguments: What `docqa` is started with for each browser tab.
        port: Where to listen; 0 = any free one.

    Raises:
        MissingError: When the extra is not installed.
        ConfigError: When the port is taken or a setting cannot be.
    """
    from docqa.app.config import load_settings

    try:
        import textual_serve  # noqa: F401
    except ImportError:
        raise MissingError(
            "textual-serve is not installed.", "Install it: pip install 'docqa[browser]'"
        ) from None
    load_settings()  # says what is wrong with them here, and not in every tab
    port = free_port(port)
    key = secrets.token_urlsafe(16)
    click.echo(f"docqa in the browser: http://{HOST}:{port}/?{KEY}={key}")
    click.echo(
        "Only this machine can open it, and only with this address. Ctrl-C ends it.", err=True
    )
    _server(shlex.join([*DOCQA, *arguments]), port, key).serve()
    return 0


def free_port(port: int) -> int:
    """The port, checked, or a free one for 0.

    Raises:
        ConfigError: When another program listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"Cannot listen on port {port} of {HOST}: {error.strerror}.",
                "Choose another: docqa --serve --port 0",
            ) from None
        found: int = probe.getsockname()[1]
        return found


def refusal(host: str, origin: str | None, key: str | None, *, port: int, right_key: str) -> str:
    """Why a request is not answered; empty when it is.

    Args:
        host: The header `Host`; another name for this machine means a page that was led here.
        origin: The header `Origin`; None where a browser sends none.
        key: The key it brings; None for files that are the same for everyone.
        port: Where the server listens.
        right_key: The key of this start.
    """
    names = {f"{name}:{port}" for name in (HOST, "localhost")}
    if host not in names:
        return f"this server does not answer for the host {host!r}"
    if origin is not None and origin not in {f"http://{name}" for name in names}:
        return f"a page of {origin!r} may not use it"
    if key is not None and not secrets.compare_digest(key.encode(), right_key.encode()):
        return "the key is missing; open the address that docqa --serve printed"
    return ""


def _server(command: str, port: int, key: str) -> Any:
    """Textual's server, for this machine alone."""
    from importlib.resources import files

    from textual_serve.server import Server

    class LoopbackServer(Server):
        """Answers only who has the key, and says nothing itself."""

        async def _make_app(self) -> web.Application:
            app = await super()._make_app()
            app.middlewares.append(_guard(port, key))
            return app

        async def on_startup(self, app: web.Application) -> None:
            """The address has been printed already."""

        def initialize_logging(self) -> None:
            """No log of its own: every tab writes docqa's."""

        async def handle_index(self, request: web.Request) -> Any:
            """The page, with addresses under the name it was asked by."""
            self.public_url = f"http://{request.headers['Host']}"
            return await super().handle_index(request)

    return LoopbackServer(
        command,
        host=HOST,
        port=port,
        title="docqa",
        templates_path=str(files("docqa.assets").joinpath("browser")),
    )


def _guard(port: int, right_key: str) -> Any:
    """Refuses strangers; changes the key in the address for a cookie only this server gets back."""
    from aiohttp import web

    cookie = f"docqa_{port}"

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        headers, given = request.headers, request.query.get(KEY)
        is_public = request.path.startswith("/static/")
        key = None if is_public else given or request.cookies.get(cookie, "")
        host, origin = headers.get("Host", ""), headers.get("Origin")
        reason = refusal(host, origin, key, port=port, right_key=right_key)
        if reason:
            return web.Response(status=403, text=f"docqa: {reason}\n")
        if given:
            welcome = web.Response(status=303, headers={"Location": request.path})
            welcome.set_cookie(cookie, right_key, httponly=True, samesite="Strict")
            return welcome
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers.update(_headers(port))
        return response

    return guard


def _headers(port: int) -> dict[str, str]:
    """What the page may do: load from this server and talk to it."""
    sockets = f"ws://{HOST}:{port} ws://localhost:{port}"
    policy = (
        f"default-src 'self'; connect-src 'self' {sockets}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; script-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
