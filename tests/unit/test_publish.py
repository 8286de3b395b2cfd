"""A published checkpoint is small, measured in its small form, and ready to load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import docqa.trainer.publish as publishing
from docqa.engine.errors import CheckpointError
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.retriever import load_retriever
from tests.tiny_checkpoint import make_checkpoint
from tests.unit.test_train import labelled_file


def publish(checkpoint: Path, out: Path, dev: list[Path]) -> Path:
    return publishing.publish(checkpoint, out, dev, limit=30, baselines=False, device="cpu")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    text = labelled_file(tmp_path, n_documents=12).read_text(encoding="utf-8")
    folder = make_checkpoint(tmp_path / "trained", text)
    (folder / "run.toml").write_text("seed = 0\n", encoding="utf-8")
    return folder


def test_published_checkpoint_says_what_it_measured(trained: Path, tmp_path: Path) -> None:
    dev = [tmp_path / "people.train.jsonl"]
    told: list[str] = []
    out = publishing.publish(
        trained,
        tmp_path / "small",
        dev,
        limit=30,
        baselines=False,
        device="cpu",
        on_stage=told.append,
    )
    assert told[:3] == ["measuring bm25", "measuring mamba", "measuring hybrid"]
    assert told[3:] == [f"fitting the confidence of {one}" for one in ("mamba", "hybrid")]
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert [one["retriever"] for one in metrics["benchmark"]] == ["mamba", "bm25", "hybrid"]
    assert set(metrics["confidence"]) == {"mamba", "hybrid"}
    card = (out / "README.md").read_text(encoding="utf-8")
    assert f"{metrics['benchmark'][0]['overall']['mrr']:.3f}" in card
    assert not list(tmp_path.glob("*.part"))

    shipped = MambaRetriever.load(out, device="cpu")
    assert set(shipped.calibrations) == {"mamba", "hybrid"}
    again = publishing.bench_files(dev, shipped, limit=30)
    assert again["overall"]["mrr"] == metrics["benchmark"][0]["overall"]["mrr"]
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (out, trained)]
    assert sizes[0] < 0.6 * sizes[1]


def test_more_files_may_be_for_the_confidence_alone(trained: Path, tmp_path: Path) -> None:
    dev, other = tmp_path / "people.train.jsonl", tmp_path / "others.train.jsonl"
    other.write_bytes(dev.read_bytes())
    out = publishing.publish(
        trained, tmp_path / "small", [dev], fit=[other], limit=30, baselines=False, device="cpu"
    )
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert [one["file"] for one in metrics["benchmark"][0]["files"]] == [dev.name]
    assert set(metrics["confidence"]["hybrid"]["metrics"]["files"]) == {dev.name, other.name}
    assert other.name in (out / "README.md").read_text(encoding="utf-8")


def test_baselines_may_come_from_a_checkpoint_measured_on_the_same_questions(
    trained: Path, tmp_path: Path
) -> None:
    dev = [tmp_path / "people.train.jsonl"]
    before = publish(trained, tmp_path / "before", dev)
    metrics = json.loads((before / "metrics.json").read_text(encoding="utf-8"))
    peers = [{**metrics["benchmark"][1], "retriever": one} for one in ("embedding", "fusion")]
    metrics["benchmark"] += peers
    (before / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")

    def publish_again(out: str, limit: int) -> Path:
        return publishing.publish(
            trained, tmp_path / out, dev, limit=limit, baselines_of=before, device="cpu"
        )

    out = publish_again("out", 30)
    measured = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["benchmark"]
    assert measured[3:] == peers
    assert "| embedding |" in (out / "README.md").read_text(encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"other questions.* 30, .* 3, "):
        publish_again("other", 3)
    assert not (tmp_path / "other").exists()


def test_hybrid_of_a_published_checkpoint_carries_its_own_confidence(
    trained: Path, tmp_path: Path
) -> None:
    dev = [tmp_path / "people.train.jsonl"]
    out = publishing.publish(
        trained, tmp_path / "small", dev, limit=30, baselines=False, device="cpu"
    )
    hybrid = load_retriever("hybrid", checkpoint=out, device="cpu")
    assert "hybrid" in hybrid.calibrations  # type: ignore[attr-defined]


def test_a_checkpoint_over_the_limit_is_refused_and_nothing_is_replaced(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "small"
    out.mkdir()
    (out / "kept").touch()
    monkeypatch.setattr(publishing, "MAX_BYTES", 1000)
    with pytest.raises(CheckpointError, match="1000 are allowed"):
        publishing.publish(trained, out, [tmp_path / "people.train.jsonl"])
    assert (out / "kept").exists()
