"""The hub checkpoints are published on: what a repository holds, and its files.

Everything goes through huggingface_hub's session, so that `HF_ENDPOINT`, `HF_TOKEN`,
`HF_HUB_OFFLINE` and proxies mean here what they mean elsewhere. Its telemetry stays off: the hub
is told the version of docqa and of Python, and nothing about who asks. The library's own download
begins a file again after an interruption; `fetch` goes on where it ended.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # it exports them lazily
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)

from docqa.engine.checkpoints.origin import BLOCK_BYTES, OnBytes, Source
from docqa.engine.errors import CheckpointError, ConfigError, MissingError

constants.HF_HUB_DISABLE_TELEMETRY = True
logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what matters is raised

N_TRIES = 5
"""Attempts in a row that bring nothing before a transfer is given up."""
PAUSE_SECONDS = 1.0
BLOCK_OF_TRANSFER_BYTES = 1 << 18
DENIED = (401, 403)
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def hub_files(repository: str, revision: str = "") -> tuple[dict[str, Source], str]:
    """What a repository holds at a revision.

    Args:
        repository: `owner/name`.
        revision: A commit, branch or tag; empty = the newest.

    Returns:
        Its files by name, with the commit the revision means now, and its licence.

    Raises:
        MissingError: When the hub cannot be reached, or has no such repository or revision.
        CheckpointError: When what it says of them cannot be.
        ConfigError: When that cannot be a repository's name.
    """
    api = HfApi(endpoint=constants.ENDPOINT, library_name="docqa", library_version=version("docqa"))
    with _plain_errors(repository, revision):
        found = api.model_info(
            repository,
            revision=revision or None,
            files_metadata=True,
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        )
    if not found.sha:
        raise CheckpointError(f"{constants.ENDPOINT} names no revision of {repository}.")
    sources = {}
    for file in found.siblings or ():
        kind, told = ("sha256", file.lfs.sha256) if file.lfs else ("git", file.blob_id)
        n_bytes = file.lfs.size if file.lfs else file.size
        if n_bytes is None or not told:
            continue
        if not _DIGEST.fullmatch(told):  # it becomes the name of a folder
            raise CheckpointError(
                f"{constants.ENDPOINT} names no hash of {file.rfilename} of {repository}: {told!r}."
            )
        sources[file.rfilename] = Source(
            repository, found.sha, file.rfilename, n_bytes, f"{kind}:{told}"
        )
    licences = [tag.removeprefix("license:") for tag in found.tags or () if "license:" in tag]
    return sources, ", ".join(licences)


def fetch(source: Source, path: Path, on_bytes: OnBytes) -> None:
    """Bring a file to `path`, going on where an earlier call ended, and check it.

    Args:
        source: What to fetch.
        path: Where to; what is there already is taken for its beginning.
        on_bytes: Called with the bytes that were there, then with each further number.

    Raises:
        MissingError: When the hub cannot be reached or refuses.
        CheckpointError: When the file is not what was published; it is deleted then.
    """
    if path.is_file() and path.stat().st_size > source.n_bytes:
        path.unlink()
    n_failed = 0
    with path.open("ab") as file, _plain_errors(source.repository, source.revision):
        on_bytes(file.tell())
        while file.tell() < source.n_bytes:
            n_before = file.tell()
            try:
                _transfer(source, file, on_bytes)
            except (httpx2.TransportError, _Ended):
                n_failed = 1 if file.tell() > n_before else n_failed + 1
                if n_failed == N_TRIES:
                    raise
                time.sleep(PAUSE_SECONDS)
    found = published_digest(path, source)
    if found != source.digest:
        path.unlink()
        raise CheckpointError(
            f"{source.name} of {source.repository} is not what was published: "
            f"it has {found}, not {source.digest}.",
            "Pull again; if it happens twice, something between here and the hub changes files.",
        )


def published_digest(path: Path, source: Source) -> str:
    """The digest of a file, in the form its publisher gives."""
    kind = source.digest.split(":")[0]
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if kind == "git":
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return f"{kind}:{digest.hexdigest()}"


class _Ended(Exception):
    """The hub ended a file before its end."""


def _transfer(source: Source, file: BinaryIO, on_bytes: OnBytes) -> None:
    """One request for what is missing."""
    url = hf_hub_url(
        source.repository, source.name, revision=source.revision, endpoint=constants.ENDPOINT
    )
    headers: dict[str, Any] = build_hf_headers(
        library_name="docqa", library_version=version("docqa")
    )
    headers["Accept-Encoding"] = "identity"
    if n_there := file.tell():
        headers["Range"] = f"bytes={n_there}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        hf_raise_for_status(response)
        if n_there and response.status_code != httpx2.codes.PARTIAL_CONTENT:
            on_bytes(-n_there)  # it sends the whole file again
            file.truncate(0)
            file.seek(0)
        for block in response.iter_bytes(BLOCK_OF_TRANSFER_BYTES):
            file.write(block)
            on_bytes(len(block))
            if file.tell() > source.n_bytes:
                break  # the digest will say so
    if file.tell() < source.n_bytes:
        raise _Ended(f"ended after {file.tell():,} of {source.n_bytes:,} bytes")


@contextmanager
def _plain_errors(repository: str, revision: str) -> Iterator[None]:
    """Errors of the hub, of its library and of the network, in one line of ours each."""
    token_hint = "Accept its terms on its page, then: export HF_TOKEN=…"
    try:
        yield
    except OfflineModeIsEnabled:
        raise MissingError(
            f"{repository} cannot be pulled: HF_HUB_OFFLINE is set.",
            "Unset it, or take a bundle made elsewhere: docqa models pull FILE.tar",
        ) from None
    except HFValidationError:
        raise ConfigError(
            f"{repository!r} cannot be a repository's name.", "Form: OWNER/NAME."
        ) from None
    except GatedRepoError:
        raise MissingError(
            f"{repository} is given only to whom its owner admits.", token_hint
        ) from None
    except RevisionNotFoundError:
        raise MissingError(
            f"{repository} has no revision {revision!r}.", "Leave --revision away for the newest."
        ) from None
    except RepositoryNotFoundError:
        raise _unknown(repository) from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in DENIED:
            raise MissingError(
                f"{constants.ENDPOINT} does not give {repository} to you (status {status}).",
                token_hint,
            ) from None
        if status == httpx2.codes.NOT_FOUND:
            raise _unknown(repository) from None
        raise MissingError(
            f"{constants.ENDPOINT} answers with status {status} for {repository}.",
            "Try again later; what was fetched is kept.",
        ) from None
    except (httpx2.TransportError, _Ended) as error:
        raise MissingError(
            f"{constants.ENDPOINT} cannot be reached: {str(error) or type(error).__name__}.",
            "Pull again to go on, or take a bundle made elsewhere: docqa models pull FILE.tar",
        ) from None


def _unknown(repository: str) -> MissingError:
    return MissingError(
        f"{constants.ENDPOINT} has no repository {repository}, or none that you may see.",
        "See: docqa models list",
    )
