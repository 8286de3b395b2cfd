"""What the settings screen shows and writes: a row a setting, its check, and its file.

Rows come from the settings themselves, so a new setting has a row without a line here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from docqa.app.config import (
    ENV_PREFIX,
    Settings,
    _reason,
    defaults_file,
    load_settings,
    origins,
    project_file,
    set_value,
    user_file,
)
from docqa.engine.checkpoints.installed import checkpoint_folder, installed_names
from docqa.engine.errors import MissingError

GROUPS = {
    "Reading": ("retriever", "checkpoint", "device"),
    "Answering": ("generator", "strategy", "words", "top_k"),
    "Application": ("theme", "keymap", "library"),
}
"""Where a setting stands; one that is named nowhere stands under Answering."""
TITLES = {"top_k": "Sentences", "words": "Words", "base_url": "Server"}
COMMAND_LINE = "the command line"
FIXED = {"library": "open another one with: docqa --library FILE"}
"""Settings that cannot change while the application runs, and what to do instead."""


@dataclass(frozen=True)
class SettingRow:
    """One line of the form."""

    key: str
    title: str
    about: str
    """What it means, from the comments of the default settings."""
    value: str
    choices: tuple[str, ...]
    """What it can be; empty where anything can be typed."""
    suggestions: tuple[str, ...]
    """What is offered while it is typed."""
    is_number: bool
    source: str
    """Where its value comes from, in words."""
    locked: str
    """Why it cannot be changed here; empty where it can."""


def setting_rows(settings: Settings) -> list[tuple[str, list[SettingRow]]]:
    """The form: groups with their rows, in the order they are shown."""
    found = origins()
    named = {key for keys in GROUPS.values() for key in keys}
    rest = tuple(key for key in Settings.model_fields if key not in named)
    groups = []
    for title, keys in GROUPS.items():
        shown = (*keys, *rest) if title == "Answering" else keys
        rows = [
            _row(key, settings, found[key].value, found[key].source)
            for key in shown
            if key in found
        ]
        groups.append((title, rows))
    return groups


def problems(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with values a reader has typed, by setting; empty when nothing is."""
    found: dict[str, str] = {}
    try:
        Settings(**dict(values))  # type: ignore[arg-type]
    except ValidationError as error:
        for problem in error.errors():
            found.setdefault(str(problem["loc"][0]), _reason(problem["msg"]))
    chosen = values.get("checkpoint", "")
    if chosen:
        try:
            missing = checkpoint_problem(checkpoint_folder(chosen))
        except MissingError as error:
            missing = str(error)
        if missing:
            found["checkpoint"] = missing
    return found


def save(values: Mapping[str, str], rows: Sequence[SettingRow]) -> list[str]:
    """Write what differs into the user's file.

    Returns:
        The settings that were written.

    Raises:
        ConfigError: When a value cannot be; the ones before it are written.
    """
    before = {row.key: row for row in rows}
    changed = [
        key
        for key, value in values.items()
        if not before[key].locked and value != before[key].value
    ]
    for key in changed:
        set_value(user_file(), key, values[key])
    return changed


def keep(key: str, value: str) -> str:
    """Write one setting into the user's file, if it would hold from there.

    Returns:
        Why it was not written; empty when it was.

    Raises:
        ConfigError: When it cannot have that value.
    """
    locked = _origin(origins()[key].source, key)[1]
    if not locked:
        set_value(user_file(), key, value)
    return locked


def reload(rows: Sequence[SettingRow]) -> Settings:
    """The settings that hold after the files have changed.

    Flags of the command line still win, and what cannot change while the application runs stays.
    """
    return load_settings(
        {row.key: row.value for row in rows if row.source == COMMAND_LINE or row.key in FIXED}
    )


def checkpoint_problem(folder: Path) -> str:
    """Why a folder is no checkpoint, without loading it; empty when it looks like one."""
    files = ("config.json", "tokenizer.json")
    missing = [name for name in files if not (folder / name).is_file()]
    if not any(folder.glob("*.safetensors")):
        missing.append("model.safetensors")
    return f"{folder} has no {', '.join(missing)}" if missing else ""


def _row(key: str, settings: Settings, stored: object, source: str) -> SettingRow:
    """The row of one setting; a value no file has came by the command line."""
    field = Settings.model_fields[key]
    value = getattr(settings, key)
    given = value != stored
    words, locked = (COMMAND_LINE, "given on the command line") if given else _origin(source, key)
    choices: tuple[Any, ...] = (
        get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    )
    return SettingRow(
        key=key,
        title=TITLES.get(key, key.replace("_", " ").capitalize()),
        about=_comments().get(key, ""),
        value=str(value),
        choices=tuple(map(str, choices)),
        suggestions=tuple(installed_names()) if key == "checkpoint" else (),
        is_number=field.annotation is int,
        source=words,
        locked=FIXED.get(key, locked),
    )


def _origin(source: str, key: str) -> tuple[str, str]:
    """A source in words, and why it cannot be overridden by the user's file."""
    if source == "environment":
        name = f"{ENV_PREFIX}{key.upper()}"
        return f"the variable {name}", f"set by the variable {name}"
    if source == str(project_file()):
        return "./docqa.toml", "set by ./docqa.toml of this folder"
    if source == str(user_file()):
        return "your settings", ""
    return "default", ""


@cache
def _comments() -> dict[str, str]:
    """What the default settings say about each setting."""
    lines = defaults_file().read_text(encoding="utf-8").splitlines()
    found = (re.match(r"(\w+)\s*=\s*(?:\"[^\"]*\"|[^#]*)#\s*(.+)", line) for line in lines)
    return {match[1]: match[2].strip() for match in found if match}
