"""The scan for a CUDA device: `chunked_scan` computed by mamba_ssm's Triton kernels.

NOT RUN ON A GPU YET: it was written where none is at hand, so nothing is known of its speed. The
kernels of mamba_ssm 2.3.2.post1, run on a CPU by Triton's interpreter, give the numbers and the
gradients of `chunked_scan` (1e-6 in fp32, 2e-2 in bf16); the choice and the reasons for falling
back are tested against a stand-in; `pytest -m gpu` tests the rest where there is a device.

`import mamba_ssm` runs an `__init__.py` that imports the compiled `selective_scan_cuda` (of
Mamba-1) without a guard and fails where that was not built. Mamba-2 does not need it: the kernels
are Python. So the package is entered by the side, without its `__init__.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

KERNELS = "mamba_ssm.ops.triton.ssd_combined"
TRITON_CHUNK = 256
"""Tokens of a chunk the kernels are tuned for; a power of two. Any gives the same result."""
PATH = "mamba_ssm's Triton scan, torch around it"
INSTALL = "how to install it without nvcc is in engine/mamba2/README.md"


def triton_obstacle(weight: Tensor) -> str:
    """Why the Triton scan cannot run for a model with this weight; empty when it can."""
    if weight.device.type != "cuda":
        return f"the Triton scan is for CUDA, the model is on {weight.device.type}"
    if weight.dtype not in (torch.bfloat16, torch.float16, torch.float32):
        return f"the Triton scan takes bf16, fp16 and fp32, the model is {weight.dtype}"
    return load_kernels()[1]


@cache
def load_kernels() -> tuple[Callable[..., Any] | None, str]:
    """`mamba_chunk_scan_combined`; or None, and what is missing."""
    if os.environ.get("MAMBA_DETERMINISTIC") != "1":  # takes one shape of each kernel, untried
        # Triton tries some forty shapes of the kernels: once on a machine, not in every process
        os.environ.setdefault("TRITON_CACHE_AUTOTUNING", "1")
    try:
        found: Callable[..., Any] = _import_by_the_side(KERNELS).mamba_chunk_scan_combined
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0].replace("_", "-")
        return None, f"{missing} is not installed: {INSTALL}"
    except Exception as error:  # an import of others' code may fail in any way
        return None, f"mamba_ssm cannot be used: {type(error).__name__}: {error}"
    return found, ""


def triton_scan(
    x: Float[Tensor, "b l h p"],
    dt: Float[Tensor, "b l h"],
    a: Float[Tensor, " h"],
    b: Float[Tensor, "b l g n"],
    c: Float[Tensor, "b l g n"],
    state: Float[Tensor, "b h p n"],
    chunk_size: int,
) -> tuple[Float[Tensor, "b l h p"], Float[Tensor, "b h p n"]]:
    """See `scan.chunked_scan`: same arguments, same result; `chunk_size` is the kernels' own.

    Steps are positive and decays negative already, x is not added to the output, nothing is
    gated: all of that is done around the scan, so those arguments of the kernels stay unused.
    """
    combined, why = load_kernels()
    if combined is None:
        raise RuntimeError(f"no Triton scan: {why}")
    if x.shape[1] == 0:
        return x, state
    y, after = combined(
        x,
        dt,
        a,
        b,
        c,
        TRITON_CHUNK,
        initial_states=state.contiguous(),
        return_final_states=True,
    )
    return y, after.to(state.dtype)


def _import_by_the_side(name: str) -> ModuleType:
    """Import a submodule of a package whose own `__init__.py` is not run.

    An empty package stands in for it meanwhile; whoever imports the real one later gets it.
    """
    top = name.partition(".")[0]
    if top in sys.modules:
        return importlib.import_module(name)
    spec = importlib.util.find_spec(top)  # looks, and runs nothing
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"No module named {top!r}", name=top)
    package = ModuleType(top)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[top] = package
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules[top]
