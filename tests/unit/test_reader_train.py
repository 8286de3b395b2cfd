"""A reader head learns where answers stand, resumes bit for bit, and changes nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from docqa.engine.errors import CheckpointError, TrainingError
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer, read_metrics
from docqa.engine.reader import reader_of
from docqa.engine.retriever import load_retriever
from docqa.trainer import publish as publishing
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion
from docqa.trainer.reader_bench import bench_reader, has_short_answers
from docqa.trainer.reader_examples import answer_places, answer_spans, read_examples
from docqa.trainer.reader_train import train_reader
from docqa.trainer.recipe import read_recipe
from docqa.trainer.start import new_model
from docqa.trainer.train import train_retriever
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import labelled_file, recipe_file

N_STEPS = 80
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, the checkpoint without a reader, and a run that gave it one."""
    folder = tmp_path_factory.mktemp("reader")
    data = labelled_file(folder)
    start = make_checkpoint(folder / "start", data.read_text(encoding="utf-8"))
    (start / "run.toml").write_text("seed = 0\n", encoding="utf-8")
    train_reader(
        [data], start, folder / "run", recipe=reader_recipe(folder), dev=[data], device="cpu"
    )
    return folder


def reader_recipe(folder: Path) -> Path:
    path = folder / "reader.toml"
    path.write_text(
        f"seed = 5\nwidth = 16\ndropout = 0.1\nn_steps = {N_STEPS}\nbatch_size = 16\n"
        "learning_rate = 0.02\nsave_every = 20\n",
        encoding="utf-8",
    )
    return path


def test_it_learns_and_says_what_it_measured(trained: Path) -> None:
    metrics = json.loads((trained / "run/checkpoint/metrics.json").read_text(encoding="utf-8"))
    reader = metrics["reader"]
    assert reader["step"] == N_STEPS
    assert reader["loss"] < 2.0
    gold = reader["benchmark"]["overall"]["gold_evidence"]
    assert gold["sentence_em"] == 0.0
    assert gold["reader_em"] > 0.9
    assert metrics["made_by"] == "a test"


def test_everything_else_in_the_checkpoint_stays_bit_for_bit(trained: Path) -> None:
    before = load_file(trained / "start" / WEIGHTS)
    after = load_file(trained / "run/checkpoint" / WEIGHTS)
    assert {name for name in after if not name.startswith("reader.")} == set(before)
    for name, value in before.items():
        assert torch.equal(after[name], value)
    assert load_model(trained / "run/checkpoint").config.reader_width == 16
    assert reader_of(load_retriever("mamba", checkpoint=trained / "start")) is None
    assert reader_of(load_retriever("hybrid", checkpoint=trained / "run/checkpoint")) is not None
    assert reader_of(load_retriever("bm25")) is None


def test_a_checkpoint_that_lacks_a_part_of_its_reader_is_refused(
    trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    config = json.loads((trained / "run/checkpoint/config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / WEIGHTS).write_bytes((trained / "start" / WEIGHTS).read_bytes())
    with pytest.raises(CheckpointError, match=r"lacks \d+ tensors: reader\..* docqa train reader"):
        load_model(folder)
    assert load_model(folder, without=["reader"]).reader is None


def test_a_resumed_run_is_the_uninterrupted_one(trained: Path, tmp_path: Path) -> None:
    def stop(_phase: str, step: int, _n_steps: int, figures: dict[str, float]) -> None:
        if figures and step == 60:
            raise KeyboardInterrupt

    data, start = trained / "people.train.jsonl", trained / "start"
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_reader(
            [data], start, run, recipe=reader_recipe(tmp_path), device="cpu", on_progress=stop
        )
    with pytest.raises(TrainingError, match="already holds a run"):
        train_reader([data], start, run, recipe=reader_recipe(tmp_path), device="cpu")
    train_reader([data], start, run, resume=True, device="cpu")
    whole = load_file(trained / "run/checkpoint" / WEIGHTS)
    for name, value in load_file(run / "checkpoint" / WEIGHTS).items():
        assert torch.equal(value, whole[name]), name


def test_publishing_keeps_the_reader_and_its_card(trained: Path, tmp_path: Path) -> None:
    data = labelled_file(tmp_path, n_documents=12)
    checkpoint = trained / "run/checkpoint"
    out = publishing.publish(
        checkpoint, tmp_path / "small", [data], limit=30, baselines=False, device="cpu"
    )
    assert load_model(out).config.reader_width == 16
    assert (out / "reader.toml").read_bytes() == (checkpoint / "reader.toml").read_bytes()
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "## Reader" in card
    assert "| people.train.jsonl | 30 |" in card  # measured anew, on as many as the others


def test_training_the_retriever_on_leaves_the_reader_behind(trained: Path, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file(tmp_path, trained / "run/checkpoint"))
    model, _ = new_model(recipe)
    assert model.reader is None
    assert model.config.reader_width == 0


def test_a_frozen_embedding_keeps_its_reader_bit_for_bit(trained: Path, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file(tmp_path, trained / "run/checkpoint", n_steps=3))
    recipe = replace(recipe, optimizer=replace(recipe.optimizer, embedding_learning_rate=0.0))
    train_retriever([trained / "people.train.jsonl"], tmp_path / "run", recipe=recipe, device="cpu")
    before = load_file(trained / "run/checkpoint" / WEIGHTS)
    after = load_file(tmp_path / "run/checkpoint" / WEIGHTS)
    assert set(after) == set(before)
    changed = {name for name, value in before.items() if not torch.equal(after[name], value)}
    assert changed
    assert not any(name.startswith(("reader.", "backbone.embedding")) for name in changed)
    told = read_metrics(tmp_path / "run/checkpoint")["reader"]
    assert told["step"] == N_STEPS
    assert "benchmark" not in told  # that was with other weights
    assert (tmp_path / "run/checkpoint/reader.toml").is_file()


def test_a_checkpoint_without_reader_cannot_be_measured(trained: Path) -> None:
    with pytest.raises(TrainingError, match=r"has no reader .*docqa train reader"):
        bench_reader([trained / "people.train.jsonl"], "mamba", checkpoint=trained / "start")


def test_a_file_of_long_answers_is_not_measured(trained: Path, tmp_path: Path) -> None:
    data = trained / "people.train.jsonl"
    assert has_short_answers(data)
    rare = tmp_path / "rare.jsonl"
    documents = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    for document in documents:
        for question in document["questions"][1:]:
            question["answers"] = ["nowhere in the text"]
    rare.write_text("".join(f"{json.dumps(one)}\n" for one in documents), encoding="utf-8")
    assert not has_short_answers(rare)


def test_data_without_verbatim_answers_is_said(trained: Path, tmp_path: Path) -> None:
    lines = (trained / "people.train.jsonl").read_text(encoding="utf-8").splitlines()
    record = json.loads(lines[0])
    for question in record["questions"]:
        question["answers"] = ["nobody"]
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="whose answer stands in its evidence"):
        bench_reader([path], "mamba", checkpoint=trained / "run/checkpoint")


def labelled(text: str, answer: str, evidence: str) -> tuple[LabelledDocument, LabelledQuestion]:
    start = text.index(evidence)
    question = LabelledQuestion("1", "What?", (answer,), ((start, start + len(evidence)),), True)
    return LabelledDocument("1", "s", "d", "t", text, (question,)), question


@pytest.mark.parametrize(
    ("evidence", "answer", "found"),
    [
        ("Sales | 1,577 | 5", "5", ["5"]),
        ("Sales | 1,577 | 5", "577", []),
        ("Sales | 1,577 | 5", "1,577", ["1,577"]),
        ("It was Zoë’s Straße, in ﬁve.", "zoë’s straße", ["Zoë’s Straße"]),
        ("It was cold and colder.", "cold", ["cold"]),
        ("It was cold. It was cold.", "cold", ["cold", "cold"]),
    ],
)
def test_answers_are_found_as_whole_words(evidence: str, answer: str, found: list[str]) -> None:
    document, question = labelled(f"Before it.\n\n{evidence}\n\nAfter it.", answer, evidence)
    assert [
        document.document.sentence_text(i)[a:b] for i, (a, b) in answer_spans(document, question)
    ] == found


def test_an_answer_that_is_the_sentence_is_no_span() -> None:
    sentence = "You must give your driver license to the examiner before the test begins."
    document, question = labelled(f"Before.\n\n{sentence}", sentence, sentence)
    assert list(answer_places(document, question).values()) == [[]]


def test_a_sentence_is_asked_for_what_it_says_and_for_something_else(
    trained: Path, tmp_path: Path
) -> None:
    text = (
        "The Harbour Cup of 1998 was won by Ada Holm.\n\nNobody rowed for years.\n\n"
        "The Harbour Cup of 2003 went to nobody.\n\nWho may row is not told."
    )
    start = text.index("Ada")
    asked = [
        {
            "id": "1",
            "question": "Who won the Harbour Cup of 1998?",
            "answers": ["Ada Holm"],
            "evidence": [[start, start + 8]],
        },
        {"id": "2", "question": "Who may row?", "answers": [], "evidence": [], "answerable": False},
    ]
    path = tmp_path / "cup.train.jsonl"
    record = {"doc_id": "1", "source": "cups", "domain": "x", "title": "Cup", "text": text}
    path.write_text(json.dumps({**record, "questions": asked}) + "\n", encoding="utf-8")
    tokenizer = load_tokenizer(trained / "start")
    made = list(
        read_examples([path], tokenizer, limits={}, seed=0, negative_share=1.0, swapped_share=1.0)
    )
    told = [(one.window.sentence_id, bool(one.spans), one.answers) for one in made]
    assert told[:2] == [(0, True, True), (0, False, False)]  # the second asks for another year
    assert all(sentence_id != 0 and not answers for sentence_id, _, answers in told[2:])
    assert len(told) == 4  # one near miss of each question
    first, swapped = (one.window for one in made[:2])
    question = slice(None, first.n_question)
    assert first.token_ids[question].tolist() != swapped.token_ids[question].tolist()
