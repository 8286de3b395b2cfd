"""Windows drawn ahead are those that would be drawn in their turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import load_tokenizer
from docqa.engine.retrievers.question_match import content_mask
from docqa.trainer.retriever.ahead import WindowsAhead
from docqa.trainer.retriever.packed import pack
from docqa.trainer.retriever.recipe import Recipe, read_recipe
from docqa.trainer.retriever.step import batch_shape
from docqa.trainer.retriever.windows import Window, WindowSampler
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import labelled_file, recipe_file

N_STEPS = 6


@pytest.fixture(params=[{}, {"n_epochs": 2}])
def recipe(tmp_path: Path, request: pytest.FixtureRequest) -> Recipe:
    data = labelled_file(tmp_path)
    start = make_checkpoint(tmp_path / "start", data.read_text(encoding="utf-8"))
    return read_recipe(recipe_file(tmp_path, start, n_steps=N_STEPS, **request.param))


def sampler(recipe: Recipe, folder: Path) -> WindowSampler:
    tokenizer = load_tokenizer(Path(recipe.start.checkpoint))
    packed = pack([folder / "people.train.jsonl"], tokenizer)
    return WindowSampler(packed, recipe, content_mask(tokenizer))


def ids(windows: list[Window]) -> list[int]:
    return np.concatenate([window.token_ids for window in windows]).tolist()


def test_each_step_gets_the_windows_it_would_draw_itself(recipe: Recipe, tmp_path: Path) -> None:
    alone = sampler(recipe, tmp_path)
    ahead = WindowsAhead(sampler(recipe, tmp_path), recipe)
    for step in range(N_STEPS):
        expected = alone.batch(*batch_shape(step, recipe))
        assert ids(ahead.windows(step)) == ids(expected)
        assert ahead.state == alone.state


def test_a_saved_state_forgets_what_was_drawn_ahead(recipe: Recipe, tmp_path: Path) -> None:
    whole = WindowsAhead(sampler(recipe, tmp_path), recipe)
    expected = [ids(whole.windows(step)) for step in range(N_STEPS)]
    first = WindowsAhead(sampler(recipe, tmp_path), recipe)
    assert [ids(first.windows(step)) for step in range(3)] == expected[:3]
    second = WindowsAhead(sampler(recipe, tmp_path), recipe)
    state = first.state
    for resumed in (second, first):  # one that has drawn nothing, one that has drawn ahead
        resumed.state = state
        assert [ids(resumed.windows(step)) for step in range(3, N_STEPS)] == expected[3:]


def test_what_the_thread_meets_is_raised_where_windows_are_asked_for(
    recipe: Recipe, tmp_path: Path
) -> None:
    ahead = WindowsAhead(sampler(recipe, tmp_path), recipe)
    ahead.windows(0)
    ahead.state = ahead.state
    draw = ahead._sampler

    def fail(*_: int) -> list[Window]:
        raise TrainingError("no answer fits")

    draw.batch = fail
    with pytest.raises(TrainingError, match="no answer fits"):
        ahead.windows(1)
