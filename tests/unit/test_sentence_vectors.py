"""Vectors depend on their sentence alone, with what stands above it, and say how near it comes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from docqa.engine.errors import Cancelled
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.mamba2 import sentence_vectors
from docqa.engine.mamba2.asked_question import make_ready
from docqa.engine.mamba2.checkpoint import add_head, load_model
from docqa.engine.mamba2.encoder_head import EncoderHead
from docqa.engine.mamba2.sentence_vectors import (
    ABOVE_TOKENS,
    MAX_TOKENS,
    SEPARATOR,
    SentenceVectors,
    batches_by_length,
    rows_of,
)
from docqa.engine.retrievers import mamba_retriever
from docqa.engine.retrievers.coverage import COVERAGE_WEIGHT, SHARE
from docqa.engine.retrievers.fused_scores import SHORT, brought_near, lifted, logits_of, nearest_of
from docqa.engine.retrievers.mamba_retriever import (
    COVERAGE_BESIDE_NEARNESS,
    LENGTH_WEIGHT,
    NEARNESS_WEIGHT,
    MambaRetriever,
)
from docqa.engine.retrievers.packing import TokenizedDocument
from tests.tiny_checkpoint import make_checkpoint

TEXT = """Cash flows

The ferry company bought three vessels.

Who leads the company? Its captain leads it since 1998. The harbour froze in winter.

Passengers paid less for tickets than before the storm."""


@pytest.fixture(scope="module")
def with_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose encoder has random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    start = make_checkpoint(folder / "start")
    torch.manual_seed(0)
    head = EncoderHead(32, 16)
    torch.nn.init.zeros_(head.out.bias)  # or all would be near it
    for layer in head.layers:
        torch.nn.init.normal_(layer.back.weight, std=0.5)
    add_head(start, folder / "checkpoint", "encoder", head, width=16)
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def vectors(with_encoder: Path) -> SentenceVectors:
    return SentenceVectors(load_model(with_encoder))


def row(*token_ids: int) -> np.ndarray:
    return np.array(token_ids, np.int32)


def test_a_vector_has_length_1_and_does_not_depend_on_its_batch(vectors: SentenceVectors) -> None:
    rows = [row(5, 6), row(7, 8, 9, 10, 11), row(12)]
    together = vectors.encode(rows)
    torch.testing.assert_close(together.norm(dim=-1), torch.ones(3))
    for one, vector in zip(rows, together, strict=True):
        torch.testing.assert_close(vectors.encode([one])[0], vector, atol=1e-5, rtol=0)
    assert not torch.allclose(together[0], vectors.encode([row(6, 5)])[0], atol=1e-3)


def test_an_empty_row_is_near_nothing(vectors: SentenceVectors) -> None:
    assert vectors.encode([row(), row(5)])[0].count_nonzero() == 0
    assert vectors.encode([]).shape == (0, 384)


def test_of_a_long_sentence_the_beginning_counts(vectors: SentenceVectors) -> None:
    long = np.arange(5, 5 + 3 * MAX_TOKENS, dtype=np.int32) % 50
    whole, cut = vectors.encode([long, long[:MAX_TOKENS]])
    torch.testing.assert_close(whole, cut, atol=1e-5, rtol=0)


def test_it_can_be_cancelled(vectors: SentenceVectors) -> None:
    with pytest.raises(Cancelled):
        vectors.encode([row(5)], is_cancelled=lambda: True)


def test_what_was_encoded_is_kept_for_the_next_question(
    with_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = SentenceVectors(load_model(with_encoder))
    tokens = TokenizedDocument(
        np.arange(5, 17, dtype=np.int32), np.array([3, 3, 7, 11], np.int32), None
    )
    first = encoder.nearness(row(9, 10), tokens, [0, 2])
    encoded: list[int] = []
    encode = encoder.encode

    def counted(rows: Sequence[np.ndarray], *args: object) -> torch.Tensor:
        encoded.append(len(rows))
        return encode(rows, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(encoder, "encode", counted)
    again = encoder.nearness(row(9, 10), tokens, [3, 2, 1, 0])
    assert encoded == [1, 2]  # the question, and the two that are new
    np.testing.assert_allclose(again[[3, 1]], first, atol=1e-6)
    assert again[2] == 0.0

    monkeypatch.setattr(sentence_vectors, "MOST_KEPT", 3)
    for sentence_ids, n_new in (([0], 0), ([0, 2, 3], 0)):
        encoder.nearness(row(9), tokens, sentence_ids)
        assert encoded[-1] == n_new
    other = TokenizedDocument(np.array([30, 31], np.int32), np.array([0, 1], np.int32), None)
    encoder.nearness(row(9), other, [0])  # no room: the others are forgotten
    encoder.nearness(row(9), tokens, [0, 2])
    assert encoded[-1] == 2


def test_rows_begin_with_what_stands_above() -> None:
    token_ids = np.arange(100, 140, dtype=np.int32)
    ends = np.array([19, 21, 24, 24, 39], np.int32)
    above = np.array([[-1, -1], [0, -1], [0, 1], [0, 1], [0, -1]], np.int32)
    tokens = TokenizedDocument(token_ids, ends, above)
    heading = token_ids[:ABOVE_TOKENS]
    told = rows_of(tokens, [0, 1, 2, 3], with_above=True)
    assert [len(one) for one in told] == [20, ABOVE_TOKENS + 2, ABOVE_TOKENS + 2 + 3, 0]
    assert told[2].tolist() == [*heading, 120, 121, 122, 123, 124]
    assert rows_of(tokens, [2], with_above=False)[0].tolist() == [122, 123, 124]


def test_rows_follow_the_end_of_the_sentence_before() -> None:
    token_ids = np.arange(200, 200 + 2 * MAX_TOKENS, dtype=np.int32)
    ends = np.array([9, 14, 27, 27 + MAX_TOKENS - 6, 2 * MAX_TOKENS - 1], np.int32)
    above = np.array([[-1, -1], [-1, -1], [-1, -1], [-1, -1], [0, 1]], np.int32)
    tokens = TokenizedDocument(token_ids, ends, above)
    alone = rows_of(tokens, range(5), with_above=True)
    told = rows_of(tokens, range(5), with_above=True, n_before=6)
    assert told[0].tolist() == alone[0].tolist(), "nothing stands before the first"
    assert told[1].tolist() == [*range(204, 210), SEPARATOR, *range(210, 215)]
    assert told[2].tolist() == [*range(210, 215), SEPARATOR, *range(215, 228)]
    assert told[3].tolist() == [*range(223, 228), SEPARATOR, *range(228, 348)], "it gives way"
    assert told[4].tolist() == alone[4].tolist(), "a row has the names of its columns"


@pytest.mark.parametrize(
    ("lengths", "batches"),
    [
        ([3, 0, 5, 3, 4], [[0, 3], [4, 2]]),
        ([20, 1], [[1], [0]]),
        ([0], []),
    ],
)
def test_batches_hold_what_is_about_as_long(
    lengths: Sequence[int], batches: list[list[int]]
) -> None:
    assert list(batches_by_length(lengths, 10)) == batches


def test_the_best_sentences_gain_by_their_nearness_and_the_others_the_least_of_it(
    with_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = document_from_text(TEXT, title="Ferries")
    question = "Who is the captain of the ferry?"
    retriever = MambaRetriever.load(with_encoder, device="cpu")
    plain = MambaRetriever.load(with_encoder.parent / "start", device="cpu")
    before, after = plain.score(question, document), retriever.score(question, document)
    encoder = retriever.sentence_vectors
    assert encoder is not None
    ids = retriever.tokenizer.encode(question, add_special_tokens=False).ids
    near = encoder.nearness(
        np.asarray(ids), retriever.tokenize(document), range(len(document.sentences))
    )
    assert near.std() > 0.01
    tokens = retriever.tokenize(document)
    asked = make_ready(np.asarray(ids), tokens, retriever.model, retriever.tokenizer)
    covered = asked.coverage[:, SHARE]
    besides = (COVERAGE_BESIDE_NEARNESS - COVERAGE_WEIGHT) * covered
    besides -= LENGTH_WEIGHT * np.log(np.maximum(tokens.sentence_lengths, SHORT))
    np.testing.assert_allclose(after - before - besides, NEARNESS_WEIGHT * near, atol=0.05)
    np.testing.assert_array_equal(logits_of(after), logits_of(before))

    monkeypatch.setattr(mamba_retriever, "N_NEAR", 2)
    gain = (retriever.score(question, document) - before - besides) / NEARNESS_WEIGHT
    best = np.argsort(-np.asarray(before), kind="stable")[:2]
    np.testing.assert_allclose(gain[best], near[best], atol=0.01)
    np.testing.assert_allclose(np.delete(gain, best), near[best].min(), atol=0.01)
    (batched,) = retriever.score_questions([question], document)
    np.testing.assert_allclose(batched, before + besides + NEARNESS_WEIGHT * gain, atol=0.01)


def test_a_document_without_sentences_has_no_scores(with_encoder: Path) -> None:
    retriever = MambaRetriever.load(with_encoder, device="cpu")
    assert len(retriever.score("Who?", document_from_text("", title="Nothing"))) == 0


def test_how_near_the_nearest_comes_is_remembered_beside_the_logits() -> None:
    scores = np.array([1.0, 2.0, 0.0], np.float32)
    near = brought_near(scores, np.array([0.5, 0.25], np.float32), [1, 0], 4.0)
    assert near.tolist() == [2.0, 4.0, 1.0]
    both = lifted(near, np.array([0.0, 0.0, 3.0], np.float32), 2.0)
    assert both.tolist() == [2.0, 4.0, 3.0]
    for one in (near, both):
        assert logits_of(one).tolist() == [1.0, 2.0, 0.0]
        assert nearest_of(one) == 0.5
    assert nearest_of(near + 1) == nearest_of(scores) == 0.0
