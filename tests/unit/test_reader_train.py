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
from docqa.engine.retrievers.retriever import load_retriever
from docqa.trainer import publish as publishing
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion
from docqa.trainer.heads.reader_examples import (
    Shares,
    answer_places,
    answer_spans,
    read_examples,
)
from docqa.trainer.heads.reader_train import train_reader
from docqa.trainer.reader_bench import bench_reader, has_short_answers
from docqa.trainer.retriever.recipe import read_recipe
from docqa.trainer.retriever.start import new_model
from docqa.trainer.retriever.train import train_retriever
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
    made = list(read_examples([path], tokenizer, limits={}, seed=0, shares=Shares(1.0, 1.0)))
    told = [(one.window.sentence_id, bool(one.spans), one.answers) for one in made]
    assert told[:2] == [(0, True, True), (0, False, False)]  # the second asks for another year
    assert all(sentence_id != 0 and not answers for sentence_id, _, answers in told[2:])
    assert len(told) == 4  # one near miss of each question
    first, swapped = (one.window for one in made[:2])
    question = slice(None, first.n_question)
    assert first.token_ids[question].tolist() != swapped.token_ids[question].tolist()


def questions_put(path: Path, checkpoint: Path, shares: Shares) -> list[tuple[int, str, bool]]:
    """Sentence, question as its tokens say it, and whether it answers, of all examples."""
    tokenizer = load_tokenizer(checkpoint)
    made = read_examples([path], tokenizer, limits={}, seed=0, shares=shares)
    return [
        (
            one.window.sentence_id,
            tokenizer.decode(one.window.token_ids[: one.window.n_question].tolist()).replace(
                " ##", ""
            ),
            one.answers,
        )
        for one in made
    ]


def test_a_row_is_asked_for_what_no_figure_answers(trained: Path, tmp_path: Path) -> None:
    text = "Fuel is bought daily.\n\n | 2022 | 2023\nFuel | 14,963 | 16,204\nRent | 12 | 13"
    start = text.index("16,204")
    spent = {"id": "1", "question": "What was fuel in 2023?", "answers": ["16,204"]}
    record = {"doc_id": "1", "source": "s", "domain": "x", "title": "Oil", "text": text}
    path = tmp_path / "oil.train.jsonl"
    asked = [{**spent, "evidence": [[start, start + 6]]}]
    path.write_text(json.dumps({**record, "questions": asked}) + "\n", encoding="utf-8")
    answered, put = questions_put(path, trained / "start", Shares(figureless=1.0))
    assert answered[2]
    assert not put[2]
    assert put[0] == answered[0]  # the same row
    assert "fuel" in put[1].lower()
    assert "2023" not in put[1]


def test_questions_of_the_document_before_are_put_to_what_comes_near(
    trained: Path, tmp_path: Path
) -> None:
    titles = ("Ostwin Form 10-K fiscal 2020", "Velmora Form 10-K fiscal 2022")
    text = "Revenue of {} in {} was 1,577.\n\nIt bought {} for 45.\n\nThe bank lent it money."
    paths = tmp_path / "reports.train.jsonl"
    records = []
    for title, year, bought in zip(titles, (2020, 2022), ("bitcoin", "land"), strict=True):
        company = title.split()[0]
        told = text.format(company, year, bought)
        questions = [
            {"id": "1", "question": f"What was {company}'s revenue in {year}?"},
            {"id": "2", "question": f"What did {company} pay for {bought} in {year}?"},
        ]
        for question, answer in zip(questions, ("1,577", "45"), strict=True):
            start = told.index(answer)
            question |= {"answers": [answer], "evidence": [[start, start + len(answer)]]}
        record = {"doc_id": title, "source": "s", "domain": "x", "title": title, "text": told}
        records.append({**record, "questions": questions})
    paths.write_text("".join(f"{json.dumps(one)}\n" for one in records), encoding="utf-8")
    made = questions_put(paths, trained / "start", Shares(foreign=1.0))
    refused = [question.lower().replace(" ", "") for _, question, answers in made if not answers]
    # revenue is told here too, so that only the other one is asked, of this company and year
    assert refused == ["whatdidvelmorapayforbitcoinin2022?"]


def test_some_questions_are_cut_to_their_telling_words(trained: Path) -> None:
    path = trained / "people.train.jsonl"
    whole, cut = (
        [question for _, question, _ in questions_put(path, trained / "start", Shares(keyword=one))]
        for one in (0.0, 1.0)
    )
    assert len(whole) == len(cut)
    assert all(len(b) < len(a) for a, b in zip(whole, cut, strict=True))
    assert all("what" not in one.lower().split() for one in cut)


def test_a_reader_goes_on_from_the_one_it_has(trained: Path, tmp_path: Path) -> None:
    data, begun = trained / "people.train.jsonl", trained / "run/checkpoint"
    recipe = reader_recipe(tmp_path)
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(f"goes_on = true\n{text}".replace("0.02", "1e-9"), encoding="utf-8")
    train_reader([data], begun, tmp_path / "run", recipe=recipe, n_steps=1, device="cpu")
    before = load_file(begun / WEIGHTS)
    for name, value in load_file(tmp_path / "run/checkpoint" / WEIGHTS).items():
        assert torch.allclose(value.float(), before[name].float(), atol=1e-4), name
    with pytest.raises(TrainingError, match=r"no head 'reader'; .*width 16") as refused:
        train_reader([data], trained / "start", tmp_path / "new", recipe=recipe, device="cpu")
    assert "docqa train reader --recipe reader" in str(refused.value.hint)


def test_half_of_what_the_reader_was_may_be_kept(trained: Path, tmp_path: Path) -> None:
    data, begun = trained / "people.train.jsonl", trained / "run/checkpoint"
    recipe = reader_recipe(tmp_path)
    text = recipe.read_text(encoding="utf-8")
    folders = [begun]
    for kept in (0.0, 0.5):
        recipe.write_text(f"goes_on = true\nkept = {kept}\n{text}", encoding="utf-8")
        run = tmp_path / f"kept-{kept}"
        folders.append(train_reader([data], begun, run, recipe=recipe, n_steps=5, device="cpu"))
    before, after, mean = (load_file(one / WEIGHTS) for one in folders)
    assert any(not torch.equal(before[name], after[name]) for name in after)
    for name, value in mean.items():
        assert torch.allclose(value, (before[name] + after[name]) / 2, atol=1e-3), name


def test_a_reader_that_goes_on_tells_what_came_before(trained: Path, tmp_path: Path) -> None:
    data, begun = trained / "people.train.jsonl", trained / "run/checkpoint"
    recipe = reader_recipe(tmp_path)
    recipe.write_text(f"goes_on = true\n{recipe.read_text(encoding='utf-8')}", encoding="utf-8")
    folder = train_reader([data], begun, tmp_path / "run", recipe=recipe, n_steps=3, device="cpu")
    reader = read_metrics(folder)["reader"]
    assert reader["before"]["step"] == N_STEPS
    assert "benchmark" not in reader["before"]
    told = f"{N_STEPS} steps on {reader['before']['n_examples']}, then 3 steps on"
    dev = labelled_file(tmp_path, n_documents=12)
    small = publishing.publish(
        folder, tmp_path / "small", [dev], limit=30, baselines=False, device="cpu"
    )
    assert told in (small / "README.md").read_text(encoding="utf-8")
