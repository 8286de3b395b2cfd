"""Fine-tuning as the seed does it: base checkpoints, whole documents in passes, its data files."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from docqa.engine.errors import CheckpointError, MissingError, TrainingError
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
from docqa.engine.retrievers.question_match import content_mask
from docqa.trainer.retriever.packed import PackedData, pack
from docqa.trainer.retriever.recipe import Recipe, read_recipe
from docqa.trainer.retriever.start import new_model, with_model_of
from docqa.trainer.retriever.step import batch_shape, steps_of_epochs
from docqa.trainer.retriever.train import train_retriever
from docqa.trainer.retriever.windows import WindowSampler
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import labelled_file, neox_like_tokenizer, recipe_file

PLAIN = {
    "n_match_buckets": 0,
    "soft_match": False,
    "mark_sentences": False,
    "coverage": False,
    "question_interval": 0,
    "max_question_tokens": 0,
}
"""The published architecture, with nothing added."""
SAME_GRADIENTS = {"rtol": 1e-4, "atol": 1e-5}
"""Sums in another order, after five steps of AdamW in fp32."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return labelled_file(tmp_path)


@pytest.fixture
def base(tmp_path: Path, data: Path) -> Path:
    """A published base checkpoint in small: it scores no sentences yet."""
    folder = make_checkpoint(tmp_path / "base", data.read_text(encoding="utf-8"), **PLAIN)
    return without(folder, "binary_head.weight", "binary_head.bias")


def without(folder: Path, *names: str) -> Path:
    tensors = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in tensors.items() if name not in names}
    save_file(kept, folder / "model.safetensors")
    return folder


def paper_recipe(checkpoint: Path, **run: Any) -> Recipe:
    """recipes/paper.toml on the checkpoint, with a few small windows a step."""
    recipe = read_recipe("paper")
    start = replace(recipe.start, tokenizer="", checkpoint=str(checkpoint))
    windows = replace(recipe.windows, n_tokens=160, batch_size=4)
    section = replace(recipe.run, **{"bf16": False, "tokens_at_once": 320, **run})
    return replace(recipe, start=start, windows=windows, run=section)


def trained(folder: Path) -> dict[str, torch.Tensor]:
    return load_model(folder / "checkpoint").state_dict()


# Where a run begins


def test_a_base_model_is_loaded_whole_and_gets_a_head(base: Path) -> None:
    model, _ = new_model(paper_recipe(base))
    weights = model.state_dict()
    for name, value in load_file(base / "model.safetensors").items():
        assert torch.equal(weights.pop(name), value), name
    assert set(weights) == {"binary_head.weight", "binary_head.bias"}
    assert 0 < weights["binary_head.weight"].std() < 0.1
    assert model.training


def test_a_base_model_may_lack_nothing_but_the_head(base: Path) -> None:
    without(base, "backbone.layers.1.mixer.D")
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors: backbone\.layers\.1\.mixer\.D"):
        new_model(paper_recipe(base))


def test_init_begins_with_a_checkpoint_and_takes_its_shape(
    data: Path, base: Path, tmp_path: Path
) -> None:
    recipe = recipe_file(tmp_path, base, n_steps=1)
    train_retriever([data], tmp_path / "run", recipe=recipe, init=str(base), device="cpu")
    written = read_recipe(tmp_path / "run" / "run.toml")
    assert written.start.checkpoint == str(base)
    assert (written.model.d_model, written.model.question_interval) == (32, 0)


def test_the_shipped_checkpoint_can_be_trained_on() -> None:
    recipe = read_recipe("embedded")
    start = replace(recipe.start, embedding="", checkpoint="embedded")
    model, _ = new_model(replace(recipe, start=start))
    # the first stage did not know the coverage of sentences
    assert with_model_of(recipe, model).model == replace(recipe.model, coverage=True)


def test_init_names_what_is_not_there(data: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="docqa models pull mamba2-130m"):
        train_retriever([data], tmp_path / "run", init="mamba2-130m", device="cpu")
    with pytest.raises(MissingError, match="No checkpoint folder no-such"):
        train_retriever([data], tmp_path / "run", init="no-such", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_run_begins_in_one_way() -> None:
    recipe = read_recipe("paper")
    both = replace(recipe, start=replace(recipe.start, checkpoint="a"))
    with pytest.raises(TrainingError, match="sets tokenizer and checkpoint"):
        new_model(both)


@pytest.mark.parametrize("name", ["paper", "curriculum"])
def test_the_recipes_of_the_seed_describe_the_published_shape(name: str) -> None:
    recipe = read_recipe(name)
    small = replace(recipe, model=replace(recipe.model, n_layer=1))
    model, tokenizer = new_model(small)
    assert with_model_of(small, model) == small
    assert model.config.d_in_proj == 2 * 1536 + 2 * 128 + 24
    assert model.config.vocab_size == tokenizer.get_vocab_size()
    assert not model.config.has_features


# How a step is read


def test_parts_of_a_step_and_recomputed_layers_give_the_same_weights(
    data: Path, base: Path, tmp_path: Path
) -> None:
    for name, run in {
        "whole": {"tokens_at_once": 0, "recompute": False},
        "parts": {"tokens_at_once": 160, "recompute": True},
        "uneven": {"tokens_at_once": 480, "recompute": True},
    }.items():
        recipe = paper_recipe(base, n_steps=5, **run)
        train_retriever([data], tmp_path / name, recipe=recipe, device="cpu")
    whole = trained(tmp_path / "whole")
    for name in ("parts", "uneven"):
        for key, value in trained(tmp_path / name).items():
            torch.testing.assert_close(value, whole[key], **SAME_GRADIENTS, msg=f"{name}: {key}")


def test_recomputed_layers_keep_no_hidden_states(base: Path, data: Path) -> None:
    """What is kept for the gradients shrinks to less than half."""
    from docqa.trainer.retriever.collate import collate
    from docqa.trainer.retriever.step import WindowReader

    kept: dict[bool, int] = {}
    for recompute in (False, True):
        recipe = paper_recipe(base, recompute=recompute)
        model, tokenizer = new_model(recipe)
        sampler = sampler_of(data, tokenizer, with_model_of(recipe, model))
        batch = collate(sampler.batch(4, 160), 160)
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, sizes=sizes: sizes.append(x.numel()) or x, lambda x: x
        ):
            WindowReader(model, recipe.run)(batch)
        kept[recompute] = sum(sizes)
    assert kept[True] < 0.5 * kept[False]


def test_stages_lengthen_the_windows_and_keep_the_tokens() -> None:
    recipe = read_recipe("curriculum")
    recipe = replace(recipe, run=replace(recipe.run, n_steps=10))
    shapes = [batch_shape(step, recipe) for step in (0, 1, 2, 5, 9)]
    assert shapes == [(160, 1024), (160, 1024), (80, 2048), (40, 4096), (8, 20480)]


# One epoch


def sampler_of(data: Path, tokenizer: Any, recipe: Recipe) -> WindowSampler:
    end = "" if recipe.model.question_interval else "\n"
    packed = pack([data], tokenizer, question_end=end)
    return WindowSampler(packed, recipe, content_mask(tokenizer))


def test_a_pass_takes_each_question_once_and_reads_whole_documents(data: Path, base: Path) -> None:
    recipe = paper_recipe(base)
    tokenizer = load_tokenizer(base)
    packed = pack([data], tokenizer, question_end="\n")
    sampler = sampler_of(data, tokenizer, with_model_of(recipe, new_model(recipe)[0]))
    windows = sampler.batch(packed.n_questions, 160)
    documents = Counter(w.token_ids[w.is_document].tobytes() for w in windows)
    whole = {packed.tokens(i).astype(np.int64).tobytes(): 8 for i in range(packed.n_documents)}
    assert documents == whole
    asked = Counter((w.token_ids.tobytes(), w.labels.tobytes()) for w in windows)
    assert set(asked.values()) == {1}
    for window in windows:
        assert window.is_document[int(window.is_document.argmax()) :].all(), "asked once, in front"


def test_a_second_pass_has_another_order_and_can_be_resumed(data: Path, base: Path) -> None:
    recipe = with_model_of(paper_recipe(base), new_model(paper_recipe(base))[0])
    sampler = sampler_of(data, load_tokenizer(base), recipe)
    first = sampler.batch(32, 160)
    state = json.loads(json.dumps(sampler.state))
    second = sampler.batch(32, 160)
    other = sampler_of(data, load_tokenizer(base), recipe)
    other.state = state
    resumed = other.batch(32, 160)
    orders = [[w.token_ids.tobytes() for w in windows] for windows in (first, second, resumed)]
    assert orders[1] == orders[2]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_an_epoch_knows_its_steps(data: Path, base: Path, tmp_path: Path) -> None:
    train_retriever([data], tmp_path / "run", recipe=paper_recipe(base), device="cpu")
    assert read_recipe(tmp_path / "run" / "run.toml").run.n_steps == 32 // 4
    assert steps_of_epochs(33, paper_recipe(base)) == 9
    # 10 + 5 + 2 + 1 windows in four steps
    staged = replace(read_recipe("curriculum").windows, n_tokens=100, batch_size=10)
    staged = replace(staged, stages=(100, 200, 400, 1000))
    recipe = replace(paper_recipe(base), windows=staged)
    assert steps_of_epochs(180, recipe) == 40


def test_answers_longer_than_every_window_are_an_error(data: Path, base: Path) -> None:
    recipe = with_model_of(paper_recipe(base), new_model(paper_recipe(base))[0])
    sampler = sampler_of(data, load_tokenizer(base), recipe)
    with pytest.raises(TrainingError, match="do not fit into a window of 8 tokens"):
        sampler.batch(1, 8)


def test_a_recipe_without_length_is_refused(tmp_path: Path, base: Path) -> None:
    with pytest.raises(TrainingError, match="n_steps and n_epochs are both 0"):
        read_recipe(recipe_file(tmp_path, base, n_steps=0))


# The published data files


def examples() -> list[dict[str, Any]]:
    """Two examples as the seed's files hold them, in the ids of single bytes."""
    tokenizer = neox_like_tokenizer()
    made = []
    for number, (question, sentences, labels) in enumerate(
        [
            ("Who has the boat?", ["Ada has it.", "Bo, näh!", "Ada\nhas the boat."], [1, 0, 1]),
            ("Who left?", ["Nobody left.", "It was late."], [1, 0]),
        ]
    ):
        ids = tokenizer.encode(question + "\n").ids
        ends = []
        for sentence in sentences:
            ids += tokenizer.encode(sentence).ids
            ends.append(len(ids) - 1)
        made.append(
            {
                "input_ids": ids,
                "sentence_indices": ends,
                "sentence_labels": labels,
                "context": "".join(sentences),
                "datapoint_id": ("synthetic", number),
            }
        )
    return made


def seed_file(folder: Path, name: str, records: list[dict[str, Any]]) -> Path:
    path = folder / name
    if name.endswith(".pickle"):
        path.write_bytes(b"".join(map(pickle.dumps, records)))
    else:
        path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["synthetic.jsonl", "synthetic.pickle"])
def test_token_ids_of_the_seed_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    tokenizer = neox_like_tokenizer()
    packed = pack([seed_file(tmp_path, name, examples())], tokenizer, question_end="\n")
    assert (packed.n_documents, packed.n_questions) == (2, 2)
    assert tokenizer.decode(packed.question(0).tolist()) == "Who has the boat?\n"
    assert tokenizer.decode(packed.tokens(0).tolist()) == "Ada has it.Bo, näh!Ada\nhas the boat."
    begin, end = packed.ends(0)[0] + 1, packed.ends(0)[1] + 1
    assert tokenizer.decode(packed.tokens(0)[begin:end].tolist()) == "Bo, näh!"
    assert packed.relevant_sentences(0).tolist() == [0, 2]
    assert packed.sources.tolist() == ["synthetic"]


def test_a_window_of_seed_data_is_its_input_ids(tmp_path: Path) -> None:
    tokenizer = neox_like_tokenizer()
    path = seed_file(tmp_path, "synthetic.jsonl", examples())
    plain = make_checkpoint(tmp_path / "plain", **PLAIN)
    recipe = with_model_of(paper_recipe(plain), load_model(plain))
    for window in sampler_of(path, tokenizer, recipe).batch(2, 160):
        (same,) = (one for one in examples() if one["input_ids"] == window.token_ids.tolist())
        assert window.sentence_ends.tolist() == same["sentence_indices"]
        assert window.labels.tolist() == same["sentence_labels"]


def test_a_question_read_again_and_again_has_no_line_break(tmp_path: Path) -> None:
    packed: PackedData = pack(
        [seed_file(tmp_path, "synthetic.jsonl", examples())], neox_like_tokenizer()
    )
    assert neox_like_tokenizer().decode(packed.question(1).tolist()) == "Who left?"


def test_token_ids_of_another_tokenizer_are_refused(tmp_path: Path, base: Path) -> None:
    path = seed_file(tmp_path, "synthetic.jsonl", examples())
    with pytest.raises(TrainingError, match=r"holds token ids of gpt-neox-20b.*--init"):
        pack([path], load_tokenizer(base))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sentence_labels": [1]}, "3 sentence_indices, but 1 sentence_labels"),
        ({"sentence_indices": [28, 27, 53]}, "do not ascend"),
        ({"sentence_indices": [1, 2, 999]}, "do not ascend within"),
        ({"sentence_indices": [1, 2, 3]}, "no line break between"),
        ({"input_ids": ["a"]}, "input_ids is no list of integers"),
        ({"input_ids": [245] * 60}, "token id 245 outside a vocabulary of 245"),
    ],
)
def test_what_is_wrong_with_an_example_is_told(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    records = [examples()[1], {**examples()[0], **change}]
    path = seed_file(tmp_path, "synthetic.jsonl", records)
    with pytest.raises(TrainingError, match=f"example 2: .*{message}"):
        pack([path], neox_like_tokenizer())


def test_a_field_that_is_missing_is_named(tmp_path: Path) -> None:
    record = examples()[0]
    del record["sentence_labels"]
    with pytest.raises(TrainingError, match="example 1: KeyError: 'sentence_labels'"):
        pack([seed_file(tmp_path, "a.pickle", [record])], neox_like_tokenizer())
