"""Settings: flags > `DOCQA_*` > ./docqa.toml > the user's file > assets/defaults.toml.

A setting is a plain `key = value` line. A key that does not exist is an error, wherever it
stands: a typo that is passed over in silence changes what a reader believes to have asked for.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)

from docqa.app.tui.keymap import parse_keymap
from docqa.engine.errors import ConfigError
from docqa.engine.paths import expand

ENV_PREFIX = "DOCQA_"
NO_SETTINGS = {"DOCQA_API_KEY", "DOCQA_DEBUG", "DOCQA_DTYPE", "DOCQA_PATH", "DOCQA_TRACEBACK"}
NO_SETTINGS |= {"DOCQA_WINDOW_TOKENS"}
"""Variables of ours that are no settings."""


class Settings(BaseModel):
    """What a command runs with."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    retriever: Literal["mamba", "bm25", "hybrid", "embedding", "fusion"]
    checkpoint: str
    """An installed checkpoint's name, or a folder; empty = the embedded one."""
    device: Literal["auto", "cpu", "cuda", "mps"]
    generator: Literal["extractive", "llama", "openai"]
    strategy: Literal["direct", "scratchpad", "full"]
    model: str
    """A GGUF file for llama, the name of a model for openai; empty = the server's only one."""
    base_url: str
    """The server of openai."""
    context_tokens: int = Field(ge=0)
    """The model's window; 0 = as the model or the server tells."""
    answer_tokens: int = Field(ge=16)
    """Most tokens of an answer."""
    timeout_seconds: int = Field(ge=1)
    """Longest silence of a server."""
    words: int = Field(ge=1)
    """Words of evidence."""
    top_k: int = Field(ge=0)
    """Sentences of evidence instead of words; 0 = words decide."""
    hops: Literal["auto", "1", "2", "3"]
    """How often documents are read at most; `auto` = again where the first reading leads on."""
    library: str
    """The library file; empty = the platform's data folder."""
    theme: str
    """Colours of the terminal application; `auto` = what suits the terminal."""
    keymap: str
    """Keys of the terminal application that differ: `quit=ctrl+x help=f1,h`."""
    _is_server_given: bool = PrivateAttr(False)
    """Whether the server was named on the command line."""

    @field_validator("keymap")
    @classmethod
    def _keymap_can_be_read(cls, value: str) -> str:
        parse_keymap(value)
        return value

    @field_validator("hops", mode="before")
    @classmethod
    def _hops_can_be_a_number(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @property
    def library_path(self) -> Path:
        """Where the library is."""
        if self.library:
            return expand(self.library)
        return Path(platformdirs.user_data_dir("docqa", appauthor=False)) / "library.db"

    @property
    def word_limit(self) -> int | None:
        """Most words of evidence; None where sentences are counted."""
        return None if self.top_k else self.words

    @property
    def sentence_limit(self) -> int | None:
        """Most sentences of evidence; None where words are counted."""
        return self.top_k or None

    @property
    def hop_limit(self) -> int | None:
        """Most readings of the documents; None where the first one decides."""
        return None if self.hops == "auto" else int(self.hops)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a setting comes from."""

    value: Any
    source: str


def project_file() -> Path:
    """The settings of the folder docqa is run in."""
    return Path.cwd() / "docqa.toml"


def user_file() -> Path:
    """The user's own settings."""
    return Path(platformdirs.user_config_dir("docqa", appauthor=False)) / "config.toml"


def defaults_file() -> Path:
    """The settings docqa comes with."""
    return Path(str(files("docqa.assets").joinpath("defaults.toml")))


def config_files() -> tuple[Path, ...]:
    """All settings files, the strongest first; they need not exist."""
    return project_file(), user_file(), defaults_file()


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings that hold.

    Args:
        flags: Options given on the command line; None where one was not given.

    Raises:
        ConfigError: When a key is unknown or a value cannot be.
    """
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    if "words" in given:
        given.setdefault("top_k", 0)
    layers = read_layers(given)
    try:
        settings = Settings(**merged(layers))
    except ValidationError as error:
        raise ConfigError(_explain(error, layers), "See: docqa config show") from None
    settings._is_server_given = "base_url" in given
    return settings


def is_server_of_folder(settings: Settings) -> bool:
    """Whether nobody but ./docqa.toml names the server of these settings.

    Such a file may lie in any folder that was downloaded: who runs docqa in it has not chosen the
    server.
    """
    if not settings.base_url or settings._is_server_given:
        return False
    folder = str(project_file())
    naming = [
        source for source, values in read_layers({}) if values.get("base_url") == settings.base_url
    ]
    return naming == [folder]


def read_layers(given: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every source with what it sets, the strongest first.

    Raises:
        ConfigError: When a file is not TOML or a key is unknown.
    """
    variables = {
        name[len(ENV_PREFIX) :].lower(): value
        for name, value in os.environ.items()
        if name.upper().startswith(ENV_PREFIX) and name not in NO_SETTINGS
    }
    layers = [("command line", dict(given)), ("environment", variables)]
    layers += [(str(path), _read_toml(path)) for path in config_files()]
    for source, values in layers:
        for key in values:
            _check_key(key, source)
    return layers


def merged(layers: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The value of each setting: that of the strongest source that has one."""
    values: dict[str, Any] = {}
    for _, layer in reversed(layers):
        values |= layer
    return values


def origins(flags: Mapping[str, Any] | None = None) -> dict[str, Origin]:
    """Every setting with its value and where that comes from."""
    settings = load_settings(flags)
    layers = read_layers({k: v for k, v in (flags or {}).items() if v is not None})
    return {
        key: Origin(
            getattr(settings, key), next(source for source, values in layers if key in values)
        )
        for key in Settings.model_fields
    }


def set_value(path: Path, key: str, value: str) -> None:
    """Write one setting into a file; its other lines stay as they are.

    Raises:
        ConfigError: When there is no such setting or it cannot have that value.
    """
    _check_key(key, "the command line")
    wanted = _read_toml(path) | {key: _typed(key, value)}
    path = path.resolve()  # a link stays one
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    text = _with_value(old, key, wanted[key])
    if _parsed_toml(text) != wanted:
        raise ConfigError(f"{key} = {value!r} cannot be written into {path}.", "Edit the file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    if path.is_file():
        shutil.copymode(path, fresh)
    fresh.replace(path)


def _with_value(text: str, key: str, value: str | int) -> str:
    """The text of a settings file in which a setting has another value."""
    shown = json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
    line = f"{key} = {shown}"
    statements = list(_statements(text))
    at = [i for i, statement in enumerate(statements) if key in (_parsed_toml(statement) or {})]
    if at:
        statements[at[0]] = line
    else:
        statements.append(line)
    return "\n".join(statements) + "\n"


def _statements(text: str) -> Iterator[str]:
    """A settings file cut into its lines; a value of several lines is one."""
    lines = text.removesuffix("\n").split("\n") if text else []
    begin = 0
    for end in range(1, len(lines) + 1):
        statement = "\n".join(lines[begin:end])
        if end == len(lines) or _parsed_toml(statement) is not None:
            yield statement
            begin = end


def _parsed_toml(text: str) -> dict[str, Any] | None:
    """What a text says as TOML; None where it is none, or cannot be written in UTF-8."""
    try:
        text.encode()
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeEncodeError):
        return None


def _typed(key: str, value: str) -> str | int:
    try:
        typed = getattr(Settings(**merged(read_layers({key: value}))), key)
    except ValidationError as error:
        mine = [problem for problem in error.errors() if problem["loc"] == (key,)]
        if not mine:
            raise ConfigError(_explain(error, read_layers({})), "See: docqa config show") from None
        raise ConfigError(f"{key} = {value!r}: {_reason(mine[0]['msg'])}.") from None
    assert isinstance(typed, str | int)
    return typed


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Cannot read {path}: {error}.", "Mend the file or move it away."
        ) from None


def _check_key(key: str, source: str) -> None:
    if key in Settings.model_fields:
        return
    if key == "api_key":
        raise ConfigError(
            f"{source} holds an api_key; a key is no setting, so that no file or screen shows it.",
            "Set it in the environment instead: export DOCQA_API_KEY=…",
        )
    shown = f"{ENV_PREFIX}{key.upper()}" if source == "environment" else key
    near = difflib.get_close_matches(key, Settings.model_fields, n=1, cutoff=0.5)
    known = ", ".join(Settings.model_fields)
    hint = f"Did you mean {near[0]!r}?" if near else f"Settings are: {known}."
    raise ConfigError(f"Unknown setting {shown!r} in {source}.", hint)


def _explain(error: ValidationError, layers: list[tuple[str, dict[str, Any]]]) -> str:
    """The first problem of each setting, with the value and the place it stands in."""
    problems = []
    for problem in error.errors():
        key = str(problem["loc"][0])
        source = next((source for source, values in layers if key in values), "settings")
        problems.append(f"{key} = {problem['input']!r} ({source}): {_reason(problem['msg'])}")
    return "; ".join(dict.fromkeys(problems)) + "."


def _reason(message: str) -> str:
    """What a validator said, without pydantic's own word before it."""
    return message.removeprefix("Value error, ")
