"""Reading in segments gives what reading at once gives, whatever the cuts."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.numerics.conftest import MakeModel

FP64 = {"rtol": 1e-10, "atol": 1e-10}
N_TOKENS = 61


def tokens(n_tokens: int = N_TOKENS) -> torch.Tensor:
    return torch.randint(0, 96, (2, n_tokens), generator=torch.Generator().manual_seed(1))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.sets(st.integers(1, N_TOKENS - 1), max_size=8))
def test_any_cuts_give_the_whole(make_model: MakeModel, cuts: set[int]) -> None:
    model, token_ids = make_model(), tokens()
    with torch.inference_mode():
        expected, expected_state = model(token_ids, model.initial_state(2))
        state, parts = model.initial_state(2), []
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), N_TOKENS], strict=True):
            hidden, state = model(token_ids[:, begin:end], state)
            parts.append(hidden)
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, **FP64)
    for got, want in zip(state, expected_state, strict=True):
        torch.testing.assert_close(got.ssm, want.ssm, **FP64)
        torch.testing.assert_close(got.conv, want.conv, **FP64)


def test_filling_leaves_no_trace(make_model: MakeModel) -> None:
    """A segment filled up to a round length gives the same states as the segment alone."""
    model, token_ids = make_model(), tokens(13)
    filled = torch.nn.functional.pad(token_ids, (0, 7), value=5)
    with torch.inference_mode():
        expected, expected_state = model(token_ids, model.initial_state(2))
        got, state = model(filled, model.initial_state(2), n_real=13)
    torch.testing.assert_close(got[:, :13], expected, **FP64)
    for a, b in zip(state, expected_state, strict=True):
        torch.testing.assert_close(a.ssm, b.ssm, **FP64)
        torch.testing.assert_close(a.conv, b.conv, **FP64)


def test_no_token_sees_a_later_one(make_model: MakeModel) -> None:
    model, token_ids = make_model(), tokens()
    changed = token_ids.clone()
    changed[:, 40:] = (changed[:, 40:] + 1) % 96
    with torch.inference_mode():
        before, _ = model(token_ids, model.initial_state(2))
        after, _ = model(changed, model.initial_state(2))
    torch.testing.assert_close(before[:, :40], after[:, :40], **FP64)
    assert not torch.allclose(before[:, 40:], after[:, 40:])


def test_state_does_not_grow(make_model: MakeModel) -> None:
    model = make_model()

    def n_numbers(n_tokens: int) -> int:
        with torch.inference_mode():
            _, state = model(tokens(n_tokens), model.initial_state(2))
        return sum(layer.conv.numel() + layer.ssm.numel() for layer in state)

    assert n_numbers(5) == n_numbers(500)
