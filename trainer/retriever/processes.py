"""The processes that train together: one alone, or several that a launcher started.

`torchrun` and `accelerate launch` tell each process its number in the environment. Without them
nothing here touches accelerate, so that a run alone costs nothing more.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import nn

from docqa.engine.device import choose_device
from docqa.engine.errors import ConfigError, MissingError

if TYPE_CHECKING:
    from accelerate import Accelerator

LONGEST_WAIT = timedelta(hours=12)
"""The others wait while the first process packs data or measures on the dev files."""


@runtime_checkable
class Processes(Protocol):
    """What a process knows of the others."""

    n: int
    index: int
    """0 for the one that writes files and speaks."""
    device: torch.device

    def shared(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over the processes."""
        ...

    def averaging(self, module: nn.Module, *, now: bool) -> AbstractContextManager[None]:
        """Around a backward pass: average the gradients after it, or let them add up."""
        ...

    def total(self, values: Sequence[float]) -> list[float]:
        """Each value summed over the processes."""
        ...

    def wait(self) -> None:
        """Go on when all processes are here."""
        ...

    def end(self) -> None:
        """Part from the others."""
        ...


class Alone:
    """A process without others."""

    n = 1
    index = 0

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def shared(self, module: nn.Module) -> nn.Module:
        """See `Processes.shared`."""
        return module

    def averaging(self, module: nn.Module, *, now: bool) -> AbstractContextManager[None]:
        """See `Processes.averaging`."""
        return nullcontext()

    def total(self, values: Sequence[float]) -> list[float]:
        """See `Processes.total`."""
        return list(values)

    def wait(self) -> None:
        """See `Processes.wait`."""

    def end(self) -> None:
        """See `Processes.end`."""


class Together:
    """One of several processes, joined by accelerate."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self.n: int = accelerator.num_processes
        self.index: int = accelerator.process_index
        device: torch.device = accelerator.device
        # accelerate numbers CPUs as it numbers GPUs; torch knows one
        self.device = torch.device("cpu") if device.type == "cpu" else device

    def shared(self, module: nn.Module) -> nn.Module:
        """See `Processes.shared`."""
        prepared: nn.Module = self._accelerator.prepare_model(module)
        return prepared

    def averaging(self, module: nn.Module, *, now: bool) -> AbstractContextManager[None]:
        """See `Processes.averaging`."""
        return nullcontext() if now else self._accelerator.no_sync(module)

    def total(self, values: Sequence[float]) -> list[float]:
        """See `Processes.total`."""
        mine = torch.tensor(values, dtype=torch.float32, device=self.device)
        everyones: list[float] = self._accelerator.reduce(mine, "sum").tolist()
        return everyones

    def wait(self) -> None:
        """See `Processes.wait`."""
        self._accelerator.wait_for_everyone()

    def end(self) -> None:
        """See `Processes.end`."""
        self._accelerator.end_training()


def n_launched() -> int:
    """How many processes the launcher started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this is the process that speaks."""
    return int(os.environ.get("RANK", "0")) == 0


def join_processes(device: str) -> Processes:
    """Meet the processes that the launcher started.

    Args:
        device: `auto`, `cpu`, `cuda` or `mps`; several processes take a GPU each, or the CPU.

    Raises:
        ConfigError: When there is no such device here, or it cannot be shared.
        MissingError: When there are several processes, but no accelerate.
    """
    chosen = choose_device(device)
    if n_launched() == 1:
        return Alone(chosen)
    if chosen.type == "mps":
        raise ConfigError(f"{n_launched()} processes cannot share one mps device.", "Start one.")
    try:
        from accelerate import Accelerator, InitProcessGroupKwargs
    except ImportError:
        raise MissingError(
            f"{n_launched()} processes need accelerate, which is not installed.",
            "Install the extra: pip install 'docqa[train]'.",
        ) from None
    patience = InitProcessGroupKwargs(timeout=LONGEST_WAIT)
    return Together(
        Accelerator(cpu=chosen.type == "cpu", mixed_precision="no", kwargs_handlers=[patience])
    )
