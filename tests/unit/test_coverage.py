"""How much of the question a sentence covers: the figures, and where the model is told them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from docqa.engine.mamba2.asked_question import make_ready
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer, save_checkpoint
from docqa.engine.mamba2.model import Mamba2Model, TokenFeatures
from docqa.engine.retrievers.coverage import (
    ABOVE_SHARES,
    N_COVERAGE,
    NEIGHBOUR_SHARES,
    PASSAGE_SENTENCES,
    PASSAGE_TOKENS,
    PIVOT_TOKENS,
    UNRELATED,
    CoveredWords,
    Vocabulary,
    covered_words,
    passage_coverage,
    sentence_coverage,
)
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.packing import TokenizedDocument
from docqa.engine.retrievers.question_match import content_mask, number_mask
from docqa.trainer.retriever.average import average
from docqa.trainer.retriever.packed import pack
from docqa.trainer.retriever.recipe import ModelSection, Recipe, StartSection, read_recipe
from docqa.trainer.retriever.start import new_model
from docqa.trainer.retriever.windows import WindowSampler
from tests.tiny_checkpoint import make_checkpoint
from tests.training_files import labelled_file, recipe_file

FIRST_NUMBER = 40
RANDOM = np.random.default_rng(0)
EMBEDDING = torch.from_numpy(RANDOM.normal(size=(50, 6)).astype(np.float32))


def coverage(
    content: list[int],
    sentences: list[list[int]],
    removed: list[int] | None = None,
    embedding: torch.Tensor = EMBEDDING,
    above: list[tuple[int, int]] | None = None,
) -> NDArray[np.float32]:
    """The figures of sentences that are lists of tokens."""
    words = covered(content, sentences, removed, embedding)
    return sentence_coverage(words, None if above is None else np.asarray(above, np.int32))


def covered(
    content: list[int],
    sentences: list[list[int]],
    removed: list[int] | None = None,
    embedding: torch.Tensor = EMBEDDING,
) -> CoveredWords:
    """Which words of a question stand in sentences that are lists of tokens."""
    tokens = np.concatenate(sentences).astype(np.int32)
    return covered_words(
        Vocabulary(embedding, np.arange(len(embedding)) >= FIRST_NUMBER),
        np.asarray(content, np.int32),
        tokens,
        np.cumsum([len(one) for one in sentences]),
        np.bincount(tokens, minlength=len(embedding)),
        None if removed is None else np.asarray(removed, np.int32),
    )


def plain(
    content: list[int], sentences: list[list[int]], above: list[tuple[int, int]]
) -> NDArray[np.float64]:
    """The same, word by word and sentence by sentence, of sentences that all have tokens."""
    tokens = [token for sentence in sentences for token in sentence]
    weights = [np.log2(len(tokens) / max(tokens.count(word), 1)) for word in content]

    def best(word: int, i: int) -> float:
        if not 0 <= i < len(sentences):
            return 0.0
        vectors = EMBEDDING.numpy()
        lengths = np.linalg.norm(vectors, axis=1)
        cosines = [
            vectors[word] @ vectors[t] / lengths[word] / lengths[t]
            if t == word or max(t, word) < FIRST_NUMBER
            else 0.0
            for t in sentences[i]
        ]
        return max(0.0, (max(cosines) - UNRELATED) / (1 - UNRELATED))

    own, near = [], []
    for i in range(len(sentences)):
        own.append(sum(w * best(c, i) for c, w in zip(content, weights, strict=True)))
        around = [(i, 1.0)] + [
            (i - distance, share) for distance, share in NEIGHBOUR_SHARES.items()
        ]
        around += zip(above[i], ABOVE_SHARES, strict=True)
        near.append(
            sum(
                w * max(share * best(c, j) for j, share in around)
                for c, w in zip(content, weights, strict=True)
            )
        )
    total = sum(weights)
    by_length = [n / (len(s) + PIVOT_TOKENS) ** 0.5 for n, s in zip(near, sentences, strict=True)]
    return np.array(
        [
            [
                own[i] / total,
                near[i] / total,
                by_length[i] / max(by_length),
                np.log2(1 + sum(other > by_length[i] for other in by_length)) / 16,
                np.log2(1 + len(sentences[i])) / 8,
            ]
            for i in range(len(sentences))
        ]
    )


def test_the_figures_are_those_of_their_definition() -> None:
    sentences = [RANDOM.integers(0, 50, RANDOM.integers(1, 12)).tolist() for _ in range(40)]
    above = [(max(i - 5, -1), i - 3 if i % 2 else -1) for i in range(40)]
    above[:3] = [(-1, -1)] * 3
    got = coverage([3, 17, 40], sentences, above=above)
    assert got.shape == (40, N_COVERAGE)
    np.testing.assert_allclose(got, plain([3, 17, 40], sentences, above), rtol=1e-4, atol=1e-5)


def test_a_row_has_the_words_of_its_columns_and_half_of_its_headings() -> None:
    apart = torch.eye(50)
    sentences = [[1], [40], [9], [9], [2, 9], [9]]  # heading, header; three apart from both a row
    alone, whole = (
        coverage([1, 40, 2], sentences, embedding=apart, above=above)[4, 1]
        for above in (None, [(-1, -1)] * 4 + [(0, 1), (-1, -1)])
    )
    assert alone == pytest.approx(1 / 3)
    assert whole == pytest.approx((0.5 + 1 + 1) / 3)


def test_all_words_cover_more_than_one_word_three_times() -> None:
    apart = torch.eye(50)
    figures = coverage([1, 2, 3], [[1, 2, 3], [9] * 3, [9] * 3, [1, 1, 1]], embedding=apart)
    assert figures[0, 0] == pytest.approx(1.0)
    assert figures[0, 0] > 2 * figures[3, 0] > 0
    assert figures[1, 0] == 0.0
    assert figures[1, 1] > 0  # its neighbour has the words
    assert figures[:, 3].argmin() == 0


def test_a_number_stands_for_no_other_number() -> None:
    alike = torch.ones(50, 6)
    figures = coverage([41, 3], [[41, 3], [42, 3], [4, 4]], embedding=alike)
    assert figures[0, 0] == pytest.approx(1.0)
    assert 0 < figures[1, 0] < 1
    assert figures[2, 0] == pytest.approx(figures[1, 0])


def test_a_sentence_without_tokens_has_the_figures_of_the_one_that_ends_there() -> None:
    figures = coverage([3, 17], [[3, 4], [], [17, 5], []])
    np.testing.assert_array_equal(figures[1], figures[0])
    np.testing.assert_array_equal(figures[3], figures[2])


def test_what_is_removed_stands_in_nobodys_way() -> None:
    apart = torch.eye(50)
    sentences = [[1, 2, 3], [9], [9], [1, 2, 8]]
    whole = coverage([1, 2, 3], sentences, embedding=apart)
    without = coverage([1, 2, 3], sentences, removed=[0], embedding=apart)
    assert whole[3, 2] < 1.0
    assert without[3, 2] == pytest.approx(1.0)
    assert without[3, 3] == 0.0


def test_a_question_without_words_covers_nothing() -> None:
    assert not coverage([], [[1, 2], [3]]).any()
    empty = np.empty(0, np.int32)
    nothing = np.empty(0, np.int64)
    vocabulary = Vocabulary(EMBEDDING, np.zeros(50, np.bool_))
    words = covered_words(vocabulary, empty, empty, nothing, np.zeros(50, np.int64))
    assert sentence_coverage(words).shape == (0, N_COVERAGE)
    assert passage_coverage(words).shape == (0,)


def test_a_passage_has_the_words_of_the_sentences_around() -> None:
    n_each, n_sentences = 20, 40
    sentences = [[9] * n_each for _ in range(n_sentences)]
    sentences[20] = [1] * n_each  # the one word of the question
    found = passage_coverage(covered([1], sentences, embedding=torch.eye(50)))
    for i, got in enumerate(found):
        between = max(abs(i - 20) - 1, 0) * n_each
        assert got == pytest.approx(max(0.0, 1 - between / PASSAGE_TOKENS)), i


def test_a_passage_is_no_longer_than_its_sentences() -> None:
    sentences = [[1]] + [[9]] * 30
    found = passage_coverage(covered([1], sentences, embedding=torch.eye(50)))
    assert found[PASSAGE_SENTENCES] > 0
    assert not found[PASSAGE_SENTENCES + 1 :].any()


def test_a_sentence_between_the_words_of_a_question_comes_before_one_with_one_of_them() -> None:
    """Two words on either side of it say more than one of them in it."""
    far = [[9] * 20 for _ in range(15)]
    sentences = [[1] * 5, [7] * 5, [2] * 5, *far, [1] * 5, *far]
    words = covered([1, 2], sentences, embedding=torch.eye(50))
    passage = passage_coverage(words)
    assert passage[1] > passage[3 + len(far)]
    assert sentence_coverage(words)[1, 0] == 0.0


def test_windows_are_told_what_a_reader_of_the_whole_document_is_told(tmp_path: Path) -> None:
    data = labelled_file(tmp_path)
    start = make_checkpoint(tmp_path / "start", data.read_text(), question_interval=96)
    tokenizer, model = load_tokenizer(start), load_model(start)
    retriever = MambaRetriever(model, tokenizer, checkpoint="tiny", device=torch.device("cpu"))
    packed = pack([data], tokenizer)
    recipe = read_recipe(recipe_file(tmp_path, start))
    no_foreign = replace(recipe, windows=replace(recipe.windows, foreign_share=0.0))
    vocabulary = Vocabulary(model.backbone.embedding.weight, number_mask(tokenizer))
    draw = WindowSampler(packed, no_foreign, content_mask(tokenizer), None, vocabulary)
    for window in draw.batch(20, 96):
        n_question = int(np.argmax(window.is_document))
        question = window.token_ids[:n_question]
        ends = [-1, *window.sentence_ends.tolist()]
        sentences = [
            [
                t
                for t, d in zip(
                    window.token_ids[a + 1 : b + 1], window.is_document[a + 1 : b + 1], strict=True
                )
                if d
            ]
            for a, b in pairwise(ends)
        ]
        asked = next(
            q
            for q in range(32)
            if packed.question(q).tolist() == question.tolist()
            and _holds(packed.tokens(int(packed.question_document[q])), sentences)
        )
        document = int(packed.question_document[asked])
        tokens = TokenizedDocument(
            packed.tokens(document), packed.ends(document), packed.above(document)
        )
        told = make_ready(question, tokens, retriever.model, retriever.tokenizer).coverage
        by_text = {tuple(s): told[i] for i, s in enumerate(_cut(tokens))}
        for sentence, figures in zip(sentences, window.coverage, strict=True):
            np.testing.assert_allclose(figures, by_text[tuple(sentence)], rtol=1e-5)


def _cut(tokens: TokenizedDocument) -> list[list[int]]:
    ends = [-1, *tokens.sentence_ends.tolist()]
    return [tokens.token_ids[a + 1 : b + 1].tolist() for a, b in pairwise(ends)]


def _holds(tokens: NDArray[np.int32], sentences: list[list[int]]) -> bool:
    text = " ".join(map(str, tokens.tolist()))
    return all(" ".join(map(str, one)) in text for one in sentences)


def test_a_checkpoint_can_be_given_the_input_and_changes_nothing_at_first(tmp_path: Path) -> None:
    without = make_checkpoint(tmp_path / "without", coverage=False)
    model = with_coverage(without)
    np.testing.assert_array_equal(_logits(model), _logits(load_model(without)))
    kept, _ = new_model(Recipe(start=StartSection(checkpoint=str(without))))
    assert not kept.config.coverage
    assert model.coverage is not None
    with torch.no_grad():
        model.coverage.out.weight.fill_(0.1)
    assert not np.array_equal(_logits(model), _logits(load_model(without)))


def test_averaged_with_a_checkpoint_without_it_the_input_counts_for_its_share(
    tmp_path: Path,
) -> None:
    first = make_checkpoint(tmp_path / "first", coverage=False)
    taught = with_coverage(first)
    assert taught.coverage is not None
    with torch.no_grad():
        taught.coverage.out.weight.normal_()
    save_checkpoint(tmp_path / "second", taught, load_tokenizer(first))
    mean = load_model(average(first, tmp_path / "second", 0.6, tmp_path / "mean"))
    assert mean.coverage is not None
    figures = torch.rand(1, 4, N_COVERAGE)
    torch.testing.assert_close(mean.coverage(figures), 0.6 * taught.coverage(figures))


def with_coverage(checkpoint: Path) -> Mamba2Model:
    """A checkpoint's model as a recipe begins with it that asks for the input."""
    start = StartSection(checkpoint=str(checkpoint))
    model, _ = new_model(Recipe(start=start, model=ModelSection(coverage=True)))
    assert model.config.coverage
    return model


def _logits(model: Mamba2Model) -> NDArray[np.float32]:
    token_ids = torch.arange(8)[None]
    features = TokenFeatures(
        torch.zeros_like(token_ids),
        torch.zeros(1, 8),
        token_ids % 4 == 3,
        torch.rand(1, 8, N_COVERAGE, generator=torch.Generator().manual_seed(0)),
    )
    with torch.inference_mode():
        hidden, _ = model(token_ids, model.initial_state(1), features)
        logits: NDArray[np.float32] = model.score(hidden).numpy()
    return logits
