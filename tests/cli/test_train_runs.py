"""`docqa train show` and `docqa train ablate`, on runs that really trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from docqa.app.diagnostics import ExitCode
from docqa.trainer.dataset import read_documents
from docqa.trainer.retriever.ablation_plan import VARIANTS, WHOLE
from docqa.trainer.retriever.recipe import PACKAGED, read_recipe
from docqa.trainer.retriever.train import train_retriever
from tests.conftest import Run
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import labelled_file, recipe_file


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled documents and a checkpoint to begin with."""
    folder = tmp_path_factory.mktemp("work")
    text = labelled_file(folder).read_text(encoding="utf-8")
    make_checkpoint(folder / "start", text)
    return folder


@pytest.fixture(scope="module")
def run(work: Path) -> Path:
    """Stopped in the middle, after it was measured once."""
    data = work / "people.train.jsonl"
    recipe = recipe_file(work, work / "start", n_steps=50, evaluate_every=20)
    train_retriever([data], work / "run", recipe=recipe, dev=[data], device="cpu", stop_after=30)
    return work / "run"


def test_show_tells_where_a_run_stands(docqa: Run, run: Path) -> None:
    shown = docqa("train", "show", str(run)).stdout
    for part in (
        "run: step 30 of 50 (60%)",
        "tokens     ",
        "loss       ",
        "dev        recall within 1,000 words 1.000, MRR ",
        "at step 20",
        " left",
        "resumed with --resume",
    ):
        assert part in shown


def test_show_as_json_is_what_the_metrics_say(docqa: Run, run: Path) -> None:
    shown = json.loads(docqa("train", "show", str(run), "--json").stdout)
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    last = records[-1]
    assert (shown["step"], shown["n_steps"], shown["saved"]) == (30, 50, True)
    assert (shown["tokens"], shown["loss"]) == (last["tokens"], last["loss"])
    assert shown["seconds_left"] == pytest.approx(last["seconds"] * 20 / 30)
    (measured,) = (one for one in records if "dev_mrr" in one)
    assert shown["dev_step"] == 20
    for name in ("dev_mrr", "dev_recall_words_1000"):
        assert shown[name] == measured[name]


def test_a_run_draws_its_loss_while_it_trains(docqa: Run, run: Path) -> None:
    curve = run / "loss.svg"
    assert "<script" not in curve.read_text(encoding="utf-8")
    curve.unlink()
    done = docqa("train", "show", str(run), "--plot")
    assert str(curve) in done.stderr
    drawn = curve.read_text(encoding="utf-8")
    for part in ("Training run", "loss", "dev MRR", "dev recall, 1,000 words"):
        assert part in drawn


def test_a_line_that_is_half_written_is_not_read(docqa: Run, run: Path) -> None:
    log = run / "metrics.jsonl"
    whole = log.read_text()
    log.write_text(whole + '{"step": 40, "lo')
    try:
        assert "step 30 of 50" in docqa("train", "show", str(run)).stdout
    finally:
        log.write_text(whole)


def test_a_folder_without_a_run_is_named(docqa: Run, tmp_path: Path) -> None:
    done = docqa("train", "show", str(tmp_path))
    assert done.exit_code == ExitCode.FAILED
    assert f"No run in {tmp_path}" in done.stderr


def test_lines_of_steps_that_were_not_saved_are_dropped_on_resuming(
    work: Path, tmp_path: Path
) -> None:
    data, recipe = work / "people.train.jsonl", recipe_file(tmp_path, work / "start", n_steps=4)
    train_retriever([data], tmp_path / "run", recipe=recipe, device="cpu", stop_after=2)
    log = tmp_path / "run" / "metrics.jsonl"
    with log.open("a") as file:
        file.write('{"step": 3, "loss": 9.0}\n')
    train_retriever([data], tmp_path / "run", device="cpu", resume=True)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [2, 4]


def test_init_on_the_command_line(docqa: Run, work: Path, tmp_path: Path) -> None:
    """A base model without a head, fine-tuned by the recipe of the seed."""
    base = make_checkpoint(
        tmp_path / "base",
        n_match_buckets=0, soft_match=False, mark_sentences=False, coverage=False,
        question_interval=0,
    )  # fmt: skip
    weights = load_file(base / "model.safetensors")
    save_file({k: v for k, v in weights.items() if "head" not in k}, base / "model.safetensors")
    done = docqa(
        "train", "retriever", "--data", str(work / "people.train.jsonl"), "--recipe", "paper",
        "--init", str(base), "--out", "fine", "--device", "cpu", "--steps", "1",
    )  # fmt: skip
    assert (done.exit_code, done.stdout) == (0, "fine/checkpoint\n")
    trained = load_file(tmp_path / "fine/checkpoint/model.safetensors")
    assert set(trained) == set(weights)
    assert read_recipe(tmp_path / "fine/run.toml").model.question_interval == 0


# The ablation


def ablation_recipe(folder: Path) -> Path:
    """recipes/embedded.toml in small: all ingredients are there to be taken out."""
    recipe = read_recipe("embedded")
    small = replace(
        recipe,
        model=replace(recipe.model, n_layer=1, d_state=8, headdim=64),
        windows=replace(recipe.windows, batch_size=1, n_tokens=96, long_every=0),
        run=replace(recipe.run, compile=False, bf16=False),
    )
    path = folder / "small.toml"
    path.write_text(small.to_toml(), encoding="utf-8")
    return path


def test_an_ablation_trains_every_variant_once(docqa: Run, work: Path, tmp_path: Path) -> None:
    data = str(work / "people.train.jsonl")
    recipe = str(ablation_recipe(tmp_path))
    command = (
        "train", "ablate", "--data", data, "--dev", data, "--recipe", recipe,
        "--out", "ablation", "--steps", "1", "--limit", "2", "--device", "cpu",
    )  # fmt: skip
    done = docqa(*command)
    assert done.exit_code == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].strip("| ") for row in rows[2:]] == list(VARIANTS)
    assert "1 steps of 0.0 million tokens each, 2 questions" in done.stdout
    assert {row.split(" | ")[1] for row in rows[2:]} == {"1"}
    changed = {
        name: read_recipe(tmp_path / "ablation" / f"{name.lower().replace(' ', '-')}-0/run.toml")
        for name in VARIANTS
    }
    assert changed["no question match"].model.n_match_buckets == 0
    assert changed["BCE alone"].loss.listwise == 0
    assert changed["random embedding"].start.tokenizer == PACKAGED
    assert changed["random embedding"].optimizer.embedding_learning_rate == 1e-3
    assert len({recipe.to_toml() for recipe in changed.values()}) == len(VARIANTS)
    assert not list(tmp_path.glob("ablation/*/state"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("ablation/*/checkpoint/*")}
    assert docqa(*command).stdout == done.stdout
    assert docqa("train", "show", "ablation").stdout == done.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before
    again = docqa(*command, "--seed", "1", "--variant", "no soft match").stdout.splitlines()
    seeds = {line.split(" | ")[0].strip("| "): line.split(" | ")[1:] for line in again}
    assert [name for name in VARIANTS if seeds[name][0] == "2"] == [WHOLE, "no soft match"]
    assert " to " in seeds["no soft match"][-1]
    assert (
        "No variant 'no mark'. Known: the whole recipe,"
        in docqa(*command, "--variant", "no mark").stderr
    )
    other = docqa(*command, "--limit", "3")
    assert other.exit_code == ExitCode.FAILED
    assert "holds an ablation with other dev_questions" in other.stderr


def test_templates_makes_training_data(docqa: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "statutes.jsonl", tmp_path / "made" / "statutes.train.jsonl.gz"
    text = "In this section, the term “vessel” means a boat longer than 10 feet.\n\nIt is painted."
    lines = [{"doc_id": str(i), "domain": "legal", "text": text} for i in range(4)]
    source.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    options = ("--every", "2", "--out", str(out))
    told = docqa("train", "templates", "statutes", str(source), *options).stderr
    documents = list(read_documents(out))
    assert [one.id for one in documents] == ["0", "2"]
    assert {one.source for one in documents} == {"templates-statutes"}
    (question,) = documents[0].questions
    assert "vessel" in question.question
    assert documents[0].sentences_of(question.evidence[0]) == [0]
    assert "2 questions on 2 documents" in told
