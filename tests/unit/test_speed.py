"""The speed benchmark: what it measures is what it says."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result

from docqa.engine.errors import ConfigError, MissingError
from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.int8 import int8_obstacle
from docqa.engine.mamba2.model import Mamba2Model, initialise
from docqa.engine.mamba2.reading import Logits, Segment
from docqa.trainer.chart import check_plot
from docqa.trainer.speed import bench, rates
from docqa.trainer.speed.bench import SpeedOptions, bench_speed
from docqa.trainer.speed.passes import fresh_processes, read_stored, store_documents, wait_for
from docqa.trainer.speed.peers import llama_contestant, transformers_contestant, write_gguf
from docqa.trainer.speed.plot import draw_plot
from docqa.trainer.speed.profile import KERNELS, profile_layers
from docqa.trainer.speed.rates import (
    Contestant,
    Projections,
    alternate,
    own_contestants,
    segment_lengths,
)
from docqa.trainer.speed.subjects import (
    QUESTION,
    Subject,
    long_document,
    random_model,
    sample_document,
)
from tests.tiny_checkpoint import make_checkpoint

Run = Callable[..., Result]
RUN_KEYS = {
    "shape",
    "dtype",
    "device",
    "path",
    "tokens_per_second",
    "projections_tokens_per_second",
    "ratio_to_projections",
    "peak_memory_bytes",
    "first_evidence_seconds",
}
"""What the design promises; there may be more."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_TURN_TOKENS", 100)


@pytest.fixture
def small_model() -> Mamba2Model:
    model = Mamba2Model(Mamba2Config(128, 2, 96, d_state=64, chunk_size=64))
    initialise(model, torch.Generator().manual_seed(0))
    return model.eval()


def test_a_long_document_is_the_sample_over_and_over() -> None:
    sample, long = sample_document(), long_document(3)
    n = len(sample.sentences)
    assert len(long.pages) == 3 * len(sample.pages)
    assert [page.number for page in long.pages] == list(range(1, len(long.pages) + 1))
    for copy in range(3):
        for i in (0, n // 2, n - 1):
            assert long.sentence_text(copy * n + i) == sample.sentence_text(i)
            assert long.sentences[copy * n + i].id == copy * n + i
    rows = [one for one in sample.sentences if one.header is not None]
    assert long.sentences[n + rows[0].id].header == n + (rows[0].header or 0)


class RecordingReader:
    """Notes what it is given."""

    path = "recording"
    tokens_at_once = 1100

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def read(self, segments: Iterable[Segment]) -> Generator[Logits]:
        for segment in segments:
            self.lengths.append(segment.token_ids.shape[1])
            yield np.zeros(len(segment.ends), np.float32)


@pytest.mark.parametrize("changes", [{}, {"question_interval": 0, "max_question_tokens": 0}])
def test_the_projections_read_the_segments_that_the_retriever_reads(
    tmp_path: Path, changes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = Subject(str(make_checkpoint(tmp_path, **changes)), "float32").load()
    reader = RecordingReader()
    monkeypatch.setattr(retriever, "_reader", reader)
    retriever.score(QUESTION, sample_document())
    assert segment_lengths(retriever, sample_document()) == reader.lengths


def test_projections_multiply_every_matrix_once_a_segment(
    small_model: Mamba2Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    multiply = torch.mm

    def note(a: Any, b: Any, **named: Any) -> Any:
        shapes.append((*a.shape, b.shape[1]))
        return multiply(a, b, **named)

    monkeypatch.setattr(torch, "mm", note)
    projections = Projections(small_model, [64, 192])
    config = small_model.config
    wanted = sorted(
        2 * [(n, config.d_model, config.d_in_proj) for n in (64, 192)]
        + 2 * [(n, config.d_inner, config.d_model) for n in (64, 192)]
    )
    projections.multiply()
    assert sorted(shapes) == wanted
    shapes.clear()
    projections.multiply_in_stages()
    assert sorted(shapes) == wanted


def test_contestants_take_turns() -> None:
    turns: list[str] = []
    contestants = [
        Contestant(name, n, lambda name=name: turns.append(name))
        for name, n in (("a", 10), ("b", 5))
    ]
    rates = alternate(contestants, 3)
    assert turns == ["a", "b"] * 4
    assert set(rates) == {"a", "b"}
    assert min(rates.values()) > 0


@pytest.mark.usefixtures("short_turns")
def test_ours_and_plain_torch_are_different_paths(folder: Path) -> None:
    subject = Subject(str(folder), "float32")
    with subject.environment():
        contestants = {one.name: one for one in own_contestants(subject.load())}
    assert set(contestants) == {"ours", "torch", "plain", "staged"}
    assert "DOCQA_PATH" not in os.environ
    np.testing.assert_allclose(
        contestants["ours"].read(), contestants["torch"].read(), rtol=1e-3, atol=1e-3
    )


@pytest.mark.skipif(bool(int8_obstacle()), reason=int8_obstacle())
@pytest.mark.usefixtures("short_turns")
def test_int8_is_measured_beside_what_it_replaces(folder: Path) -> None:
    subject = Subject(str(folder), "int8")
    assert subject.load().compute_path.endswith("int8 projections")
    with subject.environment():
        contestants = {one.name: one for one in own_contestants(subject.load())}
    assert set(contestants) == {"ours", "unquantised", "torch", "plain", "staged"}
    assert "DOCQA_DTYPE" not in os.environ
    ours, wide = contestants["ours"].read(), contestants["unquantised"].read()
    assert not np.array_equal(ours, wide)
    np.testing.assert_allclose(ours, wide, atol=0.2)


@pytest.mark.parametrize("int8", [False, True])
def test_the_profile_accounts_for_the_whole_time(small_model: Mamba2Model, int8: bool) -> None:
    parts = profile_layers(small_model, int8=int8)
    assert {*KERNELS, "projections", "products in the scan"} < set(parts)
    assert min(parts.values()) > 0
    rest = sum(value for name, value in parts.items() if name != "all")
    assert rest == pytest.approx(parts["all"], rel=0.5)


@pytest.mark.usefixtures("short_turns")
def test_transformers_computes_the_same(small_model: Mamba2Model, tmp_path: Path) -> None:
    token_ids = torch.from_numpy(np.random.default_rng(0).integers(0, 96, 70))[None]
    hidden, _ = small_model(token_ids, small_model.initial_state(1))
    read = transformers_contestant(small_model, tmp_path, 70).read
    assert read() == pytest.approx(hidden[0, -1, 0].item(), abs=1e-4)


@pytest.mark.llama
def test_llama_cpp_computes_the_same(small_model: Mamba2Model, tmp_path: Path) -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    path = write_gguf(small_model, tmp_path / "model.gguf")
    llama = llama_cpp.Llama(str(path), n_ctx=128, verbose=False)
    token_ids = np.random.default_rng(0).integers(0, 96, 70)
    llama.eval(token_ids.tolist())
    hidden, _ = small_model(torch.from_numpy(token_ids)[None], small_model.initial_state(1))
    expected = hidden[0, -1] @ small_model.backbone.embedding.weight.T
    got = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(llama.ctx, -1), (96,))
    np.testing.assert_allclose(got, expected.detach().numpy(), atol=0.01)
    llama_contestant(small_model, tmp_path, 70).read()


def test_published_shapes_have_their_size() -> None:
    model = random_model("130m", torch.bfloat16)
    n_parameters = sum(one.numel() for one in model.parameters())
    assert n_parameters == pytest.approx(129e6, rel=0.01)
    assert model.backbone.blocks[0].mixer.A_log.dtype == torch.float32


@pytest.mark.slow
def test_the_model_that_ships_shows_evidence_and_stops_long_before_the_end(tmp_path: Path) -> None:
    """Shares of the whole pass, not seconds: the machine may be busy."""
    with fresh_processes() as run:
        library, subject = tmp_path / "library.db", Subject("embedded")
        (document_id,) = run(store_documents, subject, library, [100_000])
        waiting = run(wait_for, subject, library, document_id)
        whole = run(read_stored, subject, library, document_id)
    assert whole.n_tokens == pytest.approx(100_000, rel=0.03)
    assert 0 < waiting.first_evidence_seconds < whole.seconds / 4
    assert 0 < waiting.longest_cancel_seconds < whole.seconds / 4


@pytest.mark.slow
@pytest.mark.usefixtures("short_turns")
def test_the_report_has_what_the_design_promises(
    docqa: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["bench", "speed", "--shape", str(folder), "--dtype", "float32", "--length", "1000"]
    result = docqa(*command, "--rounds", "1", "--no-peers", "--json", "--plot", "plot.svg")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert list(report) == ["machine", "runs", "peers"]
    assert report["peers"] == []
    (run,) = report["runs"]
    assert set(run) > RUN_KEYS
    assert run["path"].startswith("numba kernels")
    assert run["ratio_to_projections"] == pytest.approx(
        run["projections_tokens_per_second"] / run["tokens_per_second"], rel=0.01
    )
    assert run["peak_memory_bytes"] == run["lengths"][-1]["peak_memory_bytes"]
    assert ET.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")


def test_a_peer_that_is_not_here_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, short_turns: None
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "llama_cpp", None)
    monkeypatch.setattr(bench, "_lengths", lambda *_: {})
    report = bench_speed(SpeedOptions((str(folder),), "float32", n_rounds=1), on_stage=None)
    there, absent = report["peers"]
    assert (there["name"], there["ours_is_times"] > 0) == ("transformers", True)
    assert (absent["name"], absent["missing"][:13]) == ("llama.cpp", "not installed")


def test_wrong_use_is_said_before_anything_is_measured(
    docqa: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"No shape '131m'\. Give embedded, 130m"):
        bench_speed(SpeedOptions(("131m",)))
    monkeypatch.setitem(__import__("sys").modules, "pygal", None)
    with pytest.raises(MissingError, match=r"docqa\[plot\]"):
        check_plot()
    assert docqa("bench", "speed", "--plot", "plot.svg").exit_code == 3


def test_the_plot_shows_time_and_memory(tmp_path: Path) -> None:
    lengths = [
        {"tokens": n, "seconds": n / 50_000, "peak_memory_bytes": 6 * 10**8} for n in (10**5, 10**6)
    ]
    run = {"shape": "embedded", "dtype": "bfloat16", "lengths": lengths}
    draw_plot([run], tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "embedded bfloat16: seconds" in text
    assert "embedded bfloat16: MB" in text
    assert "http-equiv" not in text
    assert "<script" not in text
