"""Whether this processor multiplies int8 fast and exactly."""

from __future__ import annotations

from functools import cache

import torch


@cache
def int8_obstacle() -> str:
    """Why a processor gains nothing from int8, or must not use it; empty where it may.

    Without VNNI two products are added up in 16 bits, which some sums do not fit into; whether they
    do here is tried, because a cap on the instructions (`ONEDNN_MAX_CPU_ISA`) is seen nowhere else.
    """
    able = torch.cpu.get_capabilities()
    if not (able.get("avx512_vnni") or able.get("avx_vnni")):
        return "the processor has no VNNI"
    largest = torch.full((64, 64), 127, dtype=torch.int8)
    if not bool((torch._int_mm(largest, largest) == 64 * 127**2).all()):
        return "products of int8 are not exact here"
    return ""
