"""The reader head against the same written token after token, and its losses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from docqa.engine.mamba2.reader_head import (
    MAX_ANSWER_TOKENS,
    PAIR_WIDTH,
    ReaderBatch,
    ReaderHead,
    Verdict,
    allowed_spans,
    span_loss,
)
from docqa.engine.reader_window import N_MATCHES, N_SHAPES, NO_PART, Role

D, WIDTH = 12, 8
TOLERANCE = 1e-5


def window(n_question: int, n_tokens: int, n: int, seed: int = 0) -> ReaderBatch:
    """One window of random tokens, filled up to n."""
    random = torch.Generator().manual_seed(seed)
    parts = torch.full((1, n), NO_PART)
    parts[0, n_question + 1 : n_tokens] = torch.arange(n_tokens - n_question - 1) // 4
    features = [
        torch.randint(k, (1, n), generator=random) for k in (len(Role), N_SHAPES, N_MATCHES)
    ]
    return ReaderBatch(
        torch.randn(1, n, D, generator=random),
        torch.stack(features, -1),
        torch.rand(1, n, generator=random),
        parts,
        torch.tensor([n_question]),
        torch.tensor([n_tokens]),
    )


def joined(*batches: ReaderBatch) -> ReaderBatch:
    return ReaderBatch(
        *(
            torch.cat([getattr(one, name) for one in batches])
            for name in ReaderBatch.__dataclass_fields__
        )
    )


@pytest.fixture
def head() -> ReaderHead:
    torch.manual_seed(0)
    made = ReaderHead(D, WIDTH).eval()
    nn.init.normal_(made.similar)
    return made


def gru_slowly(layer: nn.GRU, x: Tensor) -> Tensor:
    """(l, r) a GRU both ways, a token at a time (Cho et al., arXiv 1406.1078; torch's gates)."""
    both = []
    for ending, tokens in (("", x), ("_reverse", x.flip(0))):
        w_in, w_state, b_in, b_state = (
            getattr(layer, f"{name}_l0{ending}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        state, states = torch.zeros(layer.hidden_size), []
        for token in tokens:
            reset_in, update_in, new_in = (w_in @ token + b_in).chunk(3)
            reset_of, update_of, new_of = (w_state @ state + b_state).chunk(3)
            reset, update = (reset_in + reset_of).sigmoid(), (update_in + update_of).sigmoid()
            state = (1 - update) * (new_in + reset * new_of).tanh() + update * state
            states.append(state)
        both.append(torch.stack(states if not ending else states[::-1]))
    return torch.cat(both, -1)


def logits_slowly(
    head: ReaderHead, batch: ReaderBatch
) -> tuple[dict[tuple[int, int], float], list[float]]:
    """Logits of all spans of one window by (first, last), and of the verdicts."""
    q, n = int(batch.n_question), int(batch.n_tokens)
    role, shape, match = batch.features[0, :n].T
    words = batch.embedding[0, :n]
    words = words / words.square().mean(-1, keepdim=True).sqrt()
    x = head.project(words) + head.role(role) + head.shape(shape)
    x = torch.relu(x + head.match(match) + batch.similarity[0, :n, None] * head.similar)
    encoded = gru_slowly(head.encode, x)
    rows = []
    best = torch.stack(
        [max((encoded[i] * head.compare) @ encoded[j] for j in range(q)) for i in range(n)]
    )
    found = best[q:].softmax(0) @ encoded[q:]
    for i in range(n):
        across = range(q) if i >= q else range(q, n)
        likeness = torch.stack([(encoded[i] * head.compare) @ encoded[j] for j in across])
        mixed = likeness.softmax(0) @ encoded[across.start : across.stop]
        rows.append(torch.cat([x[i], encoded[i], mixed, encoded[i] * mixed, encoded[i] * found]))
    merged = torch.relu(head.merge(torch.stack(rows)))
    last = torch.cat([gru_slowly(head.decide, merged), merged], -1)
    spans = {}
    for i in range(q, n):
        for j in range(i, min(n, i + MAX_ANSWER_TOKENS)):
            if batch.parts[0, i] == batch.parts[0, j] != NO_PART:
                start, end = head.start(last[i]), head.end(last[j])
                pair = start[1:] @ end[1:] * PAIR_WIDTH**-0.5
                spans[i, j] = (start[0] + end[0] + pair).item()
    return spans, head.verdict(torch.cat([last[q:].amax(0), last[:q].amax(0)])).tolist()


@torch.no_grad()
def test_the_head_is_its_slow_twin(head: ReaderHead) -> None:
    n = 14
    batches = [window(3, 14, n), window(5, 9, n, seed=1), window(1, 3, n, seed=2)]
    logits = head(joined(*batches))
    for row, batch in zip(logits, batches, strict=True):
        spans, verdict = logits_slowly(head, batch)
        square = row[: -len(Verdict)].view(n, n)
        assert {(int(i), int(j)) for i, j in square.isfinite().nonzero()} == set(spans)
        for place, value in spans.items():
            assert square[place].item() == pytest.approx(value, abs=TOLERANCE)
        assert row[-len(Verdict) :].tolist() == pytest.approx(verdict, abs=TOLERANCE)


@torch.no_grad()
def test_filling_changes_nothing(head: ReaderHead) -> None:
    short = head(window(3, 10, 10))
    filled = window(3, 10, 10)
    more = ReaderBatch(
        nn.functional.pad(filled.embedding, (0, 0, 0, 5), value=7.0),
        nn.functional.pad(filled.features, (0, 0, 0, 5)),
        nn.functional.pad(filled.similarity, (0, 5), value=1.0),
        nn.functional.pad(filled.parts, (0, 5), value=NO_PART),
        filled.n_question,
        filled.n_tokens,
    )
    long = head(more)
    k = len(Verdict)
    torch.testing.assert_close(long[:, :-k].view(15, 15)[:10, :10].flatten(), short[0, :-k])
    torch.testing.assert_close(long[0, -k:], short[0, -k:])


def test_dropout_takes_the_same_units_from_all_tokens() -> None:
    head = ReaderHead(D, WIDTH, dropout=0.5)
    kept = head._dropped(torch.ones(3, 5, WIDTH)) != 0
    assert (kept == kept[:, :1]).all()
    assert kept.any()
    assert not kept.all()


def test_no_span_leaves_its_cell_or_is_too_long() -> None:
    parts = torch.tensor([[NO_PART, 0, 0, 1, 1, *[2] * 60]])
    allowed = allowed_spans(parts, torch.ones_like(parts, dtype=torch.bool))[0]
    assert allowed[1, 2]
    assert allowed[3, 3]
    assert not allowed[2, 3]
    assert not allowed[2, 1]
    assert not allowed[0].any()
    assert allowed[5].sum() == MAX_ANSWER_TOKENS


def test_the_loss_is_that_of_all_right_spans_together() -> None:
    logits = torch.tensor([[1.0, 2.0, -torch.inf, 0.5]], requires_grad=True)
    loss = span_loss(logits, torch.tensor([[True, True, False, False]]))
    share = (torch.e + torch.e**2) / (torch.e + torch.e**2 + torch.e**0.5)
    assert loss.item() == pytest.approx(-float(torch.tensor(share).log()))
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
