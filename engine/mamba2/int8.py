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
    try:
        from docqa.engine.mamba2.matrices import QuantisedMatrix

        matrix = QuantisedMatrix(torch.ones(64, 64))
        product = matrix.multiply(torch.full((64, 64), 255, dtype=torch.uint8))
    except (AttributeError, ImportError, RuntimeError) as error:  # another torch, or no numba
        return f"int8 cannot be multiplied here: {error}"
    if not torch.allclose(product, torch.full_like(product, 64 * 127)):
        return "products of int8 are not exact here"
    return ""
