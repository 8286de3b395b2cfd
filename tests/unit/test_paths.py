"""Asking about a path that somebody typed never fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from docqa.app.tui.folder_listing import list_folder, split_path
from docqa.app.tui.pasted_paths import pasted_paths
from docqa.engine.checkpoints.installed import checkpoint_folder
from docqa.engine.errors import ExportError, MissingError
from docqa.engine.exports.files import write_text
from docqa.engine.paths import exists, expand, is_file, is_folder

NOBODY = "~nobody-of-this-name/x.pdf"
TOO_LONG = "a" * 300


def test_home_is_known_and_nobodys_home_is_a_name(fresh_user: Path) -> None:
    assert expand("~/x.pdf") == fresh_user / "x.pdf"
    assert expand(NOBODY) == Path(NOBODY)


@pytest.mark.parametrize("name", [NOBODY, TOO_LONG, "a\0b"])
def test_what_can_be_no_path_is_not_there(name: str) -> None:
    assert not exists(Path(name))
    assert not is_file(Path(name))
    assert not is_folder(Path(name))
    assert pasted_paths(f"/{name}") == []
    with pytest.raises(MissingError, match="No checkpoint folder"):
        checkpoint_folder(name)


def test_a_folder_of_nobody_is_listed_with_a_problem() -> None:
    folder, start = split_path(NOBODY)
    assert start == "x.pdf"
    assert list_folder(folder).problem.startswith("Cannot read")


def test_a_name_that_is_too_long_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Cannot write"):
        write_text(tmp_path / TOO_LONG, "x")
    assert list(tmp_path.iterdir()) == []
