"""The README and the command line say the same."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docqa.app.cli import cli
from docqa.app.config import Settings
from docqa.trainer.bench import markdown_table
from docqa.trainer.reader_bench import reader_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_lines() -> Iterator[str]:
    """Lines of the README's code blocks, continued lines joined."""
    for block in re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()


def command_lines() -> list[str]:
    """What the README tells a reader to run."""
    lines = (line.strip().removeprefix("$ ").strip() for line in code_lines())
    return [line for line in lines if re.match(r"(\.venv/bin/)?docqa(\s|$)", line)]


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("line", command_lines())
def test_every_command_line_of_the_readme_parses(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(line.split(" | ")[0].split(" > ")[0], comments=True)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="docqa")
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        if name.startswith("-"):
            return
        found = command.get_command(context, name)
        assert found is not None, f"no command {name!r}"
        command = found
        context = click.Context(command, parent=context, info_name=name)
    for parameter in command.params:  # the files a reader has are not here
        if isinstance(parameter.type, click.Path):
            monkeypatch.setattr(parameter.type, "exists", False)
    command.parse_args(context, words)


@pytest.mark.parametrize("command", list(commands()))
def test_every_command_is_in_the_readme(command: tuple[str, ...]) -> None:
    n_words = len(command)
    assert any(line.split()[1 : 1 + n_words] == list(command) for line in command_lines())


@pytest.mark.parametrize("key", list(Settings.model_fields))
def test_every_setting_is_in_the_readme(key: str) -> None:
    assert f"`{key}`" in README


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_the_readme_names_the_make_targets(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_linked_file_exists() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_readme_shows_what_was_measured() -> None:
    """The tables of the README are those of the shipped checkpoint's metrics."""
    metrics = json.loads((ROOT / "assets/checkpoint/metrics.json").read_text(encoding="utf-8"))
    for metric, budget in (("recall_words", "1000"), ("mrr", "")):
        assert markdown_table(metrics["benchmark"], metric, budget) in README
    assert reader_table(metrics["reader"]["benchmark"]) in README
    for entry in metrics["confidence"].values():
        measured = entry["metrics"]
        for name in ("refusal_precision", "refusal_recall"):
            assert f"{measured[name]:.2f}" in README
