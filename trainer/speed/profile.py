"""Where the time of a layer goes: the kernels and products of `FastBlocks`, on one thread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch

from docqa.engine.mamba2 import kernels
from docqa.engine.mamba2.fast import BlockWeights, FastBlocks, Stream
from docqa.engine.mamba2.matrices import Matrix, QuantisedMatrix
from docqa.engine.mamba2.model import Mamba2Model

SEGMENT_TOKENS = 1024
N_SEGMENTS = 9
KERNELS = (
    "add_and_normalise",
    "measure_steps",
    "convolve",
    "mix_chunks",
    "carry_state",
    "gate_and_normalise",
)
PROJECTIONS, SCAN = "projections", "products in the scan"


def profile_layers(model: Mamba2Model, *, int8: bool = False) -> dict[str, float]:
    """Microseconds a token and layer, by part; medians over segments, the largest first.

    `rest` is what no part accounts for: the calls themselves.
    """
    model_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _profile(model, int8)
    finally:
        torch.set_num_threads(model_threads)


@torch.inference_mode()
def _profile(model: Mamba2Model, int8: bool) -> dict[str, float]:
    weights = [BlockWeights(block, int8=int8) for block in model.backbone.blocks]
    blocks = FastBlocks(weights, model.config)
    x = torch.randn(SEGMENT_TOKENS, model.config.d_model).to(weights[0].dtype)
    rows: list[dict[str, float]] = []
    for _ in range(N_SEGMENTS + 1):
        with _timed() as spent:
            begun = time.perf_counter()
            blocks(Stream.of(x, SEGMENT_TOKENS))
            total = time.perf_counter() - begun
        rows.append({**spent, "rest": total - sum(spent.values()), "all": total})
    unit = 1e6 / (SEGMENT_TOKENS * len(model.backbone.blocks))
    medians = {name: unit * statistics.median(row[name] for row in rows[1:]) for name in rows[1]}
    return dict(sorted(medians.items(), key=lambda item: -item[1]))


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Seconds spent in the kernels and in the products while the context lasts."""
    places: list[tuple[object, str, str]] = [(kernels, name, name) for name in KERNELS]
    places += [(kind, "multiply", PROJECTIONS) for kind in (Matrix, QuantisedMatrix)]
    places.append((torch, "bmm", SCAN))
    spent = dict.fromkeys((part for _, _, part in places), 0.0)

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            result = function(*arguments, **named)
            spent[part] += time.perf_counter() - begun
            return result

        return run

    with ExitStack() as patches:
        for owner, name, part in places:
            whole = timed(part, getattr(owner, name))
            patches.enter_context(patch.object(owner, name, whole))
        yield spent
