"""Hard negatives: what a checkpoint wrongly takes for answers, as a file and in windows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from docqa.app.cli import cli
from docqa.engine.errors import TrainingError
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.packing import tokenize_document
from docqa.engine.retrievers.question_match import content_mask
from docqa.trainer.retriever.mine import N_KEPT, favourites, mine
from docqa.trainer.retriever.mined import MinedNegatives
from docqa.trainer.retriever.packed import PackedData, pack
from docqa.trainer.retriever.passages import Passages
from docqa.trainer.retriever.recipe import read_recipe
from docqa.trainer.retriever.train import train_retriever
from docqa.trainer.retriever.windows import WindowSampler
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import labelled_file, recipe_file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return labelled_file(tmp_path)


@pytest.fixture
def start(tmp_path: Path, data: Path) -> Path:
    text = data.read_text(encoding="utf-8")
    return make_checkpoint(tmp_path / "start", text, question_interval=96)


@pytest.fixture
def packed(data: Path, start: Path) -> PackedData:
    return pack([data], load_tokenizer(start))


@pytest.fixture
def retriever(start: Path, monkeypatch: pytest.MonkeyPatch) -> MambaRetriever:
    monkeypatch.setenv("DOCQA_DTYPE", "float32")
    return MambaRetriever.load(start, device="cpu")


def test_tokens_are_scored_as_their_document_is(retriever: MambaRetriever) -> None:
    question = "Who has the boat?"
    document = document_from_text("Ada has the old boat. Bo has the old horse.", title="t")
    ids = retriever.tokenizer.encode(question, add_special_tokens=False).ids
    tokens = tokenize_document(document, retriever.tokenizer)
    assert np.array_equal(
        retriever.score_tokens(np.asarray(ids), tokens), retriever.score(question, document)
    )


def test_favourites_are_the_best_sentences_that_do_not_answer(
    packed: PackedData, retriever: MambaRetriever, data: Path
) -> None:
    """All of a short document is read: the order is that of its scores, the answer left out."""
    random = np.random.default_rng(0)
    question = 3
    ids = packed.question(question).astype(np.int64)
    tokens = tokenize_document(document_from_text(_text_of(data), title="0"), retriever.tokenizer)
    ranked = np.argsort(-retriever.score_tokens(ids, tokens), kind="stable").tolist()
    assert packed.relevant_sentences(question).tolist() == [3]
    found = list(favourites(packed, retriever, question, 10_000, random))
    assert found == [sentence for sentence in ranked if sentence in found]
    assert 3 not in found
    assert len(found) == 7


def test_what_says_the_same_as_the_answer_is_no_negative(
    packed: PackedData, retriever: MambaRetriever
) -> None:
    """The second sentence is made a copy of the fourth, which answers."""
    starts = np.concatenate([[0], packed.ends(0)[:-1] + 1])
    stops = packed.ends(0) + 1
    assert stops[1] - starts[1] == stops[3] - starts[3]
    ids = packed.token_ids.copy()
    ids[starts[1] : stops[1]] = ids[starts[3] : stops[3]]
    doubled = replace(packed, token_ids=ids)
    found = list(favourites(doubled, retriever, 3, 10_000, np.random.default_rng(0)))
    assert sorted(found) == [0, 2, 4, 5, 6, 7]


def test_of_a_long_document_a_stretch_around_the_answer_is_read(
    packed: PackedData, retriever: MambaRetriever
) -> None:
    starts = np.concatenate([[0], packed.ends(0)[:-1] + 1])
    n_tokens = int((packed.ends(0) + 1 - starts).max()) * 3
    for seed in range(5):
        found = list(favourites(packed, retriever, 3, n_tokens, np.random.default_rng(seed)))
        assert found
        assert all(abs(sentence - 3) <= 3 for sentence in found)


def test_a_stretch_knows_what_stands_above_within_it() -> None:
    above = np.array([[-1, -1], [0, -1], [0, 1], [0, 1], [2, -1]], np.int32)
    passages = Passages(np.arange(5, dtype=np.int32), *[np.arange(5)] * 3, above=above)
    assert passages.above_within(1, 4).tolist() == [[-1, -1], [-1, 0], [-1, 0]]
    assert passages.above_within(0, 5).tolist() == above.tolist()


def test_mined_windows_hold_the_answer_among_the_negatives(
    packed: PackedData, start: Path, tmp_path: Path
) -> None:
    recipe = read_recipe(recipe_file(tmp_path, start))
    windows = replace(recipe.windows, mined_share=1.0, foreign_share=0.0, n_tokens=200)
    recipe = replace(recipe, windows=windows)
    sentences = np.asarray([[5, 6, -1], [1, 0, -1]], np.int32)
    mined = MinedNegatives(np.asarray([2, 28]), sentences, packed.digest)
    assert mined.of(28).tolist() == [1, 0]
    assert mined.of(3).tolist() == []
    mask = content_mask(load_tokenizer(start))
    sampler = WindowSampler(packed, recipe, mask, mined)
    asked = {tuple(packed.question(question)) for question in (2, 28)}
    for window in sampler.batch(20, 60):
        opening = window.token_ids[: int(window.is_document.argmax())]
        assert tuple(opening) in asked
        assert window.labels.sum() == 1


def test_mining_and_training_with_what_was_mined(data: Path, start: Path, tmp_path: Path) -> None:
    """From the command: the file comes back whole, and a resumed run is the uninterrupted one."""
    recipe = recipe_file(tmp_path, start, n_steps=8)
    out = tmp_path / "hard.npz"
    command = ["train", "mine", "--data", str(data), "--checkpoint", str(start)]
    command += ["--recipe", str(recipe), "--questions", "12", "--device", "cpu", "-q"]
    done = CliRunner().invoke(cli, [*command, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(out)
    mined = MinedNegatives.load(out, pack([data], load_tokenizer(start)))
    assert len(mined.questions) == 12
    assert mined.sentences.shape == (12, N_KEPT)
    assert all(len(mined.of(int(question))) == 7 for question in mined.questions)

    run = {"recipe": recipe, "device": "cpu", "mined": out}
    whole = train_retriever([data], tmp_path / "whole", **run)
    train_retriever([data], tmp_path / "halves", **run, stop_after=4)
    with pytest.raises(TrainingError, match="other training files"):
        train_retriever([data], tmp_path / "halves", device="cpu", resume=True)
    halves = train_retriever([data], tmp_path / "halves", **run, resume=True)
    expected, got = load_model(whole).state_dict(), load_model(halves).state_dict()
    for name, value in expected.items():
        assert np.array_equal(value.numpy(), got[name].numpy()), name
    plain = train_retriever([data], tmp_path / "plain", recipe=recipe, device="cpu")
    other = load_model(plain).state_dict()["binary_head.weight"]
    assert not np.array_equal(other.numpy(), expected["binary_head.weight"].numpy())


def test_negatives_of_other_data_are_refused(data: Path, start: Path, tmp_path: Path) -> None:
    out = tmp_path / "hard.npz"
    recipe = recipe_file(tmp_path, start)
    mine([data], start, out, recipe=recipe, n_questions=2, n_tokens=100, device="cpu")
    (tmp_path / "more").mkdir()
    more = labelled_file(tmp_path / "more", n_documents=5)
    with pytest.raises(TrainingError, match="mined from other training files"):
        MinedNegatives.load(out, pack([more], load_tokenizer(start)))
    (tmp_path / "broken.npz").write_bytes(b"no zip")
    with pytest.raises(TrainingError, match=r"broken\.npz holds no hard negatives"):
        MinedNegatives.load(tmp_path / "broken.npz", pack([data], load_tokenizer(start)))


def _text_of(data: Path) -> str:
    text: str = json.loads(data.read_text(encoding="utf-8").splitlines()[0])["text"]
    return text
