"""From scores to evidence: which sentences go to the generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from docqa.engine.retrievers.retriever import Scores
from docqa.engine.types import Citation, Document, Evidence


def select_evidence(
    scored: Sequence[tuple[Document, Scores]],
    *,
    n_words: int | None = None,
    top_k: int | None = None,
) -> tuple[Evidence, ...]:
    """The best sentences of all documents, best first, within a budget.

    Words are counted from the best sentence down. The first sentence that would pass the budget
    ends the selection: it stays out, and so does everything below it, because skipping to a
    shorter one would put a worse sentence before a better one. The best sentence always comes,
    however long it is. The benchmark measures by this same function.

    Args:
        scored: Every document with the scores of its sentences. Equal scores keep the order of
            the documents and of the sentences in them.
        n_words: Most words in all; None = no such limit.
        top_k: Most sentences; None = no such limit. With both, the tighter one decides.

    Raises:
        ValueError: When a document has more or fewer sentences than scores, or a limit is below 1.
    """
    for name, limit in (("n_words", n_words), ("top_k", top_k)):
        if limit is not None and limit < 1:
            raise ValueError(f"{name} is {limit}; it must be at least 1")
    for document, scores in scored:
        if scores.shape != (len(document.sentences),):
            raise ValueError(
                f"{document.title}: {len(document.sentences)} sentences, "
                f"but scores of shape {scores.shape}"
            )
    if not any(len(scores) for _, scores in scored):
        return ()
    all_scores = np.concatenate([scores for _, scores in scored])
    starts = np.cumsum([0] + [len(scores) for _, scores in scored])
    selected: list[Evidence] = []
    n_selected_words = 0
    # Texts are cut only down to the budget: a library has a million sentences, a budget fifty.
    for position in ranking(all_scores)[:top_k]:
        i = int(np.searchsorted(starts, position, side="right")) - 1
        document, sentence_id = scored[i][0], int(position - starts[i])
        n_selected_words += len(document.sentence_text(sentence_id).split())
        if selected and n_words is not None and n_selected_words > n_words:
            break
        score = float(all_scores[position])
        selected.append(Evidence(document.id, sentence_id, score, rank=len(selected) + 1))
    return tuple(selected)


def with_cited(
    evidence: tuple[Evidence, ...],
    citations: Sequence[Citation],
    scored: Sequence[tuple[Document, Scores]],
) -> tuple[Evidence, ...]:
    """Evidence with what the answer cites besides it, behind the last rank.

    A generator that reads whole documents may find what the retriever put below the budget.
    """
    scores = {document.id: found for document, found in scored}
    places = dict.fromkeys((one.document_id, one.sentence_id) for one in evidence)
    further = dict.fromkeys((one.document_id, one.sentence_id) for one in citations)
    added = tuple(
        Evidence(document_id, sentence_id, float(scores[document_id][sentence_id]), rank)
        for rank, (document_id, sentence_id) in enumerate(
            (place for place in further if place not in places), len(evidence) + 1
        )
    )
    return evidence + added


def ranking(scores: Scores) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Positions from the best score to the worst; equal scores keep their order."""
    return np.argsort(-scores, kind="stable")
