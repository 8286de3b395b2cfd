"""Put a checkpoint into its place: from the hub, or from a folder.

What is fetched waits in `.incoming` under its hash, so that an interrupted pull goes on where it
ended, whatever revision is the newest by then.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from docqa.engine.checkpoints.catalogue import TOKENIZER, published
from docqa.engine.checkpoints.installed import (
    checked_name,
    checkpoints_folder,
    incoming_folder,
    installed_folder,
)
from docqa.engine.checkpoints.origin import (
    OnBytes,
    Origin,
    Source,
    file_facts,
    read_origin,
    write_origin,
)
from docqa.engine.errors import CheckpointError, ConfigError, MissingError

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""What weights are published as, the better form first."""
FILES = ("model.safetensors", "config.json", "tokenizer.json")
PAPERS = ("metrics.json", "run.toml", "README.md")
"""What may lie beside them in a checkpoint of ours."""
SPARE_BYTES = 100_000_000
"""Room to leave on the disk."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What pulling a checkpoint would fetch."""

    name: str
    repository: str
    licence: str
    weights: Source
    config: Source
    tokenizer: Source

    @property
    def sources(self) -> tuple[Source, Source, Source]:
        return self.weights, self.config, self.tokenizer

    @property
    def n_bytes(self) -> int:
        return sum(source.n_bytes for source in self.sources)

    @property
    def n_bytes_there(self) -> int:
        """What an interrupted pull has left."""
        paths = [_fetched(self.name, source) for source in self.sources]
        return sum(path.stat().st_size for path in paths if path.is_file())


def plan_pull(reference: str, *, name: str = "", revision: str = "") -> Plan:
    """Ask the hub what a checkpoint consists of. Nothing is fetched and nothing written.

    Args:
        reference: A name of the catalogue, or `owner/name` on the hub.
        name: What to call it here; empty = the last part of the repository's name.
        revision: A commit, branch or tag; empty = that of the installed one of this name, whose
            hashes then hold, or the newest.

    Raises:
        MissingError: When the hub cannot be reached or has nothing of that name.
        CheckpointError: When it is no checkpoint docqa can read, or not what was installed.
        ConfigError: When the name is taken by another checkpoint.
    """
    from docqa.engine.checkpoints.hub import hub_files

    known = published(reference)
    repository = known.repository if known else reference
    if "/" not in repository:
        raise MissingError(
            f"No published checkpoint {reference!r}, and no such file or folder.",
            "See: docqa models list; any other is OWNER/NAME.",
        )
    name = checked_name(name or (known.name if known else repository.rsplit("/", 1)[-1]))
    if there := installed_folder(name):
        name = there.name  # in its own upper and lower case
    pinned = _pinned(name, repository)
    if revision:
        pinned = {}
    weights_pin = next((pinned[one] for one in WEIGHTS if one in pinned), None)
    files, licence = hub_files(repository, weights_pin.revision if weights_pin else revision)
    found = [files[one] for one in WEIGHTS if one in files]
    if not found or "config.json" not in files:
        raise CheckpointError(
            f"{repository} is no checkpoint docqa can read: it has no "
            f"{'config.json' if found else ' or '.join(WEIGHTS)}.",
            "See: docqa models list",
        )
    tokenizer = files.get("tokenizer.json")
    if tokenizer is None:
        pin = pinned.get("tokenizer.json")
        tokenizer = hub_files(TOKENIZER, pin.revision if pin else "")[0]["tokenizer.json"]
    plan = Plan(
        name,
        repository,
        (known.licence if known else licence) or "unknown",
        found[0],
        files["config.json"],
        tokenizer,
    )
    _hold_to(pinned, plan)
    return plan


def pull(plan: Plan, on_bytes: OnBytes) -> Path:
    """Fetch a checkpoint, convert it and put it into its place.

    Args:
        plan: What to fetch.
        on_bytes: Called with each number of further bytes; first with what was there already.

    Returns:
        Its folder.

    Raises:
        MissingError: When the hub cannot be reached or refuses; what was fetched is kept.
        CheckpointError: When the disk is too small or a file is not what it should be.
    """
    from docqa.engine.checkpoints.convert import convert
    from docqa.engine.checkpoints.hub import fetch

    check_space(plan.n_bytes - plan.n_bytes_there + plan.weights.n_bytes, plan.name)
    for source in plan.sources:
        path = _fetched(plan.name, source)
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch(source, path, on_bytes)
    ready = empty_ready_folder(plan.name)
    weights, config, tokenizer = (_fetched(plan.name, source) for source in plan.sources)
    convert(weights, config, tokenizer, ready)
    return put_into_place(
        ready, plan.name, plan.repository, plan.weights.revision, plan.licence, plan.sources
    )


def take_folder(folder: Path, *, name: str = "") -> Path:
    """Install a copy of a checkpoint that lies in a folder, converting a published one.

    Args:
        folder: Ours, or one with `pytorch_model.bin` or a published `config.json`.
        name: What to call it; empty = the folder's name.

    Raises:
        CheckpointError: When it is no checkpoint, or not a whole one.
        ConfigError: When the name is taken or cannot be.
    """
    from docqa.engine.checkpoints.convert import check_checkpoint, convert

    name = checked_name(name or folder.resolve().name)
    if installed_folder(name):
        raise ConfigError(
            f"A checkpoint {name} is installed already.",
            f"Choose another name with --name, or first: docqa models remove {name}",
        )
    weights = next((folder / one for one in WEIGHTS if (folder / one).is_file()), None)
    needed = ("config.json", "tokenizer.json")
    missing = [one for one in needed if not (folder / one).is_file()]
    if weights is None or missing:
        raise CheckpointError(
            f"{folder} is no checkpoint: it has no {missing[0] if missing else WEIGHTS[0]}.",
            f"A published one without tokenizer.json needs that of {TOKENIZER}.",
        )
    check_space(weights.stat().st_size, name)
    ready = empty_ready_folder(name)
    if weights.name == WEIGHTS[1] or b'"ssm_cfg"' in (folder / "config.json").read_bytes():
        convert(weights, folder / "config.json", folder / "tokenizer.json", ready)
    else:
        for one in (*FILES, *PAPERS):
            if (folder / one).is_file():
                shutil.copyfile(folder / one, ready / one)
        check_checkpoint(ready)
    return put_into_place(ready, name)


def empty_ready_folder(name: str) -> Path:
    """An empty folder in which a checkpoint is made ready."""
    folder = incoming_folder(name) / "ready"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def put_into_place(
    ready: Path,
    name: str,
    repository: str = "",
    revision: str = "",
    licence: str = "",
    sources: tuple[Source, ...] = (),
) -> Path:
    """Give a finished folder its origin and its place; an older one of that name goes."""
    files = {path.name: file_facts(path) for path in sorted(ready.iterdir())}
    installed_at = datetime.now(UTC).isoformat(timespec="seconds")
    write_origin(ready, Origin(repository, revision, licence, installed_at, sources, files))
    place = checkpoints_folder() / name
    if place.exists():
        old = incoming_folder(name) / "old"
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
    ready.rename(place)
    shutil.rmtree(incoming_folder(name))
    return place


def remove(name: str) -> None:
    """Delete an installed checkpoint and what an interrupted pull has left of it."""
    incoming = incoming_folder(name)
    shutil.rmtree(incoming, ignore_errors=True)
    place = checkpoints_folder() / name
    if place.exists():
        incoming.mkdir(parents=True)
        place.rename(incoming / "old")  # from here on it is not listed
        shutil.rmtree(incoming)


def check_space(n_bytes: int, name: str) -> None:
    """Refuse before anything is written what the disk cannot hold.

    Raises:
        CheckpointError: When there is too little room; says both numbers.
    """
    folder = checkpoints_folder()
    folder.mkdir(parents=True, exist_ok=True)
    n_free = shutil.disk_usage(folder).free
    if n_bytes + SPARE_BYTES > n_free:
        raise CheckpointError(
            f"{name} needs {(n_bytes + SPARE_BYTES) / 1e9:.1f} GB, "
            f"and {folder} has {n_free / 1e9:.1f} GB left.",
            "Make room: docqa models list shows what each checkpoint takes.",
        )


def _fetched(name: str, source: Source) -> Path:
    """Where a file waits: under its hash, so that no other content is taken for it."""
    return incoming_folder(name) / source.digest.partition(":")[2] / source.name


def _pinned(name: str, repository: str) -> dict[str, Source]:
    """What an installed checkpoint of this name was made from."""
    folder = installed_folder(name)
    if folder is None:
        return {}
    origin = read_origin(folder)
    if origin.repository != repository:
        raise ConfigError(
            f"{name} is installed from {origin.repository or 'a folder'}, not {repository}.",
            "Choose another name with --name.",
        )
    return {source.name: source for source in origin.sources}


def _hold_to(pinned: dict[str, Source], plan: Plan) -> None:
    for source in plan.sources:
        pin = pinned.get(source.name)
        if pin is not None and pin.digest != source.digest:
            raise CheckpointError(
                f"{source.name} of {plan.repository} at {source.revision[:12]} has changed: "
                f"{source.digest}, installed was {pin.digest}.",
                "Take the new one, if you trust it: --revision main",
            )
