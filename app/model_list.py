"""What `docqa models list` shows: the embedded checkpoint, the installed and the published ones."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from docqa.engine.checkpoints.catalogue import CATALOGUE
from docqa.engine.checkpoints.facts import checkpoint_facts
from docqa.engine.checkpoints.installed import (
    checkpoints_folder,
    installed_names,
    partly_pulled_names,
)
from docqa.engine.checkpoints.origin import read_origin
from docqa.engine.errors import CheckpointError


def model_entries() -> list[dict[str, Any]]:
    """One entry a checkpoint: the embedded one, the installed ones, then what could be pulled."""
    embedded = Path(str(files("docqa.assets"))) / "checkpoint"
    entries = [
        {
            "name": "embedded",
            "state": "comes with docqa",
            "repository": "docqa",
            "revision": "",
            "licence": "",
            **_facts(embedded),
        }
    ]
    there, partly = installed_names(), partly_pulled_names()
    entries += [_installed_entry(name) for name in there]
    entries += [
        {
            "name": one.name,
            "state": "partly pulled" if one.name in partly else "not installed",
            "repository": one.repository,
            "revision": "",
            "licence": one.licence,
            "for": "training" if one.is_base else "questions",
            "size": one.size,
        }
        for one in CATALOGUE
        if one.name not in there
    ]
    known = {entry["name"] for entry in entries}
    entries += [_bare_entry(name, "partly pulled") for name in partly if name not in known]
    return entries


def _bare_entry(name: str, state: str) -> dict[str, Any]:
    """A checkpoint of which no more can be told."""
    empty = dict.fromkeys(("repository", "revision", "licence", "for", "size"), "")
    return {"name": name, "state": state, **empty}


def _installed_entry(name: str) -> dict[str, Any]:
    folder = checkpoints_folder() / name
    try:
        origin = read_origin(folder)
        entry = {
            "name": name,
            "state": "installed",
            "repository": origin.repository,
            "revision": origin.revision,
            "licence": origin.licence,
            "installed_at": origin.installed_at,
            **_facts(folder),
        }
    except CheckpointError as error:
        return {**_bare_entry(name, "damaged"), "problem": str(error)}
    return entry


def _facts(folder: Path) -> dict[str, Any]:
    facts = checkpoint_facts(folder)
    return {
        "for": "training" if facts.is_base else "questions",
        "size": f"{facts.n_parameters / 1e6:,.0f}M",
        "shape": f"{facts.n_layer} x {facts.d_model}, {facts.precision}",
        "parameters": facts.n_parameters,
        "layers": facts.n_layer,
        "width": facts.d_model,
        "vocabulary": facts.vocab_size,
        "precision": facts.precision,
        "bytes": facts.n_bytes,
        "folder": str(folder),
    }
