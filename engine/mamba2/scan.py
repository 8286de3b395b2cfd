"""The same recurrence in chunks: matrix products inside a chunk, one state between chunks.

Letters: b batch, l tokens, h heads, p head dim, g groups, n state, c chunks, q tokens of a chunk.
Source: Dao & Gu, "Transformers are SSMs" (arXiv 2405.21060), section 6 (the SSD algorithm).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def chunked_scan(
    x: Float[Tensor, "b l h p"],
    dt: Float[Tensor, "b l h"],
    a: Float[Tensor, " h"],
    b: Float[Tensor, "b l g n"],
    c: Float[Tensor, "b l g n"],
    state: Float[Tensor, "b h p n"],
    chunk_size: int,
) -> tuple[Float[Tensor, "b l h p"], Float[Tensor, "b h p n"]]:
    """`recurrent_scan` for many tokens at once; same arguments, same result.

    Any length goes: the last chunk is filled with steps of size 0, which change nothing. Decays
    are computed in the dtype of `dt`, products in the dtype of `x`.

    Returns:
        (b, l, h, p) outputs in the dtype of x and the (b, h, p, n) state after the last token.
    """
    n_batch, n_tokens, n_heads, head_dim = x.shape
    n_groups, d_state = b.shape[2:]
    if n_tokens == 0:
        return x, state
    size = min(chunk_size, n_tokens)
    if missing := -n_tokens % size:
        x = functional.pad(x, (0, 0, 0, 0, 0, missing))
        b = functional.pad(b, (0, 0, 0, 0, 0, missing))
        c = functional.pad(c, (0, 0, 0, 0, 0, missing))
        dt = functional.pad(dt, (0, 0, 0, missing))
    n_chunks = x.shape[1] // size
    per_group = n_heads // n_groups

    x = x.view(n_batch, n_chunks, size, n_groups, per_group, head_dim).permute(0, 1, 3, 4, 2, 5)
    dt = dt.view(n_batch, n_chunks, size, n_groups, per_group).permute(0, 1, 3, 4, 2)
    b = b.view(n_batch, n_chunks, size, n_groups, d_state).transpose(2, 3)
    c = c.view(n_batch, n_chunks, size, n_groups, d_state).transpose(2, 3)

    # log of the decay from the chunk's start to each token: (b, c, g, h/g, q)
    log_decay = (dt * a.view(n_groups, per_group, 1)).cumsum(-1)
    total_decay = log_decay[..., -1].exp()

    # 1. Inside a chunk: y_i = sum over j <= i of (c_i . b_j) decay(j -> i) dt_j x_j
    later = torch.ones(size, size, dtype=torch.bool, device=x.device).triu(1)
    between = (log_decay[..., :, None] - log_decay[..., None, :]).masked_fill(later, -torch.inf)
    mix = (c @ b.transpose(-1, -2))[:, :, :, None] * (between.exp() * dt[..., None, :]).to(x.dtype)
    y = mix @ x

    # 2. What each chunk adds to the state: sum over j of decay(j -> end) dt_j x_j b_j
    to_end = ((log_decay[..., -1:] - log_decay).exp() * dt).to(x.dtype)
    added = (x * to_end[..., None]).transpose(-1, -2) @ b[:, :, :, None]

    # 3. The state before each chunk
    running = state.view(n_batch, n_groups, per_group, head_dim, d_state)
    before = []
    for i in range(n_chunks):
        before.append(running)
        running = running * total_decay[:, i, ..., None, None] + added[:, i]

    # 4. What the state before the chunk gives to its tokens: y_i += decay(start -> i) state c_i
    states = torch.stack(before, dim=1).to(x.dtype)
    from_start = log_decay.exp().to(x.dtype)
    y = y + (c[:, :, :, None] @ states.transpose(-1, -2)) * from_start[..., None]

    y = y.permute(0, 1, 4, 2, 3, 5).reshape(n_batch, n_chunks * size, n_heads, head_dim)
    return y[:, :n_tokens], running.reshape(state.shape)
