"""Settings: who wins, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from docqa.app import options
from docqa.app.config import Settings, load_settings, user_file
from docqa.engine.errors import ConfigError
from docqa.engine.generators.base import GENERATORS
from docqa.engine.retrievers.retriever import RETRIEVERS

Run = Callable[..., Result]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_stronger_source_wins(docqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().words == 500
    write(user_file(), "words = 10\nretriever = 'mamba'\n")
    assert load_settings().words == 10
    write(Path("docqa.toml"), "words = 20\n")
    assert load_settings().words == 20
    monkeypatch.setenv("DOCQA_WORDS", "30")
    assert load_settings().words == 30
    assert load_settings({"words": 40}).words == 40
    assert load_settings({"words": None}).words == 30
    assert load_settings().retriever == "mamba"
    shown = json.loads(docqa("config", "show", "--json").stdout)
    assert shown["words"] == {"value": 30, "source": "environment"}
    assert shown["retriever"]["source"] == str(user_file())


def test_words_on_the_command_line_beat_sentences_in_a_file(docqa: Run) -> None:
    write(Path("docqa.toml"), "top_k = 7\n")
    assert (load_settings().sentence_limit, load_settings().word_limit) == (7, None)
    settings = load_settings({"words": 40})
    assert (settings.sentence_limit, settings.word_limit) == (None, 40)


@pytest.mark.parametrize("key", ["retreiver", "topk", "Words"])
def test_an_unknown_key_names_the_nearest(docqa: Run, key: str) -> None:
    write(Path("docqa.toml"), f"{key} = 1\n")
    result = docqa("config", "show")
    assert result.exit_code == 2
    assert f"Unknown setting '{key}'" in result.stderr
    assert "docqa.toml" in result.stderr
    assert "Did you mean" in result.stderr


def test_an_unknown_variable_is_refused(docqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCQA_RETRIVER", "bm25")
    result = docqa("config", "show")
    assert result.exit_code == 2
    assert "'DOCQA_RETRIVER' in environment. Did you mean 'retriever'?" in result.stderr


def test_a_wrong_value_says_where_it_stands(docqa: Run) -> None:
    write(Path("docqa.toml"), "words = 'many'\nretriever = 'psychic'\n")
    with pytest.raises(ConfigError, match=r"words = 'many' \(.*docqa\.toml\)") as caught:
        load_settings()
    assert "retriever = 'psychic'" in caught.value.message
    assert "'mamba', 'bm25', 'hybrid', 'embedding' or 'fusion'" in caught.value.message


def test_a_file_that_is_no_toml(docqa: Run) -> None:
    write(Path("docqa.toml"), "words: 5\n")
    result = docqa("config", "show")
    assert result.exit_code == 2
    assert "Cannot read" in result.stderr


def test_set_keeps_the_other_lines(docqa: Run) -> None:
    write(user_file(), "# mine\nwords = 10  # few\n")
    assert docqa("config", "set", "words", "20").exit_code == 0
    assert docqa("config", "set", "top-k", "3").exit_code == 0
    assert user_file().read_text(encoding="utf-8") == "# mine\nwords = 20\ntop_k = 3\n"
    assert docqa("config", "set", "retriever", "bm25", "--project").exit_code == 0
    assert load_settings().retriever == "bm25"
    before = user_file().read_bytes()
    assert docqa("config", "set", "words", "many").exit_code == 2
    assert docqa("config", "set", "wrds", "1").exit_code == 2
    assert user_file().read_bytes() == before
    assert str(user_file()) in docqa("config", "path").stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('keymap = """\nquit=ctrl+x\nhelp=f1"""\ntop_k = 3\n', 'keymap = "help=h"\ntop_k = 3\n'),
        (
            "theme = '''\nkeymap = 1\\\n'''\nkeymap = 'help=f1'",
            "theme = '''\nkeymap = 1\\\n'''\nkeymap = \"help=h\"\n",
        ),
        ('"keymap" = "help=f1" # mine\n\ntop_k = 3\n', 'keymap = "help=h"\n\ntop_k = 3\n'),
        ('theme = "a\u2028b"\n# last', 'theme = "a\u2028b"\n# last\nkeymap = "help=h"\n'),
    ],
)
def test_set_replaces_a_value_however_it_is_written(docqa: Run, before: str, after: str) -> None:
    write(user_file(), before)
    assert docqa("config", "set", "keymap", "help=h").exit_code == 0
    assert user_file().read_text(encoding="utf-8") == after
    assert load_settings().keymap == "help=h"


@pytest.mark.parametrize("value", ["a\x7fb", "a\nb\x00", 'a"b\\', "é🚢"])
def test_what_was_set_can_be_read_again(docqa: Run, value: str) -> None:
    assert docqa("config", "set", "checkpoint", value).exit_code == 0
    assert load_settings().checkpoint == value


def test_what_no_file_can_hold_is_refused(docqa: Run) -> None:
    write(user_file(), "words = 10\n")
    result = docqa("config", "set", "checkpoint", "lat\udce9n")
    assert result.exit_code == 2
    assert "checkpoint = " in result.stderr
    assert user_file().read_text(encoding="utf-8") == "words = 10\n"


def test_set_writes_through_a_link_and_keeps_the_mode(docqa: Run, tmp_path: Path) -> None:
    real = tmp_path / "mine" / "docqa.toml"
    write(real, "words = 10\n")
    real.chmod(0o600)
    user_file().parent.mkdir(parents=True)
    user_file().symlink_to(real)
    assert docqa("config", "set", "words", "20").exit_code == 0
    assert user_file().is_symlink()
    assert real.read_text(encoding="utf-8") == "words = 20\n"
    assert real.stat().st_mode & 0o777 == 0o600


def test_settings_and_options_offer_what_there_is() -> None:
    def choices(key: str) -> tuple[str, ...]:
        annotation = Settings.model_fields[key].annotation
        return tuple(annotation.__args__)  # type: ignore[union-attr]

    assert choices("retriever") == options.RETRIEVERS == RETRIEVERS
    assert choices("generator") == options.GENERATORS == GENERATORS
    assert choices("strategy") == options.STRATEGIES
    assert choices("device") == options.DEVICES
