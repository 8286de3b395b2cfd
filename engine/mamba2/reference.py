"""The selective state-space recurrence, one token after another: slow and plainly right.

Every faster path is tested against this one.

Letters: b batch, l tokens, h heads, p head dim, g groups, n state.
Source: Dao & Gu, "Transformers are SSMs" (arXiv 2405.21060), equation 1 with scalar-times-identity
A and the step `dt` folded in (section 7).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def recurrent_scan(
    x: Float[Tensor, "b l h p"],
    dt: Float[Tensor, "b l h"],
    a: Float[Tensor, " h"],
    b: Float[Tensor, "b l g n"],
    c: Float[Tensor, "b l g n"],
    state: Float[Tensor, "b h p n"],
) -> tuple[Float[Tensor, "b l h p"], Float[Tensor, "b h p n"]]:
    """Run h_t = exp(dt_t a) h_{t-1} + dt_t x_t b_t and y_t = h_t c_t.

    Args:
        x: (b, l, h, p) input of every head.
        dt: (b, l, h) step sizes, positive.
        a: (h,) decay rates, negative.
        b: (b, l, g, n) what is written, shared by the heads of a group.
        c: (b, l, g, n) what is read.
        state: (b, h, p, n) state before the first token.

    Returns:
        (b, l, h, p) outputs and the (b, h, p, n) state after the last token.
    """
    n_heads, n_groups = x.shape[2], b.shape[2]
    b = b.repeat_interleave(n_heads // n_groups, dim=2)
    c = c.repeat_interleave(n_heads // n_groups, dim=2)
    outputs = []
    for t in range(x.shape[1]):
        decay = torch.exp(dt[:, t] * a)[..., None, None]
        write = (dt[:, t, :, None] * x[:, t])[..., None] * b[:, t, :, None, :]
        state = decay * state + write
        outputs.append(torch.einsum("bhpn,bhn->bhp", state, c[:, t]))
    if not outputs:
        return x, state
    return torch.stack(outputs, dim=1), state
