"""Checkpoints in one file, for machines without a network.

A tar archive: `manifest.json` with the origin of each checkpoint, and the hashes in it; then the
files, `NAME/FILE`. Nothing is unpacked by a name the archive gives: only plain files that the
manifest lists are read, each into the folder made for it, and each is checked while it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, runtime_checkable

from docqa.engine.checkpoints.install import (
    FILES,
    PAPERS,
    check_space,
    empty_ready_folder,
    put_into_place,
)
from docqa.engine.checkpoints.installed import checked_name, installed_folder
from docqa.engine.checkpoints.origin import (
    BLOCK_BYTES,
    FileFacts,
    OnBytes,
    Origin,
    origin_from_json,
    read_origin,
)
from docqa.engine.errors import CheckpointError, ConfigError, DocqaError

FORMAT = "docqa-bundle/1"
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 1_000_000


def is_bundle(path: Path) -> bool:
    """Whether a file is a tar archive."""
    return path.is_file() and tarfile.is_tarfile(path)


def write_bundle(folders: Sequence[Path], out: Path, on_bytes: OnBytes) -> None:
    """Write installed checkpoints into a bundle.

    Args:
        folders: Of installed checkpoints.
        out: The file; replaced if it exists, once the new one is whole.
        on_bytes: Called with each number of further bytes.

    Raises:
        CheckpointError: When a checkpoint is damaged or the file cannot be written.
    """
    origins = {folder.name: read_origin(folder) for folder in folders}
    manifest = {
        "format": FORMAT,
        "checkpoints": {name: asdict(origin) for name, origin in origins.items()},
    }
    partial = out.with_name(out.name + ".part")
    try:
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as archive:
            text = json.dumps(manifest, indent=2).encode()
            archive.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
            for folder in folders:
                for name, facts in origins[folder.name].files.items():
                    _add(archive, folder / name, f"{folder.name}/{name}", facts, on_bytes)
        partial.replace(out)
    except OSError as error:
        raise CheckpointError(f"Cannot write {out}: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def take_bundle(path: Path, on_bytes: OnBytes) -> list[Path]:
    """Install all checkpoints of a bundle.

    Args:
        path: What `write_bundle` has written.
        on_bytes: Called with each number of further bytes.

    Returns:
        Their folders. One that is installed already from the same files is left as it is.

    Raises:
        CheckpointError: When it is no bundle, or holds other bytes than its manifest says.
        ConfigError: When a name is taken by another checkpoint.
    """
    from docqa.engine.checkpoints.convert import check_checkpoint

    with _plain_errors(path), tarfile.open(path, "r:") as archive:
        origins = _read_manifest(archive, path)
        wanted = {name: origin for name, origin in origins.items() if not _is_there(name, origin)}
        check_space(sum(origin.n_bytes for origin in wanted.values()), path.name)
        ready = {name: empty_ready_folder(name) for name in wanted}
        left = {f"{name}/{file}" for name, origin in origins.items() for file in origin.files}
        while member := archive.next():
            if member.name not in left or not member.isreg():
                raise CheckpointError(f"{path} holds {member.name!r}, which its manifest does not.")
            left.remove(member.name)
            name, _, file = member.name.partition("/")
            if name in wanted:
                source = archive.extractfile(member)
                assert source is not None
                _copy(source, ready[name] / file, wanted[name].files[file], on_bytes)
        if left:
            raise CheckpointError(f"{path} lacks {sorted(left)[0]}.", "Copy the whole file again.")
    for name, folder in ready.items():
        check_checkpoint(folder)
        one = wanted[name]
        put_into_place(folder, name, one.repository, one.revision, one.licence, one.sources)
    return [found for name in origins if (found := installed_folder(name))]


def _is_there(name: str, origin: Origin) -> bool:
    """Whether exactly this is installed already."""
    folder = installed_folder(name)
    if folder is None:
        return False
    if dict(read_origin(folder).files) == dict(origin.files):
        return True
    raise ConfigError(
        f"Another checkpoint {folder.name} is installed.",
        f"Remove it first: docqa models remove {folder.name}",
    )


def _read_manifest(archive: tarfile.TarFile, path: Path) -> dict[str, Origin]:
    """What a bundle says it holds; every name in it is one that may be a folder or file here."""
    first = archive.next()
    if first is None or first.name != MANIFEST or not 0 < first.size <= MAX_MANIFEST_BYTES:
        raise CheckpointError(f"{path} is no bundle: it does not begin with {MANIFEST}.")
    file = archive.extractfile(first)
    try:
        record = json.loads(file.read() if file else b"")
        if record["format"] != FORMAT:
            raise CheckpointError(
                f"{path} has the form {record['format']!r}, this docqa reads {FORMAT!r}.",
                "Use the version of docqa that wrote it.",
            )
        origins = {
            checked_name(name): origin_from_json(json.dumps(one))
            for name, one in record["checkpoints"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: its {MANIFEST} cannot be read: {error}.") from error
    for name, origin in origins.items():
        if not set(FILES) <= set(origin.files) <= {*FILES, *PAPERS}:
            raise CheckpointError(
                f"{path}: {name} is no checkpoint: it has {', '.join(sorted(origin.files))}."
            )
    return origins


def _add(
    archive: tarfile.TarFile, path: Path, name: str, facts: FileFacts, on_bytes: OnBytes
) -> None:
    """Add a file, which must be as it was installed."""
    try:
        with path.open("rb") as file:
            counted = _Hashed(file, on_bytes)
            if path.stat().st_size == facts.n_bytes:
                archive.addfile(_member(name, facts.n_bytes), counted)
    except FileNotFoundError:
        counted = None
    if counted is None or counted.digest.hexdigest() != facts.sha256:
        raise CheckpointError(
            f"{path} is not as it was installed.", f"See: docqa models verify {path.parent.name}"
        )


def _copy(source: _Readable, path: Path, facts: FileFacts, on_bytes: OnBytes) -> None:
    hashed = _Hashed(source, on_bytes)
    with path.open("wb") as file:
        while block := hashed.read(BLOCK_BYTES):
            file.write(block)
    if hashed.digest.hexdigest() != facts.sha256:
        raise CheckpointError(
            f"{path.name} in the bundle has the sha256 {hashed.digest.hexdigest()[:12]}…, "
            f"its manifest says {facts.sha256[:12]}….",
            "Copy the whole file again.",
        )


@runtime_checkable
class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Hashed(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: _Readable, on_bytes: OnBytes) -> None:
        super().__init__()
        self._file = file
        self._on_bytes = on_bytes
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        self._on_bytes(len(block))
        return block


def _member(name: str, n_bytes: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = n_bytes, 0o644
    return member


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except DocqaError:
        raise
    except (tarfile.TarError, OSError, EOFError) as error:
        raise CheckpointError(
            f"Cannot read the bundle {path}: {error}.", "Copy the whole file again."
        ) from error
