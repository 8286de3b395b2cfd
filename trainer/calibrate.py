"""Fit the confidence of a retriever: how sure it may be that a document answers a question.

Examples are questions with an answer in their document, questions marked as unanswerable, and
questions put to another document of the same file. What each half of the documents fits is tried
on the other half, which tells how good model and threshold are; all of them fit what ships.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import TrainingError
from docqa.engine.retrievers.confidence import FEATURES, Calibration, score_features
from docqa.engine.retrievers.retriever import Retriever
from docqa.trainer.bench import sample_questions, score_all
from docqa.trainer.dataset import LabelledDocument, read_documents

TARGET_PRECISION = 0.8
"""The threshold refuses as often as it can while this share of the refusals is right..."""
MAX_FALSE_REFUSALS = 0.05
"""... and no more than this share of the questions with an answer is refused: a reader forgives a
weak quotation sooner than the claim that the document does not say what it says."""
LOGIT_FEATURES = ("top", "first", "answers", "nearest", "unknown_names", "log_n_question_words")
"""All that is fitted for a retriever whose scores are logits. Gaps between the best sentences say
nothing there: a filing states its capital expenditure in four tables, and all are right. Nor does
the length of a document, though it seems to: filings answer many questions put to another of them,
which count as unanswerable, and a long document was refused an answer for that."""
WORD_FEATURES = tuple(name for name in FEATURES if name not in ("first", "answers", "nearest"))
"""What is fitted for one whose scores are sums over words: no head adds to them."""
MIN_REFUSALS = 20
"""A precision measured on fewer refusals decides nothing."""
RIDGE = 1.0
"""Strength of the L2 penalty on standardised features, in examples."""
N_BINS = 10

Kind = str
ANSWERABLE, UNANSWERABLE, FOREIGN = "answerable", "unanswerable", "other_document"


@dataclass(frozen=True)
class Example:
    """One question on one document, as its scores look."""

    file: str
    kind: Kind
    half: int
    """0 or 1: in which half of the documents it is."""
    features: NDArray[np.float64]
    """(f,) the values of `docqa.engine.retrievers.confidence.FEATURES`."""

    @property
    def answerable(self) -> bool:
        return self.kind == ANSWERABLE


@dataclass(frozen=True)
class Judged:
    """An example as a fit that has not seen its document judges it."""

    example: Example
    confidence: float
    refused: bool


def calibrate(
    files: Sequence[Path],
    retriever: Retriever,
    *,
    limit: int | None = None,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Fit and measure the confidence of one retriever.

    Args:
        files: Labelled files; those with unanswerable questions teach most.
        retriever: A checkpoint needs a fit of its own, and so does its hybrid.
        limit: Most questions of each kind a file.
        seed: Of the sample.
        on_progress: File name, documents done, documents in all.

    Returns:
        `{"weights", "bias", "threshold", "seed", "limit", "metrics"}`, an entry of the table that
        `docqa.engine.retrievers.confidence.read_calibrations` reads. `metrics` has
        `refusal_precision`, `refusal_recall`, `ece` and the number of examples, over all and by
        file, each half of the documents judged by what the other half fitted.

    Raises:
        TrainingError: When a half lacks questions with or without an answer.
    """
    examples = [
        example
        for path in files
        for example in collect_examples(path, retriever, limit, seed, on_progress)
    ]
    halves = [[example for example in examples if example.half == half] for half in (0, 1)]
    for half in halves:
        n_answerable = sum(example.answerable for example in half)
        if n_answerable in (0, len(half)):
            raise TrainingError(
                f"Cannot calibrate: {n_answerable} of {len(half)} questions of one half of the "
                "documents have an answer.",
                "Give more files, or a higher limit.",
            )
    names = WORD_FEATURES if retriever.checkpoint is None else LOGIT_FEATURES
    judged = [
        one
        for fitting, reporting in (halves, halves[::-1])
        for one in judge(reporting, fit_confidence(fitting, names))
    ]
    by_file = {
        name: evaluate([one for one in judged if one.example.file == name])
        for name in dict.fromkeys(example.file for example in examples)
    }
    metrics = {**evaluate(judged), "files": by_file}
    calibration = fit_confidence(examples, names)
    return {**calibration.as_dict(), "seed": seed, "limit": limit, "metrics": metrics}


def as_toml(name: str, entry: Mapping[str, Any]) -> str:
    """What `calibrate` returned, as the table that assets/confidence.toml holds."""
    metrics = entry["metrics"]
    refused = (
        f"# of the questions it refuses {metrics['refusal_precision']:.0%} have no answer; "
        f"of those without an answer it refuses {metrics['refusal_recall']:.0%}\n"
    )
    numbers = f"bias = {entry['bias']}\nthreshold = {entry['threshold']}\n"
    weights = "".join(f"{feature} = {value}\n" for feature, value in entry["weights"].items())
    origin = "# Fitted by docqa.trainer.calibrate; trainer/README.md has the figures.\n"
    return f"{origin}[{name}]\n{refused}{numbers}[{name}.weights]\n{weights}"


def collect_examples(
    path: Path,
    retriever: Retriever,
    limit: int | None,
    seed: int,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[Example]:
    """Score the sampled questions of one file on their own and on another document.

    The halves are chosen by the document's content, so that a document that occurs in two files
    is in the same half of both, and a question meets another document of its own half only.
    """
    answerable = sample_questions(path, limit=limit, seed=seed)
    unanswerable = sample_questions(path, limit=limit, seed=seed, answerable=False)
    halves: tuple[list[LabelledDocument], list[LabelledDocument]] = ([], [])
    asked: dict[str, tuple[list[str], list[str]]] = {}
    for i, labelled in enumerate(read_documents(path)):
        if i in answerable or i in unanswerable:
            halves[int(labelled.document.id, 16) % 2].append(labelled)
            asked[labelled.document.id] = (
                [labelled.questions[j].question for j in answerable.get(i, ())],
                [labelled.questions[j].question for j in unanswerable.get(i, ())],
            )
    n_done = 0
    for half, documents in enumerate(halves):
        for i, labelled in enumerate(documents):
            document = labelled.document
            answered, unanswered = asked[document.id]
            # The document before lends its questions; alone in its half, there is none.
            foreign = asked[documents[i - 1].document.id][0] if len(documents) > 1 else []
            questions = [
                *((question, ANSWERABLE) for question in answered),
                *((question, UNANSWERABLE) for question in unanswered),
                *((question, FOREIGN) for question in foreign),
            ]
            for (question, kind), scores in zip(
                questions, score_all(retriever, [q for q, _ in questions], document), strict=True
            ):
                features = score_features(question, [scores], [document])
                yield Example(path.name, kind, half, features)
            n_done += 1
            if on_progress is not None:
                on_progress(path.name, n_done, len(asked))


def fit_confidence(examples: Sequence[Example], names: Sequence[str] = FEATURES) -> Calibration:
    """A logistic model of the named features, and the confidence below which to abstain.

    Questions with and without an answer weigh the same in all, and so do the files within each:
    how often a reader asks what is not there is not known.
    """
    columns = [FEATURES.index(name) for name in names]
    features = np.stack([example.features[columns] for example in examples])
    answerable = np.array([example.answerable for example in examples])
    weights = example_weights(examples)
    mean = np.average(features, axis=0, weights=weights)
    spread = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights))
    spread[spread < 1e-9] = 1.0
    coefficients = fit_logistic((features - mean) / spread, answerable, weights)
    slopes = coefficients[:-1] / spread
    bias = float(coefficients[-1] - slopes @ mean)
    confidences = _sigmoid(features @ slopes + bias)
    named = {name: round(float(slope), 6) for name, slope in zip(names, slopes, strict=True)}
    threshold = choose_threshold(confidences, answerable, weights)
    return Calibration(named, round(bias, 6), round(threshold, 4))


def example_weights(examples: Sequence[Example]) -> NDArray[np.float64]:
    """(n,) weights that sum to n: each class has half of it, in which each file counts the same."""
    groups = [(example.answerable, example.file) for example in examples]
    sizes = {group: groups.count(group) for group in set(groups)}
    n_files = {
        answerable: sum(group[0] == answerable for group in sizes) for answerable in (True, False)
    }
    n_classes = sum(count > 0 for count in n_files.values())
    return np.array(
        [len(groups) / (n_classes * n_files[group[0]] * sizes[group]) for group in groups]
    )


def fit_logistic(
    features: NDArray[np.float64], labels: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coefficients of a ridge logistic regression by Newton's method.

    Args:
        features: (n, f) standardised.
        labels: (n,)
        weights: (n,)

    Returns:
        (f + 1,) the last one is the bias, which is not penalised.
    """
    inputs = np.hstack([features, np.ones((len(features), 1))])
    penalty = RIDGE * np.diag([1.0] * features.shape[1] + [1e-6])
    coefficients = np.zeros(inputs.shape[1])
    for _ in range(50):
        probabilities = _sigmoid(inputs @ coefficients)
        gradient = inputs.T @ (weights * (probabilities - labels)) + penalty @ coefficients
        curvature = weights * probabilities * (1 - probabilities)
        step = np.linalg.solve(inputs.T @ (inputs * curvature[:, None]) + penalty, gradient)
        coefficients -= step
        if np.abs(step).max() < 1e-8:
            break
    return coefficients


def choose_threshold(
    confidences: NDArray[np.float64], answerable: NDArray[np.bool_], weights: NDArray[np.float64]
) -> float:
    """The highest confidence below which refusals are right as often as the constants above ask.

    0, which never refuses, where no threshold gets there.
    """
    order = np.argsort(confidences, kind="stable")
    refused = np.cumsum(weights[order])
    right = np.cumsum((weights * ~answerable)[order])
    wrong = (refused - right) / max(float(weights[answerable].sum()), 1e-12)
    good = (right / refused >= TARGET_PRECISION) & (wrong <= MAX_FALSE_REFUSALS)
    good[: MIN_REFUSALS - 1] = False
    # Where confidences are equal, all of them fall on the same side.
    good[:-1] &= confidences[order][:-1] < confidences[order][1:]
    good[-1] = False
    if not good.any():
        return 0.0
    last = int(np.flatnonzero(good)[-1])
    return float((confidences[order][last] + confidences[order][last + 1]) / 2)


def judge(examples: Sequence[Example], calibration: Calibration) -> list[Judged]:
    """The confidence in each example, and whether it is refused."""
    slopes = np.array([calibration.weights.get(name, 0.0) for name in FEATURES])
    features = np.stack([example.features for example in examples])
    confidences = _sigmoid(features @ slopes + calibration.bias)
    return [
        Judged(example, confidence, confidence < calibration.threshold)
        for example, confidence in zip(examples, confidences.tolist(), strict=True)
    ]


def evaluate(judged: Sequence[Judged]) -> dict[str, Any]:
    """How right the refusals and the confidences are.

    Returns:
        `refusal_precision`: share of the refused questions without an answer.
        `refusal_recall`: share of the questions without an answer that are refused; over
        the questions marked as unanswerable alone it is `refusal_recall_unanswerable`. None
        where there is nothing to divide by. `false_refusals`: share of the questions with an
        answer that are refused. `refusal_precision_at_60`: that share of right refusals where a
        threshold, whatever it is, refuses 60 % of the questions without an answer. `ece`:
        expected calibration error over ten bins. Classes and files are weighted as in
        `fit_confidence`.
    """
    examples = [one.example for one in judged]
    weights = example_weights(examples)
    confidences = np.array([one.confidence for one in judged])
    answerable = np.array([example.answerable for example in examples])
    marked = np.array([example.kind == UNANSWERABLE for example in examples])
    refused = np.array([one.refused for one in judged])
    return {
        "n_examples": len(examples),
        "n_answerable": int(answerable.sum()),
        "refusal_precision": _share(refused & ~answerable, refused, weights),
        "refusal_recall": _share(refused & ~answerable, ~answerable, weights),
        "refusal_recall_unanswerable": _share(refused & marked, marked, weights),
        "false_refusals": _share(refused & answerable, answerable, weights),
        "refusal_precision_at_60": _precision_at(0.6, confidences, answerable, weights),
        "ece": round(expected_calibration_error(confidences, answerable, weights), 4),
    }


def _precision_at(
    recall: float,
    confidences: NDArray[np.float64],
    answerable: NDArray[np.bool_],
    weights: NDArray[np.float64],
) -> float | None:
    """The share of right refusals at the lowest threshold that reaches a recall."""
    order = np.argsort(confidences, kind="stable")
    right = np.cumsum((weights * ~answerable)[order])
    if not len(right) or right[-1] == 0:
        return None
    last = int(np.searchsorted(right, recall * right[-1] - 1e-9))
    # Where confidences are equal, all of them fall on the same side.
    n_refused = int(np.searchsorted(confidences[order], confidences[order][last], side="right"))
    return round(float(right[n_refused - 1] / weights[order][:n_refused].sum()), 4)


def expected_calibration_error(
    confidences: NDArray[np.float64], answerable: NDArray[np.bool_], weights: NDArray[np.float64]
) -> float:
    """Mean distance between confidence and truth over bins of equal width."""
    bins = np.minimum((confidences * N_BINS).astype(int), N_BINS - 1)
    distances = [
        abs(float((weights * (confidences - answerable))[bins == i].sum())) for i in range(N_BINS)
    ]
    return sum(distances) / float(weights.sum())


def _share(
    part: NDArray[np.bool_], whole: NDArray[np.bool_], weights: NDArray[np.float64]
) -> float | None:
    total = float(weights[whole].sum())
    return round(float(weights[part].sum()) / total, 4) if total else None


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    probabilities: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
    return probabilities
