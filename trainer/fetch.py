"""The published test files, fetched from their public record at Zenodo.

Names, sizes and checksums come from the record itself: nothing is known here in advance, so what
is checked is that a file arrived as the record describes it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from docqa.engine.errors import ConfigError, MissingError, TrainingError

if TYPE_CHECKING:
    import httpx2

RECORD = "13892030"
SERVER = "https://zenodo.org"
TIMEOUT_SECONDS = 60.0
MAX_REDIRECTS = 5
_AGAIN = "Run the same command again: it goes on where this stopped."

OnBytes = Callable[[int], None]
"""Called with the bytes that came."""


@dataclass(frozen=True, slots=True)
class RecordFile:
    """One file of a record."""

    name: str
    n_bytes: int
    checksum: str
    """Kind and hex digits, `md5:0a1b…`, as the record states it."""
    url: str


def list_files(record: str = RECORD, server: str = SERVER) -> list[RecordFile]:
    """What a record holds.

    Raises:
        MissingError: When the server cannot be reached.
        TrainingError: When it has no such record, or says something else than a record.
    """
    url = f"{server.rstrip('/')}/api/records/{record}"
    with _client(server) as client:
        response = _get(client, url, {})
        try:
            if response.status_code == 404:
                raise TrainingError(f"{server} has no record {record}.", "Check --record.")
            if response.status_code != 200:
                raise TrainingError(f"{url} answers HTTP {response.status_code}.", "Try later.")
            response.read()
        finally:
            response.close()
    try:
        return [_record_file(one, server) for one in json.loads(response.content)["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{url} is no record of Zenodo's API: {type(error).__name__} {error}.", "Try later."
        ) from None


def choose_files(files: Sequence[RecordFile], names: Sequence[str]) -> list[RecordFile]:
    """The named files.

    Raises:
        ConfigError: When the record has none of that name.
    """
    by_name = {one.name: one for one in files}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ConfigError(
            f"The record has no file {', '.join(unknown)}.", f"It has: {', '.join(by_name)}."
        )
    return [by_name[name] for name in names]


def is_here(one: RecordFile, folder: Path) -> bool:
    """Whether a file was fetched before and is as the record describes it."""
    path = folder / one.name
    return path.is_file() and path.stat().st_size == one.n_bytes and _is_right(path, one)


def fetch_file(one: RecordFile, folder: Path, on_bytes: OnBytes) -> Path:
    """Fetch a file, or the rest of it, and check it.

    What has come is kept in `NAME.part` until the file is whole, whatever ends the transfer.

    Raises:
        MissingError: When the server cannot be reached.
        TrainingError: When the disk is full, the transfer broke off, or the checksum is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{one.name}.part"
    _check_room(one, part)
    with _client(one.url) as client:
        _fetch_rest(client, one, part, on_bytes)
    n_bytes = part.stat().st_size
    if n_bytes < one.n_bytes:
        raise TrainingError(
            f"{one.name} broke off at {n_bytes:,} of {one.n_bytes:,} bytes.", _AGAIN
        )
    if n_bytes > one.n_bytes or not _is_right(part, one):
        found = _checksum(part, one.checksum.partition(":")[0])
        part.unlink()
        raise TrainingError(
            f"{one.name} has the checksum {found} in {n_bytes:,} bytes, the record says "
            f"{one.checksum} in {one.n_bytes:,}; it was deleted.",
            "Run the same command again.",
        )
    return part.replace(folder / one.name)


def _fetch_rest(client: httpx2.Client, one: RecordFile, part: Path, on_bytes: OnBytes) -> None:
    import httpx2

    n_have = part.stat().st_size if part.exists() else 0
    if n_have >= one.n_bytes:
        return
    headers = {"Accept-Encoding": "identity"}
    if n_have:
        headers["Range"] = f"bytes={n_have}-"
    response = _get(client, one.url, headers)
    try:
        if response.status_code not in (200, 206):
            raise TrainingError(f"{one.url} answers HTTP {response.status_code}.", _AGAIN)
        goes_on = response.status_code == 206
        on_bytes(n_have if goes_on else 0)
        with part.open("ab" if goes_on else "wb") as file:
            for block in response.iter_raw():
                file.write(block)
                on_bytes(len(block))
    except httpx2.HTTPError:
        pass  # what came is kept, and the caller sees that it is too short
    except OSError as error:
        raise TrainingError(f"Cannot write {part}: {error.strerror}.", _AGAIN) from error
    finally:
        response.close()


@contextmanager
def _client(url: str) -> Iterator[httpx2.Client]:
    import httpx2

    try:
        with httpx2.Client(timeout=TIMEOUT_SECONDS) as client:
            yield client
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        host = urlsplit(url).netloc or url
        raise MissingError(
            f"Cannot reach {host}: {error or type(error).__name__}.",
            "Check the network, or fetch the files elsewhere and name them with --data.",
        ) from None


def _get(client: httpx2.Client, url: str, headers: dict[str, str]) -> httpx2.Response:
    """Send a request, and follow redirects on the same host, as Zenodo's newer versions are.

    Raises:
        TrainingError: When one leads elsewhere.
    """
    host = urlsplit(url).netloc
    for _ in range(MAX_REDIRECTS):
        request = client.build_request("GET", url, headers=headers)
        response = client.send(request, stream=True)
        if not response.has_redirect_location:
            return response
        response.close()
        url = str(response.url.join(response.headers["location"]))
        if urlsplit(url).netloc != host:
            raise TrainingError(
                f"{host} sends us to {urlsplit(url).netloc}, which nobody named.",
                "Fetch the file in a browser, and name it with --data.",
            )
    raise TrainingError(f"{host} redirects in a circle.", "Try later.")


def _record_file(one: dict[str, Any], server: str) -> RecordFile:
    """A file as the record describes it.

    Raises:
        ValueError: When its name would leave the folder, or its checksum is of an unknown kind.
    """
    name, checksum = one["key"], one["checksum"]
    if Path(name).name != name or name in ("", ".", ".."):
        raise ValueError(f"the file name {name!r}")
    if checksum.partition(":")[0] not in hashlib.algorithms_guaranteed:
        raise ValueError(f"the checksum {checksum!r}")
    if urlsplit(one["links"]["self"]).netloc != urlsplit(server).netloc:
        raise ValueError(f"a link to {urlsplit(one['links']['self']).netloc}")
    return RecordFile(name, int(one["size"]), checksum, one["links"]["self"])


def _check_room(one: RecordFile, part: Path) -> None:
    n_left = one.n_bytes - (part.stat().st_size if part.exists() else 0)
    n_free = shutil.disk_usage(part.parent).free
    if n_left > n_free:
        raise TrainingError(
            f"{one.name} needs {n_left:,} bytes more, {part.parent} has {n_free:,} free.",
            "Choose another folder: --out DIR",
        )


def _is_right(path: Path, one: RecordFile) -> bool:
    return _checksum(path, one.checksum.partition(":")[0]) == one.checksum


def _checksum(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return f"{kind}:{hashlib.file_digest(file, kind).hexdigest()}"
