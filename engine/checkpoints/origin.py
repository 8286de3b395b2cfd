"""Where an installed checkpoint came from, and the hashes its files are held to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from docqa.engine.checkpoints.installed import ORIGIN_FILE
from docqa.engine.errors import CheckpointError

OnBytes = Callable[[int], None]
"""Called with each number of further bytes that were read or fetched."""
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it was installed."""

    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was published."""

    repository: str
    revision: str
    """The commit, never a branch."""
    name: str
    n_bytes: int
    digest: str
    """`sha256:…` of a large file, `git:…` (the id of its blob) of a small one."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What `origin.json` holds."""

    repository: str
    """On the hub; empty for a checkpoint that was taken from a folder."""
    revision: str
    licence: str
    installed_at: str
    """UTC, ISO 8601."""
    sources: tuple[Source, ...]
    files: Mapping[str, FileFacts]
    """By name; of every file in the folder but `origin.json`."""

    @property
    def n_bytes(self) -> int:
        return sum(facts.n_bytes for facts in self.files.values())


def write_origin(folder: Path, origin: Origin) -> None:
    """Write `origin.json`, which makes a folder an installed checkpoint."""
    text = json.dumps(asdict(origin), indent=2, ensure_ascii=False) + "\n"
    (folder / ORIGIN_FILE).write_text(text, encoding="utf-8")


def read_origin(folder: Path) -> Origin:
    """Read `origin.json`.

    Raises:
        CheckpointError: When it is missing, damaged or of another form.
    """
    path = folder / ORIGIN_FILE
    try:
        return origin_from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"Cannot read {path}: {error}.",
            f"Remove it and pull it again: docqa models remove {folder.name}",
        ) from error


def origin_from_json(text: str) -> Origin:
    """The origin a file or a bundle's manifest holds; any error of reading JSON can come out."""
    record = json.loads(text)
    record["sources"] = tuple(Source(**source) for source in record["sources"])
    record["files"] = {str(name): FileFacts(**one) for name, one in record["files"].items()}
    return Origin(**record)


def file_facts(path: Path, on_bytes: OnBytes | None = None) -> FileFacts:
    """Size and hash of a file, read once."""
    digest, n_bytes = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            n_bytes += len(block)
            if on_bytes is not None:
                on_bytes(len(block))
    return FileFacts(n_bytes, digest.hexdigest())


def verify(folder: Path, on_bytes: OnBytes | None = None) -> list[str]:
    """What is not as it was installed, in words; empty when all is.

    Raises:
        CheckpointError: When `origin.json` cannot be read.
    """
    problems = []
    for name, wanted in read_origin(folder).files.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
            continue
        found = file_facts(path, on_bytes)
        if found.n_bytes != wanted.n_bytes:
            problems.append(f"{name} has {found.n_bytes:,} bytes, not {wanted.n_bytes:,}")
        elif found.sha256 != wanted.sha256:
            problems.append(
                f"{name} has the sha256 {found.sha256[:12]}…, not {wanted.sha256[:12]}…"
            )
    return problems
