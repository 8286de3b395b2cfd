"""The key of a server: from the environment or the keyring, and never shown."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from docqa.engine.errors import ConfigError

OPENAI_HOST = "api.openai.com"
KEYRING_SERVICE = "docqa"


@dataclass(frozen=True, slots=True)
class Key:
    """A key and where it was found."""

    value: str = field(repr=False)
    source: str


def find_key(base_url: str, *, is_of_folder: bool = False) -> Key | None:
    """The key for a server, if there is one.

    `DOCQA_API_KEY` is for the server of the settings, whichever that is. `OPENAI_API_KEY` goes to
    OpenAI and nowhere else: it is often set for other programs. Last comes the keyring, where a
    key is kept by host: `keyring set docqa HOST`.

    Args:
        base_url: The server.
        is_of_folder: Only ./docqa.toml names it. Then it gets no key but one that is for its host:
            a file that lies in some folder may not choose who gets the other.
    """
    host = _host(base_url)
    is_openai = host == OPENAI_HOST and base_url.strip().startswith("https:")
    names = [] if is_of_folder else ["DOCQA_API_KEY"]
    for name in [*names, "OPENAI_API_KEY"] if is_openai else names:
        value = os.environ.get(name, "").strip()
        if value:
            return _checked(Key(value, name))
    key = _in_keyring(host) if host else None
    return key and _checked(key)


def _checked(key: Key) -> Key:
    """The key, if it can be sent.

    Raises:
        ConfigError: When it holds what no header may; it is not quoted.
    """
    if not key.value.isascii() or not key.value.isprintable():
        raise ConfigError(
            f"The key in {key.source} holds characters that no key has, and is not sent.",
            "Copy it again: one line of letters, digits and signs.",
        )
    return key


def _in_keyring(host: str) -> Key | None:
    if importlib.util.find_spec("keyring") is None:
        return None
    import keyring
    import keyring.errors

    try:
        value = keyring.get_password(KEYRING_SERVICE, host)
    except (keyring.errors.KeyringError, RuntimeError):
        return None  # a machine without a keyring service, or a locked one
    return Key(value, "keyring") if value else None


def _host(base_url: str) -> str:
    """Host of an address, with its port where that is given."""
    try:
        parts = urlsplit(base_url.strip())
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.hostname or ''}{port}"
    except ValueError:
        return ""


def without_login(base_url: str) -> str:
    """An address as it may be shown, should someone have put a password into it."""
    return re.sub(r"//[^/@]*@", "//…@", base_url)
