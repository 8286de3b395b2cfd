"""Training: data, windows, losses, and a run that learns and can be resumed bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from docqa.engine.errors import TrainingError
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
from docqa.engine.retrievers.coverage import COVERAGE_WEIGHT, N_COVERAGE, SHARE
from docqa.engine.retrievers.question_match import content_mask, content_tokens, rarity_buckets
from docqa.trainer.retriever.collate import WindowBatch, collate
from docqa.trainer.retriever.loss import StepTotals, bce_loss, listwise_loss, ranking_loss
from docqa.trainer.retriever.optimizer import learning_rate
from docqa.trainer.retriever.packed import PackedData, pack, pack_cached
from docqa.trainer.retriever.recipe import LossSection, Recipe, read_recipe, recipe_from_record
from docqa.trainer.retriever.step import window_loss
from docqa.trainer.retriever.train import train_retriever
from docqa.trainer.retriever.windows import WindowSampler
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import THINGS, labelled_file, recipe_file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return labelled_file(tmp_path)


@pytest.fixture
def start(tmp_path: Path, data: Path) -> Path:
    """An untrained checkpoint that knows the words of the data."""
    text = data.read_text(encoding="utf-8")
    return make_checkpoint(tmp_path / "start", text, question_interval=96)


def sampler(data: Path, start: Path, folder: Path, **windows: object) -> WindowSampler:
    tokenizer = load_tokenizer(start)
    record = read_recipe(recipe_file(folder, start)).to_record()
    record["windows"].update(windows)
    recipe = recipe_from_record(record, where="test")
    return WindowSampler(pack([data], tokenizer), recipe, content_mask(tokenizer))


def test_pack_keeps_evidence_and_round_trips(data: Path, start: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(start)
    packed = pack_cached([data], tokenizer, tmp_path / "cache")
    assert (packed.n_documents, packed.n_questions) == (4, 32)
    assert packed.token_ids.dtype == np.uint16
    ends = packed.ends(0)
    assert len(ends) == 8
    assert ends[-1] == len(packed.tokens(0)) - 1
    for question in range(8):
        assert packed.relevant_sentences(question).tolist() == [question]
    (cached,) = (tmp_path / "cache").glob("packed-*.npz")
    again = PackedData.load(cached)
    assert np.array_equal(again.token_ids, packed.token_ids)


def test_packed_data_can_be_given_instead_of_the_files(
    data: Path, start: Path, tmp_path: Path
) -> None:
    tokenizer = load_tokenizer(start)
    packed = pack([data], tokenizer)
    packed.save(tmp_path / "people.npz")
    again = pack_cached([tmp_path / "people.npz"], tokenizer, tmp_path / "cache")
    assert again.digest == packed.digest
    replace(packed, token_ids=packed.token_ids + 10_000).save(tmp_path / "other.npz")
    with pytest.raises(TrainingError, match=r"other\.npz has token 10\d\d\d"):
        pack_cached([tmp_path / "other.npz"], tokenizer, tmp_path / "cache")
    with pytest.raises(TrainingError, match=r"nothing\.npz holds no packed data"):
        pack_cached([tmp_path / "nothing.npz"], tokenizer, tmp_path / "cache")


def test_windows_hold_question_answer_and_true_labels(
    data: Path, start: Path, tmp_path: Path
) -> None:
    draw = sampler(data, start, tmp_path, foreign_share=0.0, hard_share=0.5)
    tokenizer = load_tokenizer(start)
    for window in draw.batch(40, 96):
        assert len(window.token_ids) <= 96
        assert window.labels.sum() == 1
        assert not window.is_document[: len(window.content)].all()
        text = tokenizer.decode(window.token_ids[~window.is_document].tolist())
        thing = next(word for word in THINGS if word in text)
        answer = int(window.labels.argmax())
        begin = window.sentence_ends[answer - 1] + 1 if answer else 0
        sentence = window.token_ids[begin : window.sentence_ends[answer] + 1].tolist()
        assert thing in tokenizer.decode(sentence)


def test_long_windows_read_the_question_again(data: Path, start: Path, tmp_path: Path) -> None:
    draw = sampler(data, start, tmp_path, foreign_share=0.0, hard_share=0.0)
    draw._recipe = recipe_from_record(
        {
            **draw._recipe.to_record(),
            "model": {**draw._recipe.to_record()["model"], "question_interval": 30},
        },
        where="test",
    )
    (window,) = draw.batch(1, 80)
    starts = np.flatnonzero(np.diff(window.is_document.astype(int), prepend=1) == -1)
    assert len(starts) >= 2


def test_foreign_windows_have_no_answer(data: Path, start: Path, tmp_path: Path) -> None:
    draw = sampler(data, start, tmp_path, foreign_share=1.0)
    assert all(window.labels.sum() == 0 for window in draw.batch(10, 96))


def test_missing_windows_are_on_the_subject_without_the_answer(
    data: Path, start: Path, tmp_path: Path
) -> None:
    draw = sampler(data, start, tmp_path, foreign_share=0.0, missing_share=1.0)
    tokenizer = load_tokenizer(start)
    for window in draw.batch(20, 96):
        assert len(window.labels) > 1
        assert window.labels.sum() == 0
        asked = tokenizer.decode(window.token_ids[~window.is_document].tolist())
        thing = next(word for word in THINGS if word in asked)
        assert thing not in tokenizer.decode(window.token_ids[window.is_document].tolist())


def test_sampler_state_restores_the_stream(data: Path, start: Path, tmp_path: Path) -> None:
    draw = sampler(data, start, tmp_path)
    draw.batch(3, 96)
    state = json.loads(json.dumps(draw.state))
    expected = draw.batch(4, 96)
    other = sampler(data, start, tmp_path)
    other.state = state
    for a, b in zip(expected, other.batch(4, 96), strict=True):
        assert np.array_equal(a.token_ids, b.token_ids)


def test_collate_marks_padding(data: Path, start: Path, tmp_path: Path) -> None:
    windows = sampler(data, start, tmp_path).batch(4, 96)
    batch = collate(windows, 96)
    assert batch.token_ids.shape == (4, 96)
    assert batch.real.sum(dim=1).tolist() == [len(w.sentence_ends) for w in windows]


def test_rarity_buckets_are_by_share_of_the_document() -> None:
    counts = np.zeros(10, dtype=np.int64)
    counts[[1, 2, 3, 4]] = [500, 499, 1, 24]
    buckets = rarity_buckets(np.asarray([1, 3, 4], np.int32), counts, 8)
    assert buckets.tolist() == [0, 1, 0, 5, 2, 0, 0, 0, 0, 0]


def test_content_tokens_leave_out_function_words(start: Path) -> None:
    tokenizer = load_tokenizer(start)
    mask = content_mask(tokenizer)
    ids = np.asarray(tokenizer.encode("Who has the old boat?").ids, np.int32)
    words = {tokenizer.id_to_token(int(i)) for i in content_tokens(ids, mask)}
    assert words == {"old", "boat"}


def test_listwise_loss_by_hand() -> None:
    """Logits 0 and 0 with "none" at 0: each share is 1/3; the padded third does not count."""
    logits = torch.tensor([[0.0, 0.0, 9.0]])
    real = torch.tensor([[True, True, False]])
    totals = StepTotals(n_windows=1, n_sentences=2, n_relevant=1)
    loss = listwise_loss(logits, torch.tensor([[1.0, 0.0, 0.0]]), real, totals)
    torch.testing.assert_close(loss, torch.log(torch.tensor(3.0)))
    nothing = listwise_loss(torch.tensor([[2.0, 9.0]]), torch.zeros(1, 2), real[:, 1:], totals)
    torch.testing.assert_close(nothing, torch.log1p(torch.exp(torch.tensor(2.0))))


def test_ranking_loss_by_hand() -> None:
    """Of two sentences the answer is e to 1 behind; a window without an answer teaches no order."""
    scores = torch.tensor([[0.0, 1.0, 9.0], [3.0, 0.0, 0.0]], requires_grad=True)
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    real = torch.tensor([[True, True, False], [True, False, False]])
    loss = ranking_loss(scores, labels, real, StepTotals(2, 3, 1))
    torch.testing.assert_close(loss, torch.log1p(torch.exp(torch.tensor(1.0))) / 2)
    loss.backward()
    assert scores.grad[0, 0] < 0 < scores.grad[0, 1]
    assert not scores.grad[1].any()
    assert scores.grad[0, 2] == 0.0


def test_what_coverage_adds_counts_in_the_ranking() -> None:
    """Two equal logits: the loss is lower where the answer covers more of the question."""
    losses = []
    for shares in ([1.0, 0.0], [0.0, 1.0]):
        coverage = torch.zeros(1, 2, N_COVERAGE)
        coverage[0, :, SHARE] = torch.tensor(shares)
        whole = torch.ones(1, 2, dtype=torch.long)
        labels = torch.tensor([[1.0, 0.0]])
        batch = WindowBatch(whole, whole, whole > 0, whole, whole, labels, coverage)
        recipe = Recipe(loss=LossSection(listwise=0.0, ranking=1.0, bce=0.0))
        losses.append(window_loss(torch.zeros(1, 2), batch, recipe, StepTotals(1, 2, 1)).item())
    expected = np.log1p(np.exp(COVERAGE_WEIGHT))
    np.testing.assert_allclose(losses, [expected - COVERAGE_WEIGHT, expected], rtol=1e-5)


def test_listwise_loss_has_finite_gradients_with_padding() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    real = torch.tensor([[True, True, False], [True, False, False]])
    totals = StepTotals(n_windows=2, n_sentences=3, n_relevant=1)
    listwise_loss(logits, torch.tensor([[1.0, 0, 0], [0, 0, 0]]), real, totals).backward()
    assert torch.isfinite(logits.grad).all()


def test_bce_weights_positives_by_their_rarity() -> None:
    logits, real = torch.zeros(1, 4), torch.ones(1, 4, dtype=torch.bool)
    totals = StepTotals(n_windows=1, n_sentences=4, n_relevant=1)
    loss = bce_loss(logits, torch.tensor([[1.0, 0, 0, 0]]), real, totals)
    torch.testing.assert_close(loss, torch.log(torch.tensor(2.0)) * (3 + 3) / 4)


def test_learning_rate_warms_up_and_ends_low() -> None:
    recipe = recipe_from_record(
        {"run": {"n_steps": 100}, "optimizer": {"warmup_share": 0.1}}, where="test"
    )
    rates = [learning_rate(step, 1e-3, recipe) for step in range(101)]
    assert rates[0] == pytest.approx(1e-4)
    assert max(rates) == rates[9] == pytest.approx(1e-3)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(1e-5)


def test_a_run_learns_its_examples(data: Path, start: Path, tmp_path: Path) -> None:
    """120 steps on 32 questions: the best sentence is the right one, and dev is measured."""
    recipe = recipe_file(tmp_path, start, n_steps=120, evaluate_every=60)
    folder = train_retriever([data], tmp_path / "run", recipe=recipe, dev=[data], device="cpu")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    losses = [record["loss"] for record in map(json.loads, lines) if "loss" in record]
    assert losses[-1] < 0.6 * losses[0]
    assert any("dev_mrr" in line for line in lines)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["dev"]["overall"]["mrr"] > 0.8


def test_resumed_equals_uninterrupted(data: Path, start: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, start, n_steps=14)
    whole = train_retriever([data], tmp_path / "whole", recipe=recipe, device="cpu")
    train_retriever([data], tmp_path / "halves", recipe=recipe, device="cpu", stop_after=7)
    halves = train_retriever([data], tmp_path / "halves", recipe=recipe, device="cpu", resume=True)
    expected, got = load_model(whole).state_dict(), load_model(halves).state_dict()
    for name, value in expected.items():
        assert torch.equal(value, got[name]), name


def test_a_run_goes_on_with_its_own_data_only(data: Path, start: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, start, n_steps=4)
    train_retriever([data], tmp_path / "run", recipe=recipe, device="cpu", stop_after=2)
    (tmp_path / "more").mkdir()
    more = labelled_file(tmp_path / "more", n_documents=5)
    with pytest.raises(TrainingError, match="begun with other training files"):
        train_retriever([more], tmp_path / "run", device="cpu", resume=True)


def test_a_second_run_does_not_overwrite_the_first(data: Path, start: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, start, n_steps=2)
    train_retriever([data], tmp_path / "run", recipe=recipe, device="cpu")
    with pytest.raises(TrainingError, match="already holds a run"):
        train_retriever([data], tmp_path / "run", recipe=recipe, device="cpu")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"runs": {}}, "unknown field 'runs'. Did you mean run?"),
        ({"run": {"n_step": 3}}, "unknown field 'n_step'. Did you mean n_steps?"),
        ({"run": {"n_steps": "many"}}, "n_steps is 'many', but must be int"),
    ],
)
def test_recipe_errors_name_the_field(record: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError) as caught:
        recipe_from_record(record, where="test")
    assert message in str(caught.value)


def test_recipes_in_the_package_can_be_read() -> None:
    assert isinstance(read_recipe("embedded"), Recipe)
    with_coverage = replace(read_recipe("embedded").model, coverage=True)
    assert read_recipe("embedded-gpu").model == with_coverage
    with pytest.raises(TrainingError, match="Known: adapt, curriculum, embedded,"):
        read_recipe("no-such-recipe")


def test_a_recipe_survives_its_file(tmp_path: Path) -> None:
    recipe = read_recipe("embedded")
    (tmp_path / "run.toml").write_text(recipe.to_toml(), encoding="utf-8")
    assert read_recipe(tmp_path / "run.toml") == recipe


def test_a_run_from_the_embedded_checkpoint_says_its_name_and_no_path(
    data: Path, start: Path, tmp_path: Path
) -> None:
    recipe, out = recipe_file(tmp_path, start), tmp_path / "run"
    train_retriever([data], out, recipe=recipe, init="embedded", n_steps=1, device="cpu")
    assert read_recipe(out / "run.toml").start.checkpoint == "embedded"


def test_missing_and_broken_data_name_file_and_line(start: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, start)
    with pytest.raises(TrainingError, match="No data file"):
        train_retriever([tmp_path / "none.jsonl"], tmp_path / "run", recipe=recipe)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"doc_id": "1", "text": "a"}\n{"doc_id": 2}\n')
    with pytest.raises(TrainingError, match=r"bad\.jsonl, line 2: KeyError"):
        train_retriever([bad], tmp_path / "run2", recipe=recipe)
