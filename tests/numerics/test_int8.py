"""Projections as int8: nearly the same scores, and only where the processor multiplies exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from docqa.engine.device import choose_dtype
from docqa.engine.errors import ConfigError
from docqa.engine.ingest import ingest
from docqa.engine.mamba2 import kernels, matrices
from docqa.engine.mamba2.int8 import int8_obstacle
from docqa.engine.mamba2.matrices import Matrix, QuantisedMatrix, Rooms
from docqa.engine.mamba2.reading import INT8, FastReader, choose_reader
from docqa.engine.mamba_retriever import MambaRetriever
from tests.numerics.conftest import MakeModel

SAMPLE = Path(__file__).parents[2] / "assets" / "sample" / "harrow-point-ferries.pdf"
QUESTIONS = (
    "How much did the purchase of new vessels cost in 2024?",
    "How many employees did the company have at the end of the year?",
    "What is the interest rate of the shipyard credit?",
)
needs_vnni = pytest.mark.skipif(bool(int8_obstacle()), reason=int8_obstacle())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_is_within_half_a_step(dtype: torch.dtype) -> None:
    x = torch.randn(70, 33).to(dtype) * torch.logspace(-4, 4, 70)[:, None].to(dtype)
    x[3] = 0
    quantised, scale = np.empty(x.shape, np.int8), np.empty(len(x), np.float32)
    kernels.quantise(matrices.as_array(x), quantised, scale)
    error = np.abs(quantised * scale[:, None] - x.float().numpy())
    assert (error <= 0.501 * scale[:, None]).all()
    assert (np.abs(quantised).max(axis=1)[np.arange(70) != 3] == 127).all()
    assert not quantised[3].any()


@needs_vnni
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_product_is_near_the_exact_one(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(144, 96, generator=generator).to(dtype)
    rooms: Rooms = {}
    for n_rows in (64, 128, 64):
        x = torch.randn(n_rows, 96, generator=generator).to(dtype)
        exact, near = torch.empty(2, n_rows, 144, dtype=dtype)
        Matrix(weight).multiply(x, exact, {})
        QuantisedMatrix(weight).multiply(x, near, rooms)
        assert (near - exact).float().norm() < 0.02 * exact.float().norm()


@needs_vnni
def test_the_largest_numbers_do_not_run_over() -> None:
    weight, x = torch.ones(64, 512), -torch.ones(64, 512)
    out = torch.empty(64, 64)
    QuantisedMatrix(weight).multiply(x, out, {})
    torch.testing.assert_close(out, torch.full((64, 64), -512.0))


@needs_vnni
def test_the_model_that_ships_keeps_scores_and_ranking() -> None:
    retriever = MambaRetriever.load(device="cpu")
    document = ingest(SAMPLE)
    retriever._reader = FastReader(retriever.model, 1)
    exact = [retriever.score(question, document) for question in QUESTIONS]
    retriever._reader = FastReader(retriever.model, 1, int8=True)
    near = [retriever.score(question, document) for question in QUESTIONS]
    for one, want in zip(near, exact, strict=True):
        assert np.sqrt(np.mean((one - want) ** 2)) < 0.06 * want.std()
        best = [set(np.argsort(-scores)[:50].tolist()) for scores in (one, want)]
        assert len(best[0] & best[1]) >= 46
        assert one.argmax() == want.argmax()


@needs_vnni
def test_it_is_taken_where_it_works_and_can_be_left(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(torch.float32)
    assert choose_reader(model).path.endswith(INT8)
    monkeypatch.setenv("DOCQA_DTYPE", "float32")
    assert not choose_reader(model).path.endswith(INT8)
    assert choose_dtype(torch.device("cpu")) == torch.float32
    monkeypatch.setenv("DOCQA_DTYPE", "int8")
    assert choose_reader(model).path.endswith(INT8)
    assert choose_dtype(torch.device("cpu")) in (torch.float32, torch.bfloat16)
    monkeypatch.setenv("DOCQA_PATH", "torch")
    with pytest.raises(ConfigError, match="DOCQA_DTYPE is int8, but the path is plain torch"):
        choose_reader(model)


def test_a_processor_without_it_reads_as_before(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    int8_obstacle.cache_clear()
    try:
        model = make_model(torch.float32)
        assert not choose_reader(model).path.endswith(INT8)
        monkeypatch.setenv("DOCQA_DTYPE", "int8")
        with pytest.raises(ConfigError, match="DOCQA_DTYPE is int8, but the processor has no VNNI"):
            choose_reader(model)
    finally:
        int8_obstacle.cache_clear()


def test_sums_that_run_over_are_noticed() -> None:
    """oneDNN without VNNI adds pairs of products in 16 bits."""
    code = "from docqa.engine.mamba2.int8 import int8_obstacle; print(int8_obstacle())"
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() in (
        "products of int8 are not exact here",
        "the processor has no VNNI",
    )
