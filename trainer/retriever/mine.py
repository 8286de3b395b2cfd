"""Find hard negatives: sentences that a checkpoint takes for answers and that are none.

What shares rare words with a question is hard for BM25. What is hard for the model, the model
knows best: it reads the training documents as it reads a document when it is asked, and its wrong
favourites are what the next stage of its training is shown beside the answer, as Xiong et al. do
for embeddings (2021, arXiv 2007.00808).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import TrainingError
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.packing import TokenizedDocument
from docqa.engine.retrievers.question_match import content_mask
from docqa.trainer.retriever.mined import MinedNegatives
from docqa.trainer.retriever.packed import PackedData
from docqa.trainer.retriever.passages import Passages
from docqa.trainer.retriever.recipe import Recipe, read_recipe
from docqa.trainer.retriever.train import OnProgress, training_data
from docqa.trainer.retriever.windows import WindowSampler

N_KEPT = 16
"""Sentences that are kept of each question."""
SAME = 0.6
"""A sentence that shares so much of its words with one that answers may well answer too: it is
left out (words they share, of those of either)."""
TELL_EVERY = 20


def mine(
    data: Sequence[Path],
    checkpoint: str | Path | None,
    out: Path,
    *,
    recipe: str | Path,
    n_questions: int,
    n_tokens: int,
    seed: int = 0,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> None:
    """Ask a checkpoint questions of the training data and keep what it takes for answers.

    Args:
        data: Training files, in the order in which the next stage has them.
        checkpoint: Its folder; None = the embedded one.
        out: The file to write.
        recipe: Of the next stage: its [sources] say whose questions are asked.
        n_questions: Different questions to ask, fewer where there are not so many.
        n_tokens: Most tokens of a document that are read; of a longer one a stretch around the
            answer, which lies anywhere in it.
        seed: Chooses questions and stretches.
        device: `auto`, `cpu`, `cuda` or `mps`.
        on_progress: Called while the data are packed, and every few questions.

    Raises:
        TrainingError: When data or recipe cannot be used.
        CheckpointError: When the checkpoint cannot be used.
    """
    retriever = MambaRetriever.load(checkpoint, device=device)
    interval = retriever.model.config.question_interval
    packed = training_data(data, out, retriever.tokenizer, interval, on_progress)
    questions = draw_questions(packed, read_recipe(recipe), retriever, n_questions, seed)
    random = np.random.default_rng(seed)
    sentences = np.full((len(questions), N_KEPT), -1, dtype=np.int32)
    for i, question in enumerate(questions.tolist()):
        found = list(favourites(packed, retriever, question, n_tokens, random))
        sentences[i, : len(found)] = found
        if on_progress and (i + 1) % TELL_EVERY == 0:
            on_progress("mining", i + 1, len(questions), {})
    MinedNegatives(questions, sentences, packed.digest).save(out)


def draw_questions(
    packed: PackedData, recipe: Recipe, retriever: MambaRetriever, n_questions: int, seed: int
) -> NDArray[np.int64]:
    """Different questions, rising, drawn by the weights of their sources.

    Raises:
        TrainingError: When the data have no question.
    """
    if not packed.n_questions:
        raise TrainingError("The data have no questions.", "Give labelled documents as --data.")
    drawn = WindowSampler(packed, replace(recipe, seed=seed), content_mask(retriever.tokenizer))
    found: set[int] = set()
    for _ in range(20 * n_questions):  # small sources come to their end
        if len(found) == n_questions:
            break
        found.add(drawn.next_question())
    return np.asarray(sorted(found), dtype=np.int64)


def favourites(
    packed: PackedData,
    retriever: MambaRetriever,
    question: int,
    n_tokens: int,
    random: np.random.Generator,
) -> Iterator[int]:
    """The best sentences for a question that do not answer it, at most `N_KEPT`."""
    vocab_size = retriever.model.config.vocab_size
    text = Passages.of(packed, int(packed.question_document[question]), vocab_size)
    if not len(text.starts):
        return
    relevant = packed.relevant_sentences(question)
    answers = [_words(text, sentence) for sentence in relevant.tolist()]
    n_found = 0
    for sentence in _ranked(packed, retriever, question, n_tokens, text, random):
        words = _words(text, sentence)
        if not words or sentence in relevant or any(_is_same(words, one) for one in answers):
            continue
        yield sentence
        n_found += 1
        if n_found == N_KEPT:
            return


def _ranked(
    packed: PackedData,
    retriever: MambaRetriever,
    question: int,
    n_tokens: int,
    text: Passages,
    random: np.random.Generator,
) -> list[int]:
    """The sentences that were read, best first."""
    relevant = packed.relevant_sentences(question)
    around = int(random.choice(relevant) if len(relevant) else random.integers(len(text.starts)))
    first, last = text.stretch(around, n_tokens, random.random())
    begin = int(text.starts[first])
    stretch = TokenizedDocument(
        text.tokens[begin : text.stops[last - 1]],
        (text.stops[first:last] - 1 - begin).astype(np.int32),
        text.above_within(first, last),
    )
    scores = retriever.score_tokens(packed.question(question).astype(np.int64), stretch)
    ranked: list[int] = (first + np.argsort(-scores, kind="stable")).tolist()
    return ranked


def _words(text: Passages, sentence: int) -> set[int]:
    return set(text.tokens[text.starts[sentence] : text.stops[sentence]].tolist())


def _is_same(words: set[int], others: set[int]) -> bool:
    return len(words & others) >= SAME * len(words | others)
