"""An installed name is as good as a folder wherever a checkpoint is chosen."""

from __future__ import annotations

import json
from pathlib import Path

from docqa.app.config import load_settings
from docqa.app.tui.settings_form import problems, setting_rows
from docqa.engine.checkpoints.installed import checkpoint_folder, checkpoints_folder
from tests.conftest import Run
from tests.tiny_checkpoint import make_checkpoint


def test_the_settings_screen_offers_installed_names(docqa: Run, tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "mine")
    assert docqa("models", "pull", "mine", "--name", "Mine-2").exit_code == 0
    rows = {row.key: row for _, group in setting_rows(load_settings()) for row in group}
    assert rows["checkpoint"].suggestions == ("Mine-2",)
    assert rows["library"].suggestions == ()
    values = {key: row.value for key, row in rows.items()}
    assert problems({**values, "checkpoint": "mine-2"}) == {}
    wrong = problems({**values, "checkpoint": "SPScanner-130m"})
    assert "docqa models pull SPScanner-130m" in wrong["checkpoint"]


def test_a_name_may_be_a_setting_and_a_folder_of_that_name_is_a_path(
    docqa: Run, tmp_path: Path
) -> None:
    here = make_checkpoint(tmp_path / "mine")
    assert docqa("models", "pull", "mine").exit_code == 0
    assert checkpoint_folder("MINE") == checkpoints_folder() / "mine"
    assert checkpoint_folder("./mine").resolve() == here
    assert docqa("config", "set", "checkpoint", "mine").exit_code == 0
    assert docqa("config", "set", "retriever", "mamba").exit_code == 0
    (tmp_path / "note.txt").write_text("Ada Holm leads the company.\n", encoding="utf-8")
    asked = docqa("ask", "Who leads?", "note.txt", "--json")
    assert asked.exit_code == 0, asked.stderr
    assert json.loads(asked.stdout)["retriever"]["checkpoint"] == "mine"
    back = docqa("ask", "Who leads?", "note.txt", "--json", "--checkpoint", "embedded")
    assert json.loads(back.stdout)["retriever"]["checkpoint"] == "embedded", back.stderr
