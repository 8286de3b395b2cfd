"""mamba_ssm's kernels against torch, in values and gradients: how far they are apart.

`test_cuda.py` calls this on a GPU. Without one it runs this file with `TRITON_INTERPRET=1`, in a
process of its own since Triton decides at import whether it interprets: then the kernels run on the
CPU, and the differences are printed.
"""

from __future__ import annotations

import contextlib
import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.cuda import load_kernels, triton_scan
from docqa.engine.mamba2.model import Mamba2Model, Scan, initialise
from docqa.engine.mamba2.reading import Segment, TorchReader
from docqa.engine.mamba2.scan import chunked_scan
from docqa.engine.retrievers.coverage import N_COVERAGE
from docqa.trainer.retriever import step
from docqa.trainer.retriever.collate import WindowBatch
from docqa.trainer.retriever.recipe import RunSection

GENERATOR = torch.Generator().manual_seed(0)
SHAPE: dict[str, Any] = {"d_model": 32, "n_layer": 2, "vocab_size": 96, "d_state": 16}


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=GENERATOR)


def integers(end: int, *shape: int) -> Tensor:
    return torch.randint(0, end, shape, generator=GENERATOR)


def difference(got: list[Tensor], wanted: list[Tensor]) -> float:
    """The norm of what they differ by as a share of the norm; of the tensor where it is most."""
    assert [one.dtype for one in got] == [one.dtype for one in wanted]
    return max(
        float((a.double() - b.double()).norm() / b.double().norm())
        for a, b in zip(got, wanted, strict=True)
    )


def scans(dtype: torch.dtype, n_tokens: int, n_groups: int, device: str = "cpu") -> float:
    """Outputs, last state and the gradients of every input."""
    x = random(2, n_tokens, 4, 32).to(dtype)
    b, c = (random(2, n_tokens, n_groups, 16).to(dtype) for _ in "bc")
    dt, a, state = random(2, n_tokens, 4).exp() / 20, -random(4).exp(), random(2, 4, 32, 16)
    dt[0, -20:] = 0  # as in the filling of a segment
    weights = random(2, n_tokens, 4, 32).to(device), random(2, 4, 32, 16).to(device)
    results = []
    for scan in (triton_scan, chunked_scan):
        given = [one.to(device).clone().requires_grad_() for one in (x, dt, a, b, c, state)]
        y, after = scan(*given, 64)
        ((y.float() * weights[0]).sum() + (after * weights[1]).sum()).backward()
        results.append([y.detach(), after.detach(), *(one.grad for one in given)])
    return difference(*results)


def small_model(**features: Any) -> Mamba2Model:
    model = Mamba2Model(Mamba2Config(**SHAPE, headdim=16, chunk_size=16, **features))
    initialise(model, GENERATOR)
    with torch.no_grad():
        model.backbone.embedding.weight.normal_(generator=GENERATOR)
    return model


def training(device: str = "cpu", *, bf16: bool = False, is_compiled: bool = False) -> float:
    """Logits and all gradients of windows read as in training, each from its beginning.

    What is wanted is computed in fp32, by torch alone.
    """
    added = {"n_match_buckets": 4, "soft_match": True, "mark_sentences": True, "coverage": True}
    model = small_model(**added).to(device)
    batch = WindowBatch(
        token_ids=integers(96, 2, 70),
        match=integers(6, 2, 70),
        is_document=integers(2, 2, 70).bool(),
        content=integers(96, 2, 3),
        sentence_ends=torch.tensor([[10, 40, 69], [3, 30, -1]]),
        labels=torch.zeros(2, 3),
        coverage=torch.rand(2, 3, N_COVERAGE, generator=GENERATOR),
    ).to(torch.device(device))

    def compute(scan: Scan, section: RunSection) -> list[Tensor]:
        step.choose_scan = lambda _: (scan, "")
        model.zero_grad()
        logits = step.WindowReader(model, section)(batch)
        logits[batch.real].square().sum().backward()
        grads = [one.grad.flatten() for one in model.parameters() if one.grad is not None]
        return [logits.detach(), torch.cat(grads)]

    return difference(
        compute(triton_scan, RunSection(bf16=bf16, compile=is_compiled)),
        compute(chunked_scan, RunSection(bf16=False)),
    )


def reading(device: str = "cpu") -> float:
    """Two documents side by side, whose segments end at different places."""
    model = small_model().to(device)
    batches = [
        [
            Segment(integers(96, 1, length), None, n_real, np.arange(2, n_real, 9))
            for length, n_real in lengths
        ]
        for lengths in (((128, 100), (64, 60)), ((64, 64), (128, 70)))
    ]
    both = [
        [torch.from_numpy(one) for part in reader.read_together(batches) for one in part]
        for reader in (TorchReader(model, scan=triton_scan), TorchReader(model))
    ]
    return difference(*both)


def stand_in_for_a_gpu() -> None:
    """What the callers of the kernels ask of one, and a product of bf16.

    The interpreter keeps bf16 as its bits and would multiply those; it is given the numbers.
    """
    torch.cuda.device = lambda *_: contextlib.nullcontext()
    torch.cuda.get_device_properties = lambda *_: SimpleNamespace(multi_processor_count=4)
    import triton.language as tl
    from triton.runtime import interpreter

    multiply = interpreter.InterpreterBuilder.create_dot

    def numbers(handle: Any) -> Any:
        if handle.dtype.scalar != tl.bfloat16:
            return handle
        wide = (handle.data.astype(np.uint32) << 16).view(np.float32)
        return interpreter.TensorHandle(wide, tl.float32)

    interpreter.InterpreterBuilder.create_dot = lambda self, a, b, *rest: multiply(
        self, numbers(a), numbers(b), *rest
    )


if __name__ == "__main__":
    if why := load_kernels()[1]:
        sys.exit(print(json.dumps(why)))
    stand_in_for_a_gpu()
    apart = {
        "scan, fp32": max(scans(torch.float32, 300, 1), scans(torch.float32, 70, 2)),
        "scan, bf16": scans(torch.bfloat16, 70, 1),
        "training": training(),
        "reading": reading(),
    }
    print(json.dumps(apart))
