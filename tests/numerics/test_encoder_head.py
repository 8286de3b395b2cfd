"""The embedded encoder finds what says the same in other words, in bf16 as in fp32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from docqa.engine.checkpoints.installed import embedded_checkpoint
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
from docqa.engine.mamba2.encoder_head import EncoderHead
from docqa.engine.mamba2.sentence_vectors import SentenceVectors

SENTENCES = (
    "At the end of the year the group had 4,120 employees.",
    "Interest expense | (829) | (773)",
    "Repurchases of common stock | (7,055) | (5,137)",
    "The lease of the hangar in Oslo expires in March 2036.",
    "The plaintiff was awarded punitive damages by the jury.",
    "Rainfall in the valley was the lowest since records began.",
)
BF16_TOLERANCE = 0.02
"""Of a cosine; those of the sentences above with one question differ by tenths."""


def nearness(dtype: torch.dtype, question: str, sentences: Sequence[str] = SENTENCES) -> np.ndarray:
    tokenizer = load_tokenizer(embedded_checkpoint())
    encoder = SentenceVectors(load_model(embedded_checkpoint(), dtype))
    ids = [
        np.asarray(tokenizer.encode(text, add_special_tokens=False).ids)
        for text in (question, *sentences)
    ]
    asked, *vectors = encoder.encode(ids)
    return (torch.stack(vectors) @ asked).numpy()


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("How many people work there?", 0),
        ("What did borrowing cost?", 1),
        ("How much was spent on share buybacks?", 2),
        ("Until when may the company rent its building at the airport?", 3),
        ("Who won the lawsuit?", 4),
        ("How dry was the weather?", 5),
    ],
)
def test_what_says_the_same_is_nearest_whatever_its_words(question: str, best: int) -> None:
    exact = nearness(torch.float32, question)
    assert int(exact.argmax()) == best
    np.testing.assert_allclose(nearness(torch.bfloat16, question), exact, atol=BF16_TOLERANCE)


def test_filling_leaves_no_trace() -> None:
    torch.manual_seed(0)
    head = EncoderHead(32, 16).double()
    for layer in head.layers:
        torch.nn.init.normal_(layer.back.weight, std=0.5)
    words = torch.randn(1, 9, 32, dtype=torch.float64)
    real = torch.arange(9)[None] < 5
    whole, cut = head(words, real), head(words[:, :5], real[:, :5])
    torch.testing.assert_close(whole, cut, atol=1e-6, rtol=0)
    with torch.no_grad():
        words[:, 5:] = 100.0
    torch.testing.assert_close(head(words, real), cut, atol=1e-6, rtol=0)


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(0)
    head = EncoderHead(8, 4).double()
    for layer in head.layers:
        torch.nn.init.normal_(layer.back.weight, std=0.5)
    real = torch.tensor([[True, True, False], [True, True, True]])
    words = torch.randn(2, 3, 8, dtype=torch.float64)
    head(words, real)[:, 0].sum().backward()  # type: ignore[no-untyped-call]
    for name, weight in head.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
