"""The Mamba retriever: one pass, exact ends, progress, cancelling, constant memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from docqa.engine.errors import Cancelled, CheckpointError, ConfigError
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.mamba2.asked_question import make_ready
from docqa.engine.mamba2.segments import segments, together
from docqa.engine.retrievers.coverage import COVERAGE_WEIGHT, N_COVERAGE, PASSAGE_WEIGHT, SHARE
from docqa.engine.retrievers.fused_scores import logits_of
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.packing import TokenizedDocument
from docqa.engine.retrievers.retriever import Progress
from docqa.engine.types import Document
from tests.tiny_checkpoint import AS_PUBLISHED, TEXT, make_checkpoint

QUESTION = "Who leads the ferry company?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def retriever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> MambaRetriever:
    monkeypatch.setenv("DOCQA_DTYPE", "float32")
    return MambaRetriever.load(folder, device="cpu")


@pytest.fixture(scope="module")
def document() -> Document:
    return document_from_text("\n".join([TEXT] * 6), title="Ferries")


def test_streamed_scores_equal_one_forward_over_everything(
    retriever: MambaRetriever, document: Document
) -> None:
    """The question again after each interval, written out by hand and read without streaming."""
    tokens = retriever.tokenize(document)
    asked = retriever.tokenizer.encode(QUESTION, add_special_tokens=False).ids
    ids: list[int] = []
    positions: list[int] = []
    n_segments = 0
    for begin, end in segments(tokens.sentence_ends, len(tokens.token_ids), 48):
        ids += asked
        positions += [len(ids) + int(e) - begin for e in tokens.sentence_ends if begin <= e < end]
        ids += tokens.token_ids[begin:end].tolist()
        n_segments += 1
    assert n_segments > 3
    config = retriever.model.config
    prepared = make_ready(
        retriever._question_ids(QUESTION), tokens, retriever.model, retriever.tokenizer
    )
    from docqa.engine.mamba2.model import TokenFeatures

    token_ids = torch.tensor([ids])
    is_question = torch.zeros(len(ids), dtype=torch.bool)
    cursor = 0
    for begin, end in segments(tokens.sentence_ends, len(tokens.token_ids), 48):
        is_question[cursor : cursor + len(asked)] = True
        cursor += len(asked) + end - begin
    match = prepared.buckets[token_ids]
    match[0, is_question] = config.n_match_buckets + 1
    similarity = prepared.similarity[token_ids]
    similarity[0, is_question] = 0
    is_end = torch.zeros_like(token_ids, dtype=torch.bool)
    is_end[0, positions] = True
    with torch.inference_mode():
        coverage = torch.zeros(1, len(ids), N_COVERAGE)
        coverage[0, positions] = torch.from_numpy(prepared.coverage)
        features = TokenFeatures(match, similarity, is_end, coverage)
        hidden, _ = retriever.model(token_ids, retriever.model.initial_state(1), features)
        expected = retriever.model.score(hidden[0, positions]).numpy()
    got = retriever.score(QUESTION, document)
    np.testing.assert_allclose(logits_of(got), expected, rtol=1e-4, atol=1e-5)
    lift = COVERAGE_WEIGHT * prepared.coverage[:, SHARE]
    lift += PASSAGE_WEIGHT * prepared.passage / prepared.passage.max()
    np.testing.assert_allclose(got, expected + lift, rtol=1e-4, atol=1e-5)


def test_published_checkpoints_read_the_question_once(
    tmp_path: Path, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Question + newline + document in one sequence, the logit at each sentence's last token."""
    monkeypatch.setenv("DOCQA_DTYPE", "float32")
    folder = make_checkpoint(tmp_path, **AS_PUBLISHED)
    retriever = MambaRetriever.load(folder, device="cpu")
    tokens = retriever.tokenize(document)
    asked = retriever.tokenizer.encode(QUESTION + "\n", add_special_tokens=False).ids
    ids = torch.tensor([asked + tokens.token_ids.tolist()])
    with torch.inference_mode():
        hidden, _ = retriever.model(ids, retriever.model.initial_state(1))
        ends = torch.from_numpy(tokens.sentence_ends).long() + len(asked)
        expected = retriever.model.score(hidden[0, ends]).numpy()
    np.testing.assert_allclose(retriever.score(QUESTION, document), expected, rtol=1e-4, atol=1e-5)


def test_same_inputs_same_scores(retriever: MambaRetriever, document: Document) -> None:
    assert np.array_equal(retriever.score(QUESTION, document), retriever.score(QUESTION, document))


def test_the_question_matters(retriever: MambaRetriever, document: Document) -> None:
    other = retriever.score("What did fuel cost?", document)
    assert not np.allclose(retriever.score(QUESTION, document), other)


def test_progress_reaches_the_end_and_scores_arrive_on_the_way(
    retriever: MambaRetriever, document: Document
) -> None:
    retriever._reader.tokens_at_once = 0
    steps: list[tuple[int, int]] = []
    first: list[np.ndarray] = []

    def on_progress(progress: Progress) -> None:
        steps.append((progress.n_tokens_read, progress.n_sentences_read))
        if not first:
            first.append(progress.scores[: progress.n_sentences_read].copy())

    scores = retriever.score(QUESTION, document, on_progress=on_progress)
    n_tokens = len(retriever.tokenize(document).token_ids)
    assert steps == sorted(steps)
    assert steps[-1] == (n_tokens, len(document.sentences))
    assert 0 < len(first[0]) < len(scores)
    assert np.array_equal(first[0], scores[: len(first[0])])


def test_segments_read_at_once_score_what_they_score_one_by_one(
    tmp_path: Path, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCQA_DTYPE", "float32")
    retriever = MambaRetriever.load(make_checkpoint(tmp_path), device="cpu")
    assert retriever.segment_tokens >= 512
    at_once = retriever.score(QUESTION, document)
    retriever._reader.tokens_at_once = 0
    np.testing.assert_allclose(at_once, retriever.score(QUESTION, document), rtol=1e-4, atol=1e-5)


def test_cancel_stops_within_a_segment(retriever: MambaRetriever, document: Document) -> None:
    retriever._reader.tokens_at_once = 0
    n_asked = 0

    def is_cancelled() -> bool:
        nonlocal n_asked
        n_asked += 1
        return n_asked == 2

    with pytest.raises(Cancelled):
        retriever.score(QUESTION, document, is_cancelled=is_cancelled)
    assert n_asked == 2


def test_tokens_come_from_the_cache(folder: Path, document: Document) -> None:
    class Cache:
        kept: dict[tuple[str, str], TokenizedDocument]

        def __init__(self) -> None:
            self.kept = {}

        def load_tokens(self, document_id: str, tokenizer_id: str) -> TokenizedDocument | None:
            return self.kept.get((document_id, tokenizer_id))

        def save_tokens(
            self, document_id: str, tokenizer_id: str, tokens: TokenizedDocument
        ) -> None:
            self.kept[document_id, tokenizer_id] = tokens

    cache = Cache()
    retriever = MambaRetriever.load(folder, device="cpu", cache=cache)
    first = retriever.tokenize(document)
    assert list(cache.kept) == [(document.id, retriever.tokenizer_id)]
    (kept,) = cache.kept.values()
    cache.kept[document.id, retriever.tokenizer_id] = replace(kept, above=None)  # as the store does
    again = retriever.tokenize(document)
    assert again.token_ids is kept.token_ids
    np.testing.assert_array_equal(again.above, first.above)


@pytest.mark.parametrize(
    ("interval", "window_tokens", "n_together"), [(48, 0, 99), (48, 150, 3), (0, 0, 3), (48, 0, 1)]
)
def test_questions_read_together_score_as_one_by_one(
    tmp_path: Path,
    document: Document,
    monkeypatch: pytest.MonkeyPatch,
    interval: int,
    window_tokens: int,
    n_together: int,
) -> None:
    """Rows of a batch end at different places, and segments hold many readings of the question."""
    monkeypatch.setenv("DOCQA_DTYPE", "float32")
    monkeypatch.setenv("DOCQA_PATH", "torch")
    monkeypatch.setenv("DOCQA_WINDOW_TOKENS", str(window_tokens))
    monkeypatch.setattr("docqa.engine.retrievers.mamba_retriever.MOST_TOGETHER", n_together)
    folder = make_checkpoint(tmp_path, question_interval=interval)
    retriever = MambaRetriever.load(folder, device="cpu")
    questions = [QUESTION, "?", "What did fuel cost in the year before the last one?", QUESTION]
    alone = [retriever.score(question, document) for question in questions]
    retriever._reader.tokens_at_once = 400
    steps: list[int] = []
    scores = retriever.score_questions(
        questions, document, on_progress=lambda progress: steps.append(progress.n_tokens_read)
    )
    for got, expected in zip(scores, alone, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert steps.count(steps[-1]) == -(-len(questions) // n_together)
    if n_together == 1 and not window_tokens:
        assert len(steps) < len(questions) * len(document.sentences) / 4  # large segments


def test_cancel_stops_questions_read_together(
    retriever: MambaRetriever, document: Document
) -> None:
    with pytest.raises(Cancelled):
        retriever.score_questions([QUESTION] * 2, document, is_cancelled=lambda: True)


@given(
    lengths=st.lists(st.integers(1, 30), max_size=40),
    n_tokens=st.integers(0, 90),
)
def test_segments_put_together_stay_in_order_and_small(lengths: list[int], n_tokens: int) -> None:
    ends = np.cumsum([0, *lengths]).tolist()
    cuts = list(pairwise(ends))
    groups = list(together(cuts, n_tokens))
    assert [cut for group in groups for cut in group] == cuts
    assert all(len(g) == 1 or g[-1][1] - g[0][0] <= n_tokens for g in groups)
    assert all(b[0][1] - a[0][0] > n_tokens for a, b in pairwise(groups))


@pytest.mark.parametrize("text", ["", "\n\n", "   "])
def test_a_document_without_sentences_has_no_scores(retriever: MambaRetriever, text: str) -> None:
    assert len(retriever.score(QUESTION, document_from_text(text, title="empty"))) == 0


def test_question_without_a_known_word(retriever: MambaRetriever, document: Document) -> None:
    assert np.isfinite(retriever.score("?", document)).all()


def test_missing_checkpoint_and_device_are_clear(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(CheckpointError, match="No checkpoint folder"):
        MambaRetriever.load(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="No device 'tpu'"):
        MambaRetriever.load(folder, device="tpu")


@given(
    lengths=st.lists(st.integers(0, 30), max_size=40),
    tail=st.integers(0, 20),
    interval=st.integers(1, 50),
)
def test_segments_cover_the_document_once(lengths: list[int], tail: int, interval: int) -> None:
    ends = np.cumsum(lengths, dtype=np.int32) - 1 if lengths else np.empty(0, np.int32)
    n_tokens = sum(lengths) + tail
    cuts = list(segments(ends, n_tokens, interval))
    assert [token for cut in cuts for token in range(*cut)] == list(range(n_tokens))
    assert all(0 < end - begin <= interval for begin, end in cuts)
    for begin, end in cuts[:-1]:
        inside = [int(e) for e in ends if begin <= e < begin + interval]
        assert not inside or end - 1 == max(inside)


PEAK = """
import resource, sys
import numpy as np
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.packing import TokenizedDocument
from docqa.engine.types import Document, Page, Sentence

retriever = MambaRetriever.load(sys.argv[1], device="cpu")

def read(n_tokens):
    rng = np.random.default_rng(0)
    ids = rng.integers(2, 100, n_tokens).astype(np.int32)
    ends = np.arange(19, n_tokens, 20, dtype=np.int32)
    retriever.tokenize = lambda document: TokenizedDocument(ids, ends)
    document = Document("x", "x", None, (Page(1, ""),), (), "none")
    assert np.isfinite(retriever.score("who leads it?", document)).all()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

short = read(100_000)
print((read(1_000_000) - short) // 1024)
"""


def test_memory_does_not_grow_with_the_document(tmp_path: Path) -> None:
    """Peak memory from 100,000 to 1,000,000 tokens: under 64 MB more (in a process of its own)."""
    folder = make_checkpoint(tmp_path, n_layer=1, chunk_size=64, question_interval=8192)
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(folder)], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 64
