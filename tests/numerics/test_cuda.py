"""The CUDA path: what can be known of it without a GPU, and with one that it computes the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from docqa.engine.errors import ConfigError
from docqa.engine.mamba2 import cuda
from docqa.engine.mamba2.reading import TorchReader, choose_reader
from docqa.engine.mamba2.scan import chunked_scan
from tests.numerics import against_torch
from tests.numerics.conftest import MakeModel
from tests.numerics.test_fast import make_segments, wide_steps

NO_GPU = not torch.cuda.is_available()


@pytest.fixture(autouse=True)
def forget_kernels() -> Iterator[None]:
    forget = cuda.load_kernels.cache_clear
    forget()
    yield
    forget()


def stand_in(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    chunk_size: int,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    initial_states: Tensor | None = None,
    seq_idx: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
    dt_softplus: bool = False,
    dt_limit: tuple[float, float] = (0.0, float("inf")),
    return_final_states: bool = False,
    return_varlen_states: bool = False,
) -> Any:
    """The signature of mamba_ssm 2.3.2.post1 and the checks of its forward, computed by ours."""
    n_batch, n_tokens, n_heads, head_dim = x.shape
    n_groups, d_state = B.shape[2:]
    assert (D, z, dt_bias, seq_idx, cu_seqlens) == (None,) * 5
    assert not dt_softplus
    assert not return_varlen_states
    assert dt_limit == (0.0, float("inf"))
    assert chunk_size & (chunk_size - 1) == 0
    assert n_heads % n_groups == 0
    assert dt.shape == (n_batch, n_tokens, n_heads)
    assert A.shape == (n_heads,)
    assert B.shape == C.shape == (n_batch, n_tokens, n_groups, d_state)
    assert initial_states is not None
    assert initial_states.shape == (n_batch, n_heads, head_dim, d_state)
    assert initial_states.is_contiguous()
    y, after = chunked_scan(x, dt, A, B, C, initial_states, chunk_size)
    return (y, after.float()) if return_final_states else y


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, kernels: str) -> None:
    """A mamba_ssm whose own `__init__` fails, as that of a release without compiled parts does."""
    triton = folder / "mamba_ssm" / "ops" / "triton"
    triton.mkdir(parents=True)
    (folder / "mamba_ssm" / "__init__.py").write_text("import selective_scan_cuda\n")
    for package in (triton, triton.parent):
        (package / "__init__.py").write_text("")
    (triton / "ssd_combined.py").write_text(kernels)
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "mamba_ssm"]:
        monkeypatch.delitem(sys.modules, name)


def forget_imports() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "mamba_ssm"]:
        del sys.modules[name]


@pytest.mark.parametrize("n_groups", [1, 2])
@pytest.mark.parametrize("n_tokens", [0, 1, 37])
def test_the_arguments_are_those_of_the_kernels(
    monkeypatch: pytest.MonkeyPatch, n_groups: int, n_tokens: int
) -> None:
    monkeypatch.setattr(cuda, "load_kernels", lambda: (stand_in, ""))
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    x, dt = random(2, n_tokens, 4, 8), random(2, n_tokens, 4).exp()
    b, c = random(2, n_tokens, n_groups, 16), random(2, n_tokens, n_groups, 16)
    a, state = -random(4).exp(), random(2, 16, 8, 4).permute(0, 3, 2, 1)
    y, after = cuda.triton_scan(x, dt, a, b, c, state, 8)
    expected, expected_after = chunked_scan(x, dt, a, b, c, state, 8)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after, expected_after, rtol=1e-4, atol=1e-5)


def test_a_model_reads_the_same_with_the_other_scan(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments[5])
        return stand_in(*arguments, **named)

    monkeypatch.setattr(cuda, "load_kernels", lambda: (counted, ""))
    model = make_model(torch.float32)
    expected = list(TorchReader(model).read(make_segments(5)))
    got = list(TorchReader(model, scan=cuda.triton_scan).read(make_segments(5)))
    for one, want in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, want, rtol=1e-4, atol=2e-5)
    assert calls == [cuda.TRITON_CHUNK] * 5 * 2


def test_the_kernels_are_reached_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path, "def mamba_chunk_scan_combined(*a, **k): return 7\n")
    function, why = cuda.load_kernels()
    assert why == ""
    assert function is not None
    assert function() == 7
    assert "mamba_ssm" not in sys.modules  # so that importing the real one is still possible
    forget_imports()


@pytest.mark.parametrize(
    ("kernels", "why"),
    [
        ("import no_such_package\n", "no-such-package is not installed"),
        ("raise RuntimeError('no driver')\n", "mamba_ssm cannot be used: RuntimeError: no driver"),
        ("", "mamba_ssm cannot be used: AttributeError"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernels: str, why: str
) -> None:
    install(monkeypatch, tmp_path, kernels)
    function, got = cuda.load_kernels()
    assert function is None
    assert got.startswith(why)
    assert "mamba_ssm" not in sys.modules
    forget_imports()


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    if "mamba_ssm" in sys.modules:
        pytest.skip("mamba_ssm is loaded")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cuda.load_kernels()[1].startswith("mamba-ssm is not installed: ")


def test_a_model_on_the_cpu_says_why_there_is_no_triton(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCQA_PATH", "triton")
    with pytest.raises(ConfigError, match="the Triton scan is for CUDA, the model is on cpu"):
        choose_reader(make_model(torch.float32))


@pytest.mark.parametrize("obstacle", ["", "mamba-ssm is not installed: …"])
def test_on_cuda_the_scan_is_chosen_or_the_reason_told(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    """Fake tensors: they have a device and no values."""
    kernels = None if obstacle else stand_in
    monkeypatch.setattr(cuda, "load_kernels", lambda: (kernels, obstacle))
    model = make_model(torch.float32)
    with FakeTensorMode():
        weight = torch.empty(96, 32, device="cuda")
        model.backbone.embedding.weight = torch.nn.Parameter(weight)
        path = choose_reader(model).path
        assert path == (f"plain torch ({obstacle})" if obstacle else cuda.PATH)
        monkeypatch.setenv("DOCQA_PATH", "torch")
        assert choose_reader(model).path == "plain torch (DOCQA_PATH=torch)"
        monkeypatch.setenv("DOCQA_PATH", "numba")
        with pytest.raises(ConfigError, match="for a CPU, the model is on cuda"):
            choose_reader(model)


INTERPRETED = {"scan, fp32": 1e-5, "scan, bf16": 2e-2, "training": 1e-5, "reading": 1e-5}
"""Tolerances."""


def test_the_real_kernels_interpreted_on_the_cpu_compute_what_torch_computes() -> None:
    """Triton can run its kernels without a device, slowly; needs mamba-ssm and triton."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("against_torch.py"))],
        env=os.environ | {"TRITON_INTERPRET": "1", "MAMBA_DETERMINISTIC": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)
    if isinstance(result, str):
        pytest.skip(result)
    assert result.keys() == INTERPRETED.keys()
    for name, tolerance in INTERPRETED.items():
        assert result[name] < tolerance, name


@pytest.fixture
def kernels() -> None:
    if NO_GPU:
        pytest.skip("no CUDA device")
    if why := cuda.load_kernels()[1]:
        pytest.skip(why)


@pytest.mark.gpu
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("n_groups", [1, 2])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-3), (torch.bfloat16, 2e-2)])
def test_the_kernels_compute_what_torch_computes(
    dtype: torch.dtype, tolerance: float, n_groups: int
) -> None:
    """Gradients too; the kernels multiply fp32 as tf32."""
    assert against_torch.scans(dtype, 700, n_groups, "cuda") < tolerance


@pytest.mark.gpu
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 5e-3), (True, 0.1)])
def test_training_on_the_gpu_has_the_gradients_of_torch(
    bf16: bool, tolerance: float, is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docqa.trainer.retriever.step.choose_scan", None)  # set anew, and put back
    assert against_torch.training("cuda", bf16=bf16, is_compiled=is_compiled) < tolerance


@pytest.mark.gpu
@pytest.mark.usefixtures("kernels")
def test_documents_read_together_on_the_gpu_score_as_with_torch() -> None:
    assert against_torch.reading("cuda") < 5e-3


@pytest.mark.gpu
@pytest.mark.usefixtures("kernels")
def test_a_model_on_the_gpu_ranks_as_on_the_cpu(make_model: MakeModel) -> None:
    exact = make_model(torch.float32, d_model=64, d_state=16)
    half = wide_steps(make_model(torch.bfloat16, d_model=64, d_state=16)).cuda()
    reader = choose_reader(half)
    assert reader.path == cuda.PATH
    segments = make_segments(40)
    expected = np.concatenate(list(TorchReader(exact).read(segments)))
    got = np.concatenate(list(reader.read(segments)))
    best = [set(np.argsort(-scores)[:50].tolist()) for scores in (got, expected)]
    assert len(best[0] & best[1]) >= 49
