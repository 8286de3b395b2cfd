"""The Mamba-2 retriever: backbone and sentence head, read segment after segment.

Module names give the tensor names of the published checkpoints (`backbone.layers.0.mixer...`).
Letters: b batch, l tokens, d model, h heads, p head dim, g groups, n state, w conv width,
m = w - 1.
Sources: Dao & Gu (arXiv 2405.21060), figure 6, for the block; arXiv 2504.03101 for the head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.encoder_head import EncoderHead
from docqa.engine.mamba2.reader_head import ReaderHead
from docqa.engine.mamba2.scan import chunked_scan
from docqa.engine.retrievers.coverage import N_COVERAGE

Scan = Callable[..., tuple[Tensor, Tensor]]
"""Computes what `chunked_scan` does, from the same arguments."""
COVERAGE_WIDTH = 32
RealTokens = int | Int[Tensor, " b"]
"""Tokens before the filling at a segment's end: of all rows, or of each."""


@dataclass(frozen=True, slots=True)
class Mamba2State:
    """All that a layer remembers of the tokens before: its size does not depend on their number."""

    conv: Float[Tensor, "b k m"]
    """The last m inputs of the convolution."""
    ssm: Float[Tensor, "b h p n"]


@dataclass(frozen=True, slots=True)
class TokenFeatures:
    """What docqa's own checkpoints are told of each token besides its id."""

    match: Int[Tensor, "b l"]
    """Rarity bucket of a document token that occurs in the question, 0 for the others,
    `n_match_buckets` + 1 for the question itself."""
    similarity: Float[Tensor, "b l"]
    """Nearness to the question's tokens, 0 to 1."""
    is_end: Bool[Tensor, "b l"]
    """True for the last token of a sentence."""
    coverage: Float[Tensor, "b l c"]
    """At the last token of a sentence, how much of the question it covers, see `coverage.py`; 0
    at the others. Without `coverage` in the config c is 0."""


class RMSNorm(nn.Module):
    """y = x / rms(x) * weight, computed in at least fp32; the rms is that of each group."""

    def __init__(self, d: int, eps: float, n_groups: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))
        self.eps = eps
        self.n_groups = n_groups

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        groups = torch.unflatten(wide, -1, (self.n_groups, wide.shape[-1] // self.n_groups))
        scale = torch.rsqrt(groups.square().mean(-1, keepdim=True) + self.eps)
        return (groups * scale).flatten(-2).to(x.dtype) * self.weight


class Mixer(nn.Module):
    """Projection, short convolution, state-space scan, gated norm, projection."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.config = config
        k = config.d_conv_input
        self.in_proj = nn.Linear(config.d_model, config.d_in_proj, bias=False)
        self.conv1d = nn.Conv1d(k, k, config.d_conv, groups=k)
        self.dt_bias = nn.Parameter(torch.empty(config.n_heads))
        self.A_log = nn.Parameter(torch.empty(config.n_heads))
        self.D = nn.Parameter(torch.ones(config.n_heads))
        self.norm = RMSNorm(config.d_inner, config.norm_eps, config.ngroups)
        self.out_proj = nn.Linear(config.d_inner, config.d_model, bias=False)

    def forward(
        self,
        x: Float[Tensor, "b l d"],
        state: Mamba2State,
        n_real: RealTokens | None = None,
        scan: Scan = chunked_scan,
    ) -> tuple[Float[Tensor, "b l d"], Mamba2State]:
        """Mix the tokens of a segment with each other and with the state before them.

        Args:
            x: (b, l, d) normed input.
            state: Before the segment.
            n_real: Tokens before the filling at the segment's end; None = all.
            scan: What computes the recurrence.

        Returns:
            (b, l, d) output and the state after the last real token.
        """
        config = self.config
        n_batch, n_tokens, _ = x.shape
        n_bc = config.ngroups * config.d_state
        z, xbc, dt = torch.split(
            self.in_proj(x), [config.d_inner, config.d_conv_input, config.n_heads], dim=-1
        )
        xbc, conv = self._convolve(xbc, state.conv, n_tokens if n_real is None else n_real)
        inner, b, c = torch.split(xbc, [config.d_inner, n_bc, n_bc], dim=-1)
        inner = inner.reshape(n_batch, n_tokens, config.n_heads, config.headdim)
        dt = functional.softplus(dt.to(self.dt_bias.dtype) + self.dt_bias)
        if n_real is not None:
            last = n_real if isinstance(n_real, int) else n_real[:, None]
            is_filling = torch.arange(n_tokens, device=x.device) >= last
            dt = dt.masked_fill(is_filling[..., None], 0.0)  # a step of 0 is none
        y, ssm = scan(
            inner,
            dt,
            -self.A_log.exp(),
            b.reshape(n_batch, n_tokens, config.ngroups, config.d_state),
            c.reshape(n_batch, n_tokens, config.ngroups, config.d_state),
            state.ssm,
            config.chunk_size,
        )
        y = (y + self.D.to(y.dtype)[:, None] * inner).reshape(n_batch, n_tokens, config.d_inner)
        return self.out_proj(self.norm(y * functional.silu(z))), Mamba2State(conv, ssm)

    def _convolve(
        self, x: Float[Tensor, "b l k"], before: Float[Tensor, "b k m"], n_real: RealTokens
    ) -> tuple[Float[Tensor, "b l k"], Float[Tensor, "b k m"]]:
        """Causal depthwise convolution and SiLU; `before` stands in front of the segment."""
        w, n_tokens = self.config.d_conv, x.shape[1]
        padded = torch.cat([before.transpose(1, 2).to(x.dtype), x], dim=1)
        weight = self.conv1d.weight.to(x.dtype)
        # w shifted products are faster on a CPU than a grouped convolution of so few taps
        y = padded[:, :n_tokens] * weight[:, 0, 0]
        for tap in range(1, w):
            y = y + padded[:, tap : tap + n_tokens] * weight[:, 0, tap]
        if self.conv1d.bias is not None:
            y = y + self.conv1d.bias.to(x.dtype)
        if isinstance(n_real, int):
            after = padded[:, n_real : n_real + w - 1]
        else:
            rows = torch.arange(len(padded), device=x.device)[:, None]
            after = padded[rows, n_real[:, None] + torch.arange(w - 1, device=x.device)]
        return functional.silu(y), after.transpose(1, 2)


class Block(nn.Module):
    """x + mixer(norm(x)), the residual in fp32."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.mixer = Mixer(config)

    def forward(
        self,
        x: Float[Tensor, "b l d"],
        state: Mamba2State,
        n_real: RealTokens | None = None,
        scan: Scan = chunked_scan,
    ) -> tuple[Float[Tensor, "b l d"], Mamba2State]:
        """See `Mixer.forward`."""
        normed = self.norm(x).to(self.mixer.in_proj.weight.dtype)
        mixed, state = self.mixer(normed, state, n_real, scan)
        return x + mixed, state


class Backbone(nn.Module):
    """Embedding, blocks and final norm."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm_f = RMSNorm(config.d_model, config.norm_eps)

    @property
    def blocks(self) -> list[Block]:
        """`layers`, with their type."""
        return cast("list[Block]", list(self.layers))


class CoverageInput(nn.Module):
    """What the coverage of a sentence adds to the embedding of its last token."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(N_COVERAGE, COVERAGE_WIDTH)
        self.out = nn.Linear(COVERAGE_WIDTH, d_model, bias=False)

    def forward(self, coverage: Float[Tensor, "b l c"]) -> Float[Tensor, "b l d"]:
        out: Tensor = self.out(functional.silu(self.hidden(coverage)))
        return out


EMBEDDING_HEADS = ("reader", "encoder")
"""Heads that stand on the token embedding alone, trained when all else is; the config's
`reader_width` and `encoder_width` say how wide they are."""

Layer = Callable[[Tensor, Mamba2State, RealTokens | None], tuple[Tensor, Mamba2State]]


class Mamba2Model(nn.Module):
    """Backbone and the head that scores a sentence from the state at its last token."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.binary_head = nn.Linear(config.d_model, 1)
        if config.n_match_buckets:
            self.question_match = nn.Embedding(config.n_match_buckets + 2, config.d_model)
        if config.soft_match:
            self.soft_match = nn.Parameter(torch.zeros(config.d_model))
        if config.mark_sentences:
            self.sentence_mark = nn.Parameter(torch.zeros(config.d_model))
        self.coverage = CoverageInput(config.d_model) if config.coverage else None
        width = config.reader_width
        self.reader = ReaderHead(config.d_model, width) if width else None
        width = config.encoder_width
        self.encoder = EncoderHead(config.d_model, width) if width else None

    @property
    def heads(self) -> dict[str, nn.Module]:
        """Those of `EMBEDDING_HEADS` it has."""
        found = {name: getattr(self, name) for name in EMBEDDING_HEADS}
        return {name: head for name, head in found.items() if head is not None}

    def drop(self, *heads: str) -> None:
        """Leave some of `EMBEDDING_HEADS` behind: they belong to what they were trained on."""
        for head in heads:
            without: dict[str, Any] = {f"{head}_width": 0}
            self.config = replace(self.config, **without)
            setattr(self, head, None)

    def add_coverage(self, generator: torch.Generator | None = None) -> CoverageInput:
        """Let a checkpoint without this input have it; until it is trained it changes nothing."""
        self.config = replace(self.config, coverage=True)
        self.coverage = CoverageInput(self.config.d_model)
        initialise_coverage(self.coverage, generator)
        return self.coverage

    @property
    def n_projection_weights(self) -> int:
        """Numbers in the input and output projections of all layers."""
        return sum(
            linear.weight.numel()
            for block in self.backbone.blocks
            for linear in (block.mixer.in_proj, block.mixer.out_proj)
        )

    def initial_state(self, n_batch: int) -> list[Mamba2State]:
        """The state before the first token: zeros."""
        config, weight = self.config, self.backbone.embedding.weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        return [
            Mamba2State(
                conv=weight.new_zeros(n_batch, config.d_conv_input, config.d_conv - 1),
                ssm=weight.new_zeros(
                    n_batch, config.n_heads, config.headdim, config.d_state, dtype=wide
                ),
            )
            for _ in range(config.n_layer)
        ]

    def forward(
        self,
        token_ids: Int[Tensor, "b l"],
        state: list[Mamba2State],
        features: TokenFeatures | None = None,
        n_real: RealTokens | None = None,
        layers: Sequence[Layer] | None = None,
    ) -> tuple[Float[Tensor, "b l d"], list[Mamba2State]]:
        """Read one segment.

        Args:
            token_ids: (b, l) tokens of the segment.
            state: One state a layer, from `initial_state` or the segment before.
            features: Needed where the config has any of them.
            n_real: Tokens before the filling at the segment's end, which leaves no trace in the
                state; None = all.
            layers: The blocks in a compiled form; None = as they are.

        Returns:
            (b, l, d) normed hidden states, and the states after the segment.
        """
        weight = self.backbone.embedding.weight
        x = self.embed(token_ids, features)
        x = x.to(torch.promote_types(weight.dtype, torch.float32))
        after = []
        blocks: Sequence[Layer] = layers or self.backbone.blocks
        for layer, before in zip(blocks, state, strict=True):
            x, layer_state = layer(x, before, n_real)
            after.append(layer_state)
        hidden: Tensor = self.backbone.norm_f(x)
        return hidden.to(weight.dtype), after

    def embed(
        self, token_ids: Int[Tensor, "b l"], features: TokenFeatures | None
    ) -> Float[Tensor, "b l d"]:
        """(b, l, d) token embedding plus what the features add to it."""
        config = self.config
        x: Tensor = self.backbone.embedding(token_ids)
        if features is None:
            if config.has_features:
                raise ValueError("this config reads token features, but none were given")
            return x
        if config.n_match_buckets:
            x = x + self.question_match(features.match)
        if config.soft_match:
            x = x + features.similarity[..., None].to(x.dtype) * self.soft_match
        if config.mark_sentences:
            x = x + features.is_end[..., None].to(x.dtype) * self.sentence_mark
        if self.coverage is not None:
            at_ends = features.is_end[..., None].to(x.dtype)
            x = x + at_ends * self.coverage(features.coverage.to(x.dtype))
        return x

    def score(self, hidden: Float[Tensor, "... d"]) -> Float[Tensor, ...]:
        """The logit of a sentence from the hidden state at its last token."""
        logits: Tensor = self.binary_head(hidden.to(self.binary_head.weight.dtype))
        return logits.squeeze(-1)


@torch.no_grad()
def initialise(model: Mamba2Model, generator: torch.Generator | None = None) -> None:
    """Fill a new model with the published initial values.

    Steps log-uniform in [0.001, 0.1], decays uniform in [1, 16], projections back into the
    residual divided by sqrt(n_layer), embedding normal with 0.02 (mamba_ssm's defaults).
    """
    config = model.config
    nn.init.normal_(model.backbone.embedding.weight, std=0.02, generator=generator)
    for block in model.backbone.blocks:
        mixer = block.mixer
        for linear in (mixer.in_proj, mixer.out_proj):
            nn.init.kaiming_uniform_(linear.weight, a=math.sqrt(5), generator=generator)
        mixer.out_proj.weight /= math.sqrt(config.n_layer)
        bound = 1 / math.sqrt(config.d_conv)
        nn.init.uniform_(mixer.conv1d.weight, -bound, bound, generator=generator)
        if mixer.conv1d.bias is not None:
            nn.init.zeros_(mixer.conv1d.bias)
        low, high = math.log(1e-3), math.log(1e-1)
        dt = torch.empty(config.n_heads).uniform_(low, high, generator=generator).exp()
        mixer.dt_bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        mixer.A_log.copy_(torch.empty(config.n_heads).uniform_(1, 16, generator=generator).log())
    nn.init.normal_(model.binary_head.weight, std=0.02, generator=generator)
    nn.init.zeros_(model.binary_head.bias)
    if config.n_match_buckets:
        nn.init.normal_(model.question_match.weight, std=0.02, generator=generator)
        model.question_match.weight[0] = 0.0
    if model.coverage is not None:
        initialise_coverage(model.coverage, generator)


@torch.no_grad()
def initialise_coverage(coverage: CoverageInput, generator: torch.Generator | None = None) -> None:
    """Give it hidden units to choose from, and add nothing yet."""
    nn.init.kaiming_uniform_(coverage.hidden.weight, a=math.sqrt(5), generator=generator)
    nn.init.uniform_(coverage.hidden.bias, -0.5, 0.5, generator=generator)
    nn.init.zeros_(coverage.out.weight)
