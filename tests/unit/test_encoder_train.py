"""An encoder head learns its teacher's vectors, resumes bit for bit, and changes nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from docqa.engine.errors import CheckpointError, TrainingError
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer, read_metrics
from docqa.engine.mamba2.sentence_vectors import SentenceVectors
from docqa.engine.retrievers.sentence_encoder import SentenceEncoder
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion
from docqa.trainer.heads.encoder_losses import distillation_loss, pair_loss
from docqa.trainer.heads.encoder_pairs import EncoderPair, EncoderPairs
from docqa.trainer.heads.encoder_recipe import EncoderRecipe
from docqa.trainer.heads.encoder_texts import EncoderTexts, ask_teacher, draw_rows
from docqa.trainer.heads.encoder_train import train_encoder
from docqa.trainer.heads.near_misses import NearMisses
from docqa.trainer.publish import publish
from docqa.trainer.retriever.average import average
from docqa.trainer.retriever.recipe import read_recipe
from docqa.trainer.retriever.start import new_model
from tests.tiny_checkpoint import make_checkpoint, make_tokenizer
from tests.training_files import labelled_file, recipe_file

N_STEPS = 160
N_PAIR_STEPS = 50
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, the checkpoint without an encoder, and a run that gave it one."""
    folder = tmp_path_factory.mktemp("encoder")
    data = labelled_file(folder)
    start = make_checkpoint(folder / "start", data.read_text(encoding="utf-8"))
    train_encoder([data], start, folder / "run", recipe=encoder_recipe(folder), device="cpu")
    return folder


def encoder_recipe(folder: Path) -> Path:
    path = folder / "encoder.toml"
    path.write_text(
        f"seed = 5\nwidth = 16\nn_steps = {N_STEPS}\nbatch_tokens = 64\nlearning_rate = 0.01\n"
        "save_every = 20\nabove_share = 0.0\n",
        encoding="utf-8",
    )
    return path


def test_it_learns_what_its_teacher_says_of_texts_it_never_saw(trained: Path) -> None:
    metrics = read_metrics(trained / "run/checkpoint")
    told = metrics["encoder"]
    assert told["step"] == N_STEPS
    (path,) = (trained / "packed").glob("encoder-*.npz")
    middle = EncoderTexts.load(path).vectors.astype(np.float32).mean(0)
    # whoever answered with the middle of all vectors would have as much as its length
    assert told["cosine"] > float(np.linalg.norm(middle)) + 0.1
    assert metrics["made_by"] == "a test"


def test_everything_else_in_the_checkpoint_stays_bit_for_bit(trained: Path) -> None:
    before = load_file(trained / "start" / WEIGHTS)
    after = load_file(trained / "run/checkpoint" / WEIGHTS)
    assert {name for name in after if not name.startswith("encoder.")} == set(before)
    for name, value in before.items():
        assert torch.equal(after[name], value)
    assert load_model(trained / "run/checkpoint").config.encoder_width == 16


def test_a_checkpoint_that_lacks_its_encoder_is_refused(trained: Path, tmp_path: Path) -> None:
    config = (trained / "run/checkpoint/config.json").read_text(encoding="utf-8")
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    (tmp_path / WEIGHTS).write_bytes((trained / "start" / WEIGHTS).read_bytes())
    with pytest.raises(CheckpointError, match=r"lacks \d+ tensors: encoder\..*docqa train encoder"):
        load_model(tmp_path)
    assert load_model(tmp_path, without=["encoder"]).encoder is None


def test_a_resumed_run_is_the_uninterrupted_one(trained: Path, tmp_path: Path) -> None:
    def stop(_phase: str, step: int, _n_steps: int, figures: dict[str, float]) -> None:
        if figures and step == 100:
            raise KeyboardInterrupt

    data, start = trained / "people.train.jsonl", trained / "start"
    recipe, run = encoder_recipe(tmp_path), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_encoder([data], start, run, recipe=recipe, device="cpu", on_progress=stop)
    with pytest.raises(TrainingError, match="already holds a run"):
        train_encoder([data], start, run, recipe=recipe, device="cpu")
    train_encoder([data], start, run, resume=True, device="cpu")
    whole = load_file(trained / "run/checkpoint" / WEIGHTS)
    for name, value in load_file(run / "checkpoint" / WEIGHTS).items():
        assert torch.equal(value, whole[name]), name


PAIRS = "goes_on = true\npair_weight = 4.0\npair_batch = 8\n"


@pytest.fixture(scope="module")
def paired(trained: Path) -> Path:
    """The run that went on from that encoder with questions put to their documents."""
    data, recipe = trained / "people.train.jsonl", trained / "pairs.toml"
    whole = encoder_recipe(trained).read_text(encoding="utf-8")
    fewer = whole.replace(f"n_steps = {N_STEPS}", f"n_steps = {N_PAIR_STEPS}")
    recipe.write_text(fewer + PAIRS, encoding="utf-8")
    train_encoder([data], trained / "run/checkpoint", trained / "paired", recipe=recipe)
    return trained / "paired"


def surprise(checkpoint: Path, pairs: EncoderPairs) -> float:
    """The loss of finding the evidence of all questions among what is near them."""
    drawn = pairs.draw(np.random.default_rng(0), len(pairs), 7)
    encoded = SentenceVectors(load_model(checkpoint)).encode(drawn.rows)
    wanted, spared = map(torch.from_numpy, (drawn.wanted, drawn.spared))
    n = drawn.n_questions
    return float(pair_loss(encoded[:n], encoded[n:], wanted, spared, 0.05))


def test_questions_put_to_their_documents_bring_the_evidence_nearer(
    trained: Path, paired: Path
) -> None:
    (path,) = (trained / "packed").glob("pairs-*.npz")
    pairs = EncoderPairs.load(path)
    before, after = (surprise(run / "checkpoint", pairs) for run in (trained / "run", paired))
    assert after < before - 0.12, (before, after)
    assert read_metrics(paired / "checkpoint")["encoder"]["n_pairs"] == len(pairs) > 0


def test_a_run_with_pairs_resumes_bit_for_bit(trained: Path, paired: Path, tmp_path: Path) -> None:
    data, begun = trained / "people.train.jsonl", trained / "run/checkpoint"

    def stop(_phase: str, step: int, _n_steps: int, figures: dict[str, float]) -> None:
        if figures and step == 40:
            raise KeyboardInterrupt

    recipe, run = trained / "pairs.toml", tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_encoder([data], begun, run, recipe=recipe, on_progress=stop)
    train_encoder([data], begun, run, resume=True)
    whole = load_file(paired / "checkpoint" / WEIGHTS)
    for name, value in load_file(run / "checkpoint" / WEIGHTS).items():
        assert torch.equal(value, whole[name]), name


def test_half_of_what_the_encoder_was_may_be_kept(
    trained: Path, paired: Path, tmp_path: Path
) -> None:
    shutil.copytree(paired, tmp_path / "run")
    recipe = tmp_path / "run/run.toml"
    whole = recipe.read_text(encoding="utf-8")
    recipe.write_text(whole.replace("kept = 0.0", "kept = 0.5"), encoding="utf-8")
    begun = trained / "run/checkpoint"
    folder = train_encoder([trained / "people.train.jsonl"], begun, tmp_path / "run", resume=True)
    before, after, mean = (
        load_file(one / WEIGHTS) for one in (begun, paired / "checkpoint", folder)
    )
    assert not torch.equal(before["encoder.out.weight"], after["encoder.out.weight"])
    for name, value in mean.items():
        assert torch.allclose(value, (before[name] + after[name]) / 2, atol=1e-3), name


def test_only_an_encoder_of_that_width_goes_on(trained: Path, tmp_path: Path) -> None:
    data, recipe = trained / "people.train.jsonl", tmp_path / "pairs.toml"
    recipe.write_text(f"width = 16\n{PAIRS}", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"no head 'encoder'.*width 16") as refused:
        train_encoder([data], trained / "start", tmp_path / "run", recipe=recipe)
    assert "--recipe encoder" in str(refused.value.hint)
    recipe.write_text(f"width = 32\n{PAIRS}", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"'encoder' of width 16.*width 32"):
        train_encoder([data], trained / "run/checkpoint", tmp_path / "run", recipe=recipe)


def test_a_batch_of_pairs_spares_other_evidence() -> None:
    question, first, second, near = (np.array([n], np.int32) for n in range(4))
    other = np.array([7], np.int32)
    both = EncoderPair(question, [first, second], [near])
    pairs = EncoderPairs.of([both, EncoderPair(other, [second], [near, first])])
    for seed in range(8):
        drawn = pairs.draw(np.random.default_rng(seed), 2, 7)
        assert drawn.n_questions == 2
        sentences = [int(row[0]) for row in drawn.rows[2:]]
        for row, (asked, wanted) in enumerate(zip(drawn.rows[:2], drawn.wanted, strict=True)):
            answering = {1, 2} if asked[0] == 0 else {2}
            assert sentences[wanted] in answering
            spared = {sentences[i] for i in np.flatnonzero(drawn.spared[row])}
            assert spared == (answering & set(sentences)) - {sentences[wanted]}


def test_what_follows_the_evidence_is_in_every_draw() -> None:
    question, first, after, *near = (np.array([n], np.int32) for n in range(12))
    pairs = EncoderPairs.of([EncoderPair(question, [first], near, [after])])
    seen = set()
    for seed in range(8):
        drawn = pairs.draw(np.random.default_rng(seed), 1, 3)
        sentences = {int(row[0]) for row in drawn.rows[1:]}
        assert {1, 2} < sentences
        assert len(sentences) == 4
        seen |= sentences
    assert len(seen) > 6


def test_a_sentence_that_follows_the_evidence_is_a_near_miss_where_it_does_not_answer() -> None:
    text = "Ada founded it in 1998. It sold shoes then. It was 1998 all year. Nobody knew why."
    evidence = {"When was it founded?": (0, 23), "What came next?": (24, 43), "Who?": (66, 82)}
    questions = [
        LabelledQuestion(asked, asked, ("1998",), (span,), answerable=True)
        for asked, span in evidence.items()
    ]
    labelled = LabelledDocument("d", "d", "d", "d", text, tuple(questions))
    near = NearMisses(labelled, questions, make_tokenizer(text), None)
    assert [near.following(i) for i in range(3)] == [[1], [], []]


def test_the_pair_loss_is_what_a_softmax_over_the_sentences_gives() -> None:
    questions, sentences = torch.eye(2, 3), torch.eye(3)
    wanted, spared = torch.tensor([0, 2]), torch.tensor([[False, False, True], [False] * 3])
    loss = pair_loss(questions, sentences, wanted, spared, 0.5)
    right, wrong = np.exp(2.0), 1.0
    found = -np.log(right / (right + wrong)), -np.log(wrong / (right + 2 * wrong))
    assert float(loss) == pytest.approx(sum(found) / 2, rel=1e-5)


def test_a_run_that_ends_early_says_how_far_it_came(trained: Path, tmp_path: Path) -> None:
    data, start = trained / "people.train.jsonl", trained / "start"
    folder = train_encoder(
        [data], start, tmp_path / "run", recipe=encoder_recipe(tmp_path), max_seconds=0.0
    )
    told = read_metrics(folder)["encoder"]
    assert (told["step"], told["loss"]) == (0, None)


def test_publishing_and_averaging_keep_the_encoder(paired: Path, tmp_path: Path) -> None:
    data = labelled_file(tmp_path, n_documents=12)
    checkpoint = paired / "checkpoint"
    small = publish(checkpoint, tmp_path / "small", [data], limit=30, baselines=False, device="cpu")
    mean = average(checkpoint, checkpoint, 0.5, tmp_path / "mean")
    for out in (small, mean):
        assert load_model(out).config.encoder_width == 16
        assert (out / "encoder.toml").read_bytes() == (checkpoint / "encoder.toml").read_bytes()
        assert read_metrics(out)["encoder"]["step"] == N_PAIR_STEPS
    card = (small / "README.md").read_text(encoding="utf-8")
    assert "## Encoder" in card
    n_pairs = read_metrics(small)["encoder"]["n_pairs"]
    assert f"It then took {N_PAIR_STEPS} steps" in card
    assert f"{n_pairs} questions from other sentences of their documents" in card


def test_training_the_embedding_on_leaves_the_encoder_behind(trained: Path, tmp_path: Path) -> None:
    model, _ = new_model(read_recipe(recipe_file(tmp_path, trained / "run/checkpoint")))
    assert model.encoder is None
    assert model.config.encoder_width == 0


def test_texts_are_drawn_once_with_and_without_what_stands_above(tmp_path: Path) -> None:
    text = "CASH FLOWS\n\nVessels were bought. Vessels were sold.\n\nVessels were bought."
    record = {"doc_id": "1", "source": "fleet", "domain": "x", "title": "t", "text": text}
    asked = [{"id": "1", "question": "What?", "answers": [], "evidence": [], "answerable": False}]
    path = tmp_path / "fleet.jsonl"
    path.write_text(json.dumps({**record, "questions": asked * 2}) + "\n", encoding="utf-8")
    tokenizer = load_tokenizer(make_checkpoint(tmp_path / "checkpoint", text))

    def drawn(**changes: object) -> list[str]:
        recipe = EncoderRecipe(**changes)  # type: ignore[arg-type]
        return sorted(tokenizer.decode(row.tolist()) for row in draw_rows(path, tokenizer, recipe))

    bare = drawn(above_share=0.0)
    assert len(bare) == len(set(bare)) == 4  # the heading, two sentences, the question
    assert sum(text.startswith("cash flows") for text in drawn(above_share=1.0)) == 3
    assert len(drawn(above_share=0.0, sources={"fleet": 1}, questions={"fleet": 0})) == 1
    assert drawn(above_share=0.5) == drawn(above_share=0.5)


def test_the_teacher_reads_the_same_words(tmp_path: Path) -> None:
    teacher = SentenceEncoder.load(device="cpu")
    tokenizer = load_tokenizer(make_checkpoint(tmp_path / "checkpoint"))
    texts = ["the ferry company bought three vessels", "revenue | 1, 577"]
    rows = [np.array(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
    vectors = ask_teacher(teacher, rows, tokenizer)
    for text, row, vector in zip(texts, rows, vectors, strict=True):
        wanted = teacher.embed_sentences([text], [len(row)], None)[0]
        assert float(vector @ wanted) > 0.99


def test_texts_survive_their_file(tmp_path: Path) -> None:
    texts = EncoderTexts(
        np.array([1, 2, 3], np.int32), np.array([0, 1, 3]), np.ones((2, 4), np.float16)
    )
    texts.save(tmp_path / "packed" / "texts.npz")
    found = EncoderTexts.load(tmp_path / "packed" / "texts.npz")
    assert [found[i].tolist() for i in range(len(found))] == [[1], [2, 3]]
    assert found.n_tokens.tolist() == [1, 2]


def test_the_loss_is_least_where_the_vectors_are_the_teachers() -> None:
    wanted = torch.nn.functional.normalize(torch.randn(6, 8, generator=_generator()), dim=-1)
    assert float(distillation_loss(wanted, wanted, 0.05, 0.3)) == pytest.approx(0.0, abs=1e-5)
    # turned round they are as near to each other as before, and far from what is wanted
    turned = distillation_loss(-wanted, wanted, 0.05, 0.3)
    assert float(turned) == pytest.approx(2.0, abs=1e-5)
    assert float(distillation_loss(wanted.roll(1, 0), wanted, 0.05, 0.3)) > 0.5


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
