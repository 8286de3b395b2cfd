"""Vectors as wide as the processor has them."""

from __future__ import annotations

import os

from llvmlite import binding
from numba import config

NARROW = "prefer-256-bit"
"""LLVM's name for keeping to 256 bits on Intel processors that know 512, because the first of them
slowed down for those."""


def widen_vectors() -> None:
    """Let numba compile for vectors of 512 bits on processors that do not slow down for them.

    Those are the ones with AMX. `NUMBA_CPU_FEATURES` decides otherwise.
    """
    features = binding.get_host_cpu_features()
    if "NUMBA_CPU_FEATURES" in os.environ or not features.get("amx-tile"):
        return
    os.environ["NUMBA_CPU_FEATURES"] = f"{features.flatten()},-{NARROW}"
    config.reload_config()  # type: ignore[no-untyped-call]
