"""The chunked scan equals the recurrence it stands for, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from docqa.engine.mamba2.reference import recurrent_scan
from docqa.engine.mamba2.scan import chunked_scan

FP64 = {"rtol": 1e-10, "atol": 1e-10}


def scan_inputs(n_tokens: int, n_groups: int = 1, n_batch: int = 2) -> list[Tensor]:
    """x, dt, a, b, c and a state that is not zero."""
    generator = torch.Generator().manual_seed(n_tokens)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    n_heads, head_dim, d_state = 4, 3, 5
    return [
        normal(n_batch, n_tokens, n_heads, head_dim),
        torch.nn.functional.softplus(normal(n_batch, n_tokens, n_heads)),
        -torch.exp(normal(n_heads)),
        normal(n_batch, n_tokens, n_groups, d_state),
        normal(n_batch, n_tokens, n_groups, d_state),
        normal(n_batch, n_heads, head_dim, d_state),
    ]


@pytest.mark.parametrize("n_tokens", [1, 3, 7, 8, 9, 16, 29, 64])
@pytest.mark.parametrize("n_groups", [1, 2, 4])
@pytest.mark.parametrize("chunk_size", [4, 8, 256])
def test_chunks_equal_recurrence(n_tokens: int, n_groups: int, chunk_size: int) -> None:
    inputs = scan_inputs(n_tokens, n_groups)
    expected, expected_state = recurrent_scan(*inputs)
    got, state = chunked_scan(*inputs, chunk_size)
    torch.testing.assert_close(got, expected, **FP64)
    torch.testing.assert_close(state, expected_state, **FP64)


def test_no_tokens_change_nothing() -> None:
    inputs = scan_inputs(0)
    got, state = chunked_scan(*inputs, 8)
    assert got.shape[1] == 0
    assert torch.equal(state, inputs[-1])


def test_strong_decay_stays_finite() -> None:
    """The decay between far tokens underflows to 0; written as a ratio it would be inf / inf."""
    x, dt, a, b, c, state = scan_inputs(200)
    got, after = chunked_scan(x, dt * 50, a * 50, b, c, state, 64)
    expected, expected_after = recurrent_scan(x, dt * 50, a * 50, b, c, state)
    torch.testing.assert_close(got, expected, **FP64)
    torch.testing.assert_close(after, expected_after, **FP64)


def test_gradients_of_all_inputs() -> None:
    """Against finite differences, on a length that does not fill its chunks."""
    inputs = [tensor.requires_grad_() for tensor in scan_inputs(5, n_batch=1)]
    assert torch.autograd.gradcheck(lambda *tensors: chunked_scan(*tensors, 2), inputs)


def test_gradients_equal_those_of_the_recurrence() -> None:
    inputs = [tensor.requires_grad_() for tensor in scan_inputs(21)]
    grads = []
    for scan in (recurrent_scan, lambda *tensors: chunked_scan(*tensors, 8)):
        y, state = scan(*inputs)
        grads.append(torch.autograd.grad(y.square().sum() + state.sum(), inputs))
    for got, expected in zip(*grads, strict=True):
        torch.testing.assert_close(got, expected, **FP64)
