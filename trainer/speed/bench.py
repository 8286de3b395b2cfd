"""The speed benchmark: how fast documents are read, beside what limits it and beside others."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docqa.engine.checkpoints.installed import EMBEDDED
from docqa.trainer.speed.subjects import Subject

if TYPE_CHECKING:
    from docqa.engine.retrievers.mamba_retriever import MambaRetriever

LONG_TOKENS = {EMBEDDED: 1_000_000}
OTHER_LONG_TOKENS = 100_000
"""Longest document where none is asked for: what a published shape reads in a minute or so."""
N_LENGTHS = 4
GPU_PRODUCT = 8192
"""Rows and columns of the matrices whose product tells what a GPU can do."""

OnStage = Callable[[str, int, int], None]
"""What is measured, how much of it is done, of how much."""


@dataclass(frozen=True, slots=True)
class SpeedOptions:
    """What to measure."""

    shapes: tuple[str, ...] = (EMBEDDED,)
    dtype: str = "auto"
    device: str = "auto"
    n_tokens: int | None = None
    """Of the longest document; None = as the shape can be expected to read in a minute."""
    n_rounds: int = 5
    peers: bool = True
    profile: bool = False
    """Also where the time of a layer goes."""

    @property
    def subjects(self) -> list[Subject]:
        return [Subject(shape, self.dtype, self.device) for shape in self.shapes]


def bench_speed(options: SpeedOptions, on_stage: OnStage | None = None) -> dict[str, Any]:
    """Measure each shape.

    Returns:
        `{"machine", "runs": [{"shape", "dtype", "device", "path", "tokens_per_second",
        "projections_tokens_per_second", "ratio_to_projections", "torch_tokens_per_second",
        "unquantised_tokens_per_second" (where projections are int8), "peak_memory_bytes",
        "memory_growth_bytes", "first_evidence_seconds", "cancel_seconds",
        "longest_cancel_seconds", "together_tokens_per_second" (on a GPU), "lengths": [{"tokens",
        "seconds", "peak_memory_bytes"}]}],
        "peers": [{"name", "version", "shape", "dtype", "tokens_per_second", "ours_is_times"} or
        {"name", "shape", "missing"}]}`.

    Raises:
        ConfigError: When there is no such shape or device.
    """
    for subject in options.subjects:
        subject.check()
    tell = on_stage or (lambda *_: None)
    report: dict[str, Any] = {"machine": _machine(), "runs": [], "peers": []}
    for subject in options.subjects:
        # Lengths first: their processes must not share the memory with a model held here.
        waits = _lengths(subject, options, tell)
        run, peers = _rates(subject, options, tell)
        report["runs"].append({**run, **waits})
        report["peers"] += peers
    return report


def _rates(
    subject: Subject, options: SpeedOptions, tell: OnStage
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What reads in turns: ours, plain torch, the projections, the peers."""
    from docqa.trainer.speed.peers import peer_contestants
    from docqa.trainer.speed.rates import alternate, dtype_of, own_contestants

    retriever = subject.load()
    with subject.environment():
        contestants = own_contestants(retriever)
    with tempfile.TemporaryDirectory() as folder:
        peers, missing = (
            peer_contestants(retriever.model, Path(folder)) if options.peers else ([], {})
        )
        stage = f"{subject.shape}: tokens a second"
        rates = alternate([*contestants, *peers], options.n_rounds, lambda i, n: tell(stage, i, n))
    projections = max(rates[name] for name in ("plain", "staged") if name in rates)
    run = {
        "shape": subject.shape,
        "dtype": dtype_of(retriever),
        "device": retriever.device,
        "path": retriever.compute_path,
        "tokens_per_second": round(rates["ours"], 1),
        "projections_tokens_per_second": round(projections, 1),
        "ratio_to_projections": round(projections / rates["ours"], 3),
        "torch_tokens_per_second": round(rates.get("torch", rates["ours"]), 1),
    }
    if "unquantised" in rates:
        run["unquantised_tokens_per_second"] = round(rates["unquantised"], 1)
    if "together" in rates:
        run["together_tokens_per_second"] = round(rates["together"], 1)
    if options.profile and not retriever.compute_path.startswith("plain torch"):
        from docqa.engine.mamba2.reading import INT8
        from docqa.trainer.speed.profile import profile_layers

        parts = profile_layers(retriever.model, int8=retriever.compute_path.endswith(INT8))
        run["microseconds_per_token_and_layer"] = {k: round(v, 3) for k, v in parts.items()}
    measured = [_peer(one.name, rates, retriever) for one in peers]
    absent = [
        {"name": name, "shape": subject.shape, "missing": why} for name, why in missing.items()
    ]
    return run, measured + absent


def _peer(name: str, rates: dict[str, float], retriever: MambaRetriever) -> dict[str, Any]:
    from docqa.trainer.speed.peers import peer_version
    from docqa.trainer.speed.rates import dtype_of

    return {
        "name": name,
        "version": peer_version(name),
        "shape": retriever.checkpoint,
        "dtype": "float16" if name == "llama.cpp" else dtype_of(retriever),
        "tokens_per_second": round(rates[name], 1),
        "ours_is_times": round(rates["ours"] / rates[name], 2),
    }


def _lengths(subject: Subject, options: SpeedOptions, tell: OnStage) -> dict[str, Any]:
    """Time and memory against length, the first evidence, cancelling: on stored documents."""
    from docqa.trainer.speed.passes import fresh_processes, read_stored, store_documents, wait_for

    longest = options.n_tokens or LONG_TOKENS.get(subject.shape, OTHER_LONG_TOKENS)
    stage = f"{subject.shape}: long documents"
    with tempfile.TemporaryDirectory() as folder, fresh_processes() as run:
        library = Path(folder) / "library.db"
        tell(stage, 0, N_LENGTHS + 2)
        ids = list(dict.fromkeys(run(store_documents, subject, library, lengths_up_to(longest))))
        passes = []
        for i, document_id in enumerate(ids):
            tell(stage, i + 1, N_LENGTHS + 2)
            passes.append(run(read_stored, subject, library, document_id))
        waiting = run(wait_for, subject, library, ids[-1])
        tell(stage, N_LENGTHS + 2, N_LENGTHS + 2)
    first, last = passes[0].peak_bytes, passes[-1].peak_bytes
    return {
        "peak_memory_bytes": last,
        "memory_growth_bytes": None if first is None or last is None else last - first,
        **{name: _rounded(value) for name, value in asdict(waiting).items()},
        "lengths": [
            {
                "tokens": one.n_tokens,
                "seconds": _rounded(one.seconds),
                "peak_memory_bytes": one.peak_bytes,
            }
            for one in passes
        ],
    }


def lengths_up_to(longest: int) -> Sequence[int]:
    """A tenth of the longest, a third, two thirds, all."""
    return [longest // 10, longest // 3, 2 * longest // 3, longest]


def _machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was: others' work makes them worse."""
    import torch

    return {
        "processor": _processor(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "gpu_bf16_tflops": _gpu_bf16_tflops(),
        "load_before": [round(one, 2) for one in os.getloadavg()]
        if hasattr(os, "getloadavg")
        else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "set": {name: os.environ[name] for name in CAPS if name in os.environ},
    }


CAPS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "NUMBA_CPU_NAME", "DOCQA_PATH", "DOCQA_DTYPE")
"""Variables that change what is measured."""


def _gpu_bf16_tflops() -> float | None:
    """What the card makes of a large product of random bf16 matrices; the best of five."""
    import torch

    if not torch.cuda.is_available():
        return None
    a, b = (torch.randn(2, GPU_PRODUCT, GPU_PRODUCT, device="cuda").bfloat16()).unbind()
    seconds = []
    for _ in range(6):  # the first one warms up
        torch.cuda.synchronize()
        begun = time.perf_counter()
        a @ b
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begun)
    return round(2 * GPU_PRODUCT**3 / min(seconds[1:]) / 1e12, 1)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
