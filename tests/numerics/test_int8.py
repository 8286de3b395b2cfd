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
from docqa.engine.ingest.documents import ingest
from docqa.engine.mamba2 import kernels
from docqa.engine.mamba2.int8 import int8_obstacle
from docqa.engine.mamba2.kernels import MIDDLE
from docqa.engine.mamba2.matrices import Matrix, QuantisedMatrix, as_words
from docqa.engine.mamba2.reading import INT8, FastReader, choose_reader
from docqa.engine.retrievers.fused_scores import unread_of
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from tests.numerics.conftest import MakeModel

SAMPLE = Path(__file__).parents[2] / "assets" / "sample" / "harrow-point-ferries.pdf"
QUESTIONS = (
    "How much did the purchase of new vessels cost in 2024?",
    "How many employees did the company have at the end of the year?",
    "What is the interest rate of the shipyard credit?",
)
needs_vnni = pytest.mark.skipif(bool(int8_obstacle()), reason=int8_obstacle())


def quantised(x: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
    """Rows as uint8 and their scales, by the kernel that norms them: x is normed already."""
    halves = x.unflatten(-1, (-1, 2)).mT.contiguous().numpy().copy()
    out, scale = torch.empty(x.shape, dtype=torch.uint8), np.empty(len(x), np.float32)
    nothing = np.empty((0, x.shape[1] // 2), np.uint32)
    weight = np.ones((2, x.shape[1] // 2), np.float32)
    kernels.add_and_normalise(halves, nothing, scale[:0], weight, 0.0, as_words(out), scale)
    return out, scale


def normed(n_rows: int, width: int, seed: int = 0) -> torch.Tensor:
    x = torch.randn(n_rows, width, generator=torch.Generator().manual_seed(seed))
    return x / x.square().mean(1, keepdim=True).sqrt()


def test_a_row_is_within_half_a_step() -> None:
    x = normed(70, 34)
    rows, scale = quantised(x)
    centred = rows.numpy().astype(np.float32) - MIDDLE
    assert (np.abs(centred * scale[:, None] - x.numpy()) <= 0.501 * scale[:, None]).all()
    assert (np.abs(centred).max(axis=1) == 127).all()


def test_a_row_of_zeros_stays_one() -> None:
    out, scale = torch.empty(1, 8, dtype=torch.uint8), np.empty(1, np.float32)
    nothing, weight = np.empty((0, 4), np.uint32), np.ones((2, 4), np.float32)
    x = np.zeros((1, 2, 4), np.float32)
    kernels.add_and_normalise(x, nothing, scale[:0], weight, 1e-5, as_words(out), scale)
    assert (out == MIDDLE).all()
    assert np.isfinite(scale).all()


@needs_vnni
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_product_is_near_the_exact_one(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(144, 96, generator=generator).to(dtype)
    matrix = QuantisedMatrix(weight)
    for n_rows in (64, 128, 64):
        x = normed(n_rows, 96, seed=n_rows)
        exact = Matrix(weight).multiply(x.to(dtype)).float()
        rows, scale = quantised(x)
        near = matrix.multiply(rows).float() * torch.from_numpy(scale)[:, None]
        assert (near - exact).norm() < 0.02 * exact.norm()


@needs_vnni
def test_the_largest_numbers_do_not_run_over() -> None:
    matrix = QuantisedMatrix(torch.ones(64, 512))
    for row, expected in ((1, -512.0), (255, 512.0)):
        rows = torch.full((64, 512), row, dtype=torch.uint8)
        torch.testing.assert_close(matrix.multiply(rows) / 127, torch.full((64, 64), expected))


@needs_vnni
def test_the_model_that_ships_keeps_scores_and_ranking() -> None:
    retriever = MambaRetriever.load(device="cpu")
    document = ingest(SAMPLE)
    retriever._reader = FastReader(retriever.model, 1)
    exact = [unread_of(retriever.score(question, document)) for question in QUESTIONS]
    retriever._reader = FastReader(retriever.model, 1, int8=True)
    near = [unread_of(retriever.score(question, document)) for question in QUESTIONS]
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
