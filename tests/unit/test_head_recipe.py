"""The recipes of heads are read strictly, and survive their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from docqa.engine.errors import TrainingError
from docqa.trainer.heads.encoder_recipe import EncoderRecipe
from docqa.trainer.heads.head_recipe import HeadRecipe, head_recipe_from_record, read_head_recipe
from docqa.trainer.heads.reader_recipe import ReaderRecipe

KINDS = [(ReaderRecipe, "reader"), (EncoderRecipe, "encoder")]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"widht": 3}, "unknown field 'widht'. Did you mean width?"),
        ({"width": "wide"}, "width is 'wide', but must be int"),
        ({"n_steps": 0}, "n_steps is 0, but must be at least 1"),
    ],
)
@pytest.mark.parametrize(("kind", "_name"), KINDS)
def test_recipe_errors_name_the_field(
    kind: type[HeadRecipe], _name: str, record: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingError) as caught:
        head_recipe_from_record(kind, record, where="test")
    assert message in str(caught.value)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_the_packaged_recipe_survives_its_file(
    kind: type[HeadRecipe], name: str, tmp_path: Path
) -> None:
    recipe = read_head_recipe(kind, name, name)
    assert recipe.sources
    (tmp_path / "run.toml").write_text(recipe.to_toml(), encoding="utf-8")
    assert read_head_recipe(kind, tmp_path / "run.toml", name) == recipe
    with pytest.raises(TrainingError, match=f"Known: {name}"):
        read_head_recipe(kind, "no-such-recipe", name)
