"""Where a model computes, and how exactly."""

from __future__ import annotations

import os

import torch

from docqa.engine.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` takes cuda, then mps, then cpu.

    Raises:
        ConfigError: When there is no such device here.
    """
    found = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, here in found.items() if here)
    if name not in found:
        raise ConfigError(f"No device {name!r}.", "Choose one of: auto, cpu, cuda, mps.")
    if not found[name]:
        raise ConfigError(f"No {name} device on this machine.", "Use --device auto or cpu.")
    return torch.device(name)


def choose_dtype(device: torch.device) -> torch.dtype:
    """bf16 where the device multiplies it natively, else fp32; `DOCQA_DTYPE` overrides.

    Its third value `int8` is about the projections alone, see `reading.choose_reader`.
    """
    wanted = os.environ.get("DOCQA_DTYPE")
    if wanted and wanted != "int8":
        if wanted not in ("float32", "bfloat16"):
            raise ConfigError(f"DOCQA_DTYPE is {wanted!r}.", "Use float32, bfloat16 or int8.")
        return torch.float32 if wanted == "float32" else torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16
    multiplies_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if device.type == "cpu" and multiplies_bf16 else torch.float32
