"""The reader benchmark: are the words that a checkpoint's reader takes from the evidence right?

Each question is asked twice: of the whole document, where the retriever finds the evidence, and
with its gold evidence given. Beside the reader stands what there is without it, the best sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from docqa.engine.errors import TrainingError
from docqa.engine.evidence import select_evidence
from docqa.engine.generators.extractive.generator import find_words, quotable, readable
from docqa.engine.pipeline import DEFAULT_WORDS
from docqa.engine.question.asked_kind import asks_why
from docqa.engine.reader import SpanReader, reader_of
from docqa.engine.retrievers.retriever import Retriever, load_retriever
from docqa.engine.types import Document, Evidence
from docqa.trainer.answers.measures import best, exact_match, f1, subspan_match
from docqa.trainer.bench import macro_average, sample_questions, score_all
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion, read_documents
from docqa.trainer.heads.reader_examples import answer_spans
from docqa.trainer.metrics import mean

OnBenchProgress = Callable[[str, int, int], None]
"""File name, questions done, questions in all."""
MIN_SHARE = 0.2
"""Of a file's questions whose answers are word for word in the evidence; below, few are left."""


def bench_reader(
    files: Sequence[Path],
    retriever_name: str,
    *,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    limit: int | None = None,
    seed: int = 0,
    on_progress: OnBenchProgress | None = None,
) -> dict[str, Any]:
    """Measure the reader of a checkpoint; see `bench_reader_files` and `load_retriever`."""
    retriever = load_retriever(retriever_name, checkpoint=checkpoint, device=device)
    return bench_reader_files(files, retriever, limit=limit, seed=seed, on_progress=on_progress)


def bench_reader_files(
    files: Sequence[Path],
    retriever: Retriever,
    *,
    limit: int | None = None,
    seed: int = 0,
    on_progress: OnBenchProgress | None = None,
) -> dict[str, Any]:
    """Exact match and F1 of the reader, and of the best sentence, on labelled files.

    Only questions count whose answer stands word for word in their evidence; the others have no
    words to find.

    Args:
        files: JSON Lines, see `docqa.trainer.dataset`.
        retriever: One whose checkpoint has a reader.
        limit: Most questions a file, drawn before those without such an answer are left out.
        seed: Of the sample.
        on_progress: Called after each document.

    Returns:
        `{"retriever", "checkpoint", "seed", "limit", "files": [{"file", "questions",
        "whole_document": {...}, "gold_evidence": {...}, "seconds"}], "overall": {...}}`. Both
        objects hold `sentence_em` and `sentence_f1` (the best sentence as the answer),
        `reader_em` and `reader_f1` (the reader's words, or the best sentence where it takes
        none), `ceiling_em` (the answer stands somewhere in the best sentence) and `shortened`
        (share of the questions for which the reader takes words). `seconds` is the reader's time.

    Raises:
        TrainingError: When a file cannot be used, or the checkpoint has no reader.
    """
    reader = reader_of(retriever)
    if reader is None:
        raise TrainingError(
            f"The retriever {retriever.name} has no reader (checkpoint {retriever.checkpoint}).",
            "Train one: docqa train reader --data FILE... --checkpoint DIR --out DIR",
        )
    results = [_bench_file(path, retriever, reader, limit, seed, on_progress) for path in files]
    return {
        "retriever": retriever.name,
        "checkpoint": retriever.checkpoint,
        "seed": seed,
        "limit": limit,
        "files": results,
        "overall": macro_average(results),
    }


def _bench_file(
    path: Path,
    retriever: Retriever,
    reader: SpanReader,
    limit: int | None,
    seed: int,
    on_progress: OnBenchProgress | None,
) -> dict[str, Any]:
    sample = sample_questions(path, limit=limit, seed=seed)
    n_sampled = sum(map(len, sample.values()))
    whole, gold, seconds, n_done = [], [], 0.0, 0
    for i, labelled in enumerate(read_documents(path)):
        for question in (labelled.questions[j] for j in sample.get(i, ())):
            n_done += 1
            if not any(answer_spans(labelled, question)):
                continue
            (scores,) = score_all(retriever, [question.question], labelled.document)
            found = select_evidence([(labelled.document, scores)], n_words=DEFAULT_WORDS)
            started = time.perf_counter()
            whole.append(score_reader(reader, labelled.document, question, found))
            seconds += time.perf_counter() - started
            given = tuple(_given_evidence(labelled, question))
            gold.append(score_reader(reader, labelled.document, question, given))
        if on_progress is not None and i in sample:
            on_progress(path.name, n_done, n_sampled)
    if not whole:
        raise TrainingError(
            f"{path} has no question whose answer stands in its evidence.",
            "Give labelled data with verbatim answers, such as squad.dev.",
        )
    return {
        "file": path.name,
        "questions": len(whole),
        "whole_document": {name: mean([one[name] for one in whole]) for name in whole[0]},
        "gold_evidence": {name: mean([one[name] for one in gold]) for name in gold[0]},
        "seconds": round(seconds, 3),
    }


def has_short_answers(path: Path) -> bool:
    """Whether a file's answers stand word for word in their evidence often enough to measure."""
    answered = [
        any(answer_spans(labelled, question))
        for labelled in read_documents(path)
        for question in labelled.questions
        if question.answerable
    ]
    return mean([float(one) for one in answered]) >= MIN_SHARE if answered else False


def score_reader(
    reader: SpanReader,
    document: Document,
    question: LabelledQuestion,
    evidence: tuple[Evidence, ...],
) -> dict[str, float]:
    """The measures of one question."""
    documents = {document.id: document}
    asked = question.question
    quoted = quotable(documents, evidence, of_reason=asks_why(asked))[0]
    sentence = document.sentence_text(quoted.sentence_id)
    span = find_words(reader, asked, documents, readable(asked, documents, evidence))
    answer = sentence if span is None else span.text(documents)
    return {
        "sentence_em": best(exact_match, sentence, question.answers),
        "sentence_f1": best(f1, sentence, question.answers),
        "reader_em": best(exact_match, answer, question.answers),
        "reader_f1": best(f1, answer, question.answers),
        "ceiling_em": best(subspan_match, sentence, question.answers),
        "shortened": float(span is not None),
    }


def _given_evidence(labelled: LabelledDocument, question: LabelledQuestion) -> Iterator[Evidence]:
    """The gold sentences as if a retriever had found them, in document order."""
    ids = sorted({i for span in question.evidence for i in labelled.sentences_of(span)})
    for rank, sentence_id in enumerate(ids, 1):
        yield Evidence(labelled.document.id, sentence_id, 0.0, rank)


def reader_table(report: Mapping[str, Any]) -> str:
    """What `bench_reader_files` returned as a Markdown table: EM / F1 in percent, a row a file."""
    head = ["file", "questions", "best sentence", "reader", "shortened", "gold: sentence", "reader"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for row in (*report["files"], {**report["overall"], "file": "**all**"}):
        whole, gold = row["whole_document"], row["gold_evidence"]
        pairs = [
            f"{100 * measured[f'{who}_em']:.0f} / {100 * measured[f'{who}_f1']:.0f}"
            for measured in (whole, gold)
            for who in ("sentence", "reader")
        ]
        share = f"{whole['shortened']:.0%}"
        lines.append([row["file"], str(row["questions"]), *pairs[:2], share, *pairs[2:]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
