"""The retrieval benchmark: does a retriever find the evidence of labelled questions?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from docqa.engine.errors import TrainingError
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.retriever import EncoderOptions, Retriever, Scores, load_retriever
from docqa.engine.types import Document
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion, read_documents
from docqa.trainer.metrics import (
    QuestionScore,
    mean,
    mean_scores,
    score_question,
)

OnBenchProgress = Callable[[str, int, int], None]
"""File name, questions done, questions in all."""


def bench_retrieval(
    files: Sequence[Path],
    retriever_name: str,
    *,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    limit: int | None = None,
    seed: int = 0,
    encoder: EncoderOptions | None = None,
    on_progress: OnBenchProgress | None = None,
) -> dict[str, Any]:
    """Measure a retriever by name; see `bench_files` and `load_retriever`."""
    retriever = load_retriever(
        retriever_name, checkpoint=checkpoint, device=device, encoder=encoder
    )
    return bench_files(files, retriever, limit=limit, seed=seed, on_progress=on_progress)


def bench_files(
    files: Sequence[Path],
    retriever: Retriever,
    *,
    limit: int | None = None,
    seed: int = 0,
    on_progress: OnBenchProgress | None = None,
) -> dict[str, Any]:
    """Recall at budgets of words and sentences, and MRR, of a retriever on labelled files.

    A question's recall at a budget is the share of its evidence spans that overlap a sentence
    within it; a file's is the mean over its answerable questions; the overall one is the mean
    over the files, each counting the same.

    Args:
        files: JSON Lines, see `docqa.trainer.dataset`.
        retriever: If it has `score_questions`, it gets all questions of a document at once.
        limit: Most questions a file, spread evenly over its documents; None = all.
        seed: Of the sample.
        on_progress: Called after each document.

    Returns:
        `{"retriever", "checkpoint", "seed", "limit", "files": [{"file", "questions",
        "recall_words", "recall_sentences", "mrr", "seconds"}], "overall": {...}}`; `seconds`
        is the time the retriever took, `overall` the macro average with the sums of questions
        and seconds.

    Raises:
        TrainingError: When a file is missing, holds a bad line or no answerable question.
    """
    results = [_bench_file(path, retriever, limit, seed, on_progress) for path in files]
    return {
        "retriever": retriever.name,
        "checkpoint": retriever.checkpoint,
        "seed": seed,
        "limit": limit,
        "files": results,
        "overall": macro_average(results),
    }


def sample_questions(
    path: Path, *, limit: int | None, seed: int, answerable: bool = True
) -> dict[int, list[int]]:
    """Which questions of a file to ask: positions of questions by position of document.

    Documents take turns in a random order, so that each of them counts, however many questions
    it has. The same file, limit and seed give the same questions.

    Args:
        path: JSON Lines.
        limit: Most questions; None = all.
        seed: Of the order.
        answerable: Whether to ask the questions with evidence, or those without an answer.
    """
    chooser = random.Random(f"{seed} {path.name}")
    queues = []
    for i, labelled in enumerate(read_documents(path)):
        questions = labelled.questions
        positions = [j for j in range(len(questions)) if _is_kind(questions[j], answerable)]
        if positions:
            chooser.shuffle(positions)
            queues.append((i, positions))
    chooser.shuffle(queues)
    n_left = sum(len(positions) for _, positions in queues)
    n_left = n_left if limit is None else min(limit, n_left)
    sample: dict[int, list[int]] = {}
    turn = 0
    while n_left > 0:
        for i, positions in queues:
            if turn < len(positions) and n_left > 0:
                sample.setdefault(i, []).append(positions[turn])
                n_left -= 1
        turn += 1
    return {i: sorted(positions) for i, positions in sorted(sample.items())}


def score_all(
    retriever: Retriever, questions: Sequence[str], document: Document
) -> Sequence[Scores]:
    """Scores of several questions on one document, in one call where the retriever can.

    They are put in the document's words first, as when a user asks them.
    """
    questions = [in_words_of(document, question) for question in questions]
    batched: Callable[[Sequence[str], Document], Sequence[Scores]] | None = getattr(
        retriever, "score_questions", None
    )
    if batched is not None:
        return batched(questions, document)
    return [retriever.score(question, document) for question in questions]


def macro_average(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean over files or benchmarks, each counting the same; questions and seconds summed."""
    overall: dict[str, Any] = {"questions": sum(result["questions"] for result in results)}
    for metric, value in results[0].items():
        if isinstance(value, dict):
            overall[metric] = {one: mean([each[metric][one] for each in results]) for one in value}
        elif isinstance(value, float) and metric != "seconds":
            overall[metric] = mean([each[metric] for each in results])
    overall["seconds"] = round(sum(result["seconds"] for result in results), 3)
    return overall


def markdown_table(results: Sequence[Mapping[str, Any]], metric: str, budget: str = "") -> str:
    """One metric of several benchmark results side by side, a row a file.

    Args:
        results: What `bench_files` returned, each for another retriever on the same files.
        metric: `recall_words`, `recall_sentences` or `mrr`.
        budget: Of a recall, such as `1000`.
    """

    def cell(scores: Mapping[str, Any]) -> str:
        return f"{scores[metric][budget] if budget else scores[metric]:.3f}"

    names = [file["file"] for file in results[0]["files"]]
    head = ["file", *(str(result["retriever"]) for result in results)]
    rows = [
        [name, *(cell(result["files"][i]) for result in results)] for i, name in enumerate(names)
    ]
    rows.append(["**all**", *(cell(result["overall"]) for result in results)])
    lines = [head, ["---"] + ["---:"] * len(results), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_kind(question: LabelledQuestion, answerable: bool) -> bool:
    if answerable:
        return question.answerable and bool(question.evidence)
    return not question.answerable


def _bench_file(
    path: Path,
    retriever: Retriever,
    limit: int | None,
    seed: int,
    on_progress: OnBenchProgress | None,
) -> dict[str, Any]:
    sample = sample_questions(path, limit=limit, seed=seed)
    n_questions = sum(map(len, sample.values()))
    if not n_questions:
        raise TrainingError(
            f"{path} has no answerable question.", "Give labelled data, such as a dev file."
        )
    scored: list[QuestionScore] = []
    seconds = 0.0
    # The sample is known by position only: one document at a time is in memory.
    for i, labelled in enumerate(read_documents(path)):
        if i not in sample:
            continue
        questions = [labelled.questions[j] for j in sample[i]]
        document = labelled.document
        start = time.perf_counter()
        scores = score_all(retriever, [one.question for one in questions], document)
        seconds += time.perf_counter() - start
        scored += _score_document(labelled, questions, scores)
        if on_progress is not None:
            on_progress(path.name, len(scored), n_questions)
    return {
        "file": path.name,
        "questions": n_questions,
        **mean_scores(scored),
        "seconds": round(seconds, 3),
    }


def _score_document(
    labelled: LabelledDocument, questions: list[LabelledQuestion], scores: Sequence[Scores]
) -> list[QuestionScore]:
    document = labelled.document
    n_words = np.array(
        [len(document.sentence_text(one.id).split()) for one in document.sentences], np.int64
    )
    return [
        score_question(one, n_words, [labelled.sentences_of(span) for span in question.evidence])
        for question, one in zip(questions, scores, strict=True)
    ]
