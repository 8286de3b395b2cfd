"""How likely it is that a document answers a question, from the scores of its sentences.

A logistic model on the shape of the score distribution and on what the heads of a checkpoint say of
the best sentences. Scores of different retrievers live on different scales, so each has its own
`Calibration`: the one of `bm25` comes with the package (assets/confidence.toml), those of `mamba`
and `hybrid` belong to the checkpoint.
`docqa.trainer.calibrate` fits them.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import CheckpointError
from docqa.engine.question.unknown_names import unknown_names
from docqa.engine.retrievers.fused_scores import answers_of, logits_of, nearest_of
from docqa.engine.retrievers.retriever import Retriever, Scores
from docqa.engine.types import Document
from docqa.engine.words import question_stems

FEATURES = (
    "top",
    "first",
    "answers",
    "nearest",
    "unknown_names",
    "top_per_word",
    "top_z",
    "gap",
    "gap_10",
    "log_n_sentences",
    "log_n_question_words",
)
"""What the model looks at; see `score_features`."""
MIN_SENTENCES = 50
MOST_UNKNOWN = 2
"""More names than this that stand nowhere say no more."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted model for one retriever."""

    weights: dict[str, float]
    """By name of feature; a feature that is not named does not count."""
    bias: float
    threshold: float
    """Confidence below which the answer is that the documents do not say."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON or TOML; `read_calibrations` is the way back."""
        return asdict(self)


UNCALIBRATED = Calibration({}, bias=0.0, threshold=0.0)
"""For a checkpoint without a fit: says one half to everything and never abstains."""


def score_features(
    question: str, scores: Sequence[Scores], documents: Sequence[Document] = ()
) -> NDArray[np.float64]:
    """(f,) the values of `FEATURES` for one question.

    `top`: the best logit. `first`: the best score to rank by, the word of the heads included.
    `answers`: the logit that one of the best sentences answers, as the reader says; 0 without a
    reader. `nearest`: the highest cosine of the question with a sentence, as the encoder has it; 0
    without one. `unknown_names`: how many names in the question stand in none of the documents.
    `top_per_word`: the best score for each telling word of the question and log of the number of
    sentences, because BM25 adds up over the words found and weighs a rare word by that log.
    `top_z`: how many standard deviations the best stands above the mean; `gap`, `gap_10`: above the
    second and the tenth best. The logarithms of the number of sentences (the best of many is high
    by chance) and of telling words in the question.

    Args:
        question: As the user wrote it.
        scores: Of every document that was read.
        documents: Those; of none no name is unknown.
    """
    judged = [logits_of(one) for one in scores]
    joined = np.concatenate([np.empty(0, np.float32), *judged]).astype(np.float64)
    if not len(joined):
        return np.zeros(len(FEATURES))
    n_words = max(len(question_stems(question)), 1)
    best = -np.sort(-joined)[:10]
    spread = float(joined.std()) or 1.0
    return np.array(
        [
            best[0],
            max(float(np.asarray(one).max()) for one in scores if len(one)),
            max(answers_of(one) for one in scores if len(one)),
            max(nearest_of(one) for one in scores if len(one)),
            min(len(unknown_names(question, documents)), MOST_UNKNOWN),
            best[0] / (n_words * math.log(len(joined) + 2)),
            (best[0] - joined.mean()) / spread,
            (best[0] - best[min(1, len(best) - 1)]) / spread,
            (best[0] - best[-1]) / spread,
            # Documents shorter than any that was fitted on count as those.
            math.log(max(len(joined), MIN_SENTENCES)),
            math.log(1 + n_words),
        ]
    )


def confidence(
    question: str,
    scores: Sequence[Scores],
    calibration: Calibration,
    documents: Sequence[Document] = (),
) -> float:
    """Probability in [0, 1] that the documents answer the question.

    Args:
        question: As the user wrote it.
        scores: One array for every document that was read; none, or only empty ones, give 0.
        calibration: Of the retriever that made the scores.
        documents: Those; of none no name is unknown.
    """
    if not any(len(one) for one in scores):
        return 0.0
    weights = np.array([calibration.weights.get(name, 0.0) for name in FEATURES])
    logit = calibration.bias + float(weights @ score_features(question, scores, documents))
    return 1.0 / (1.0 + math.exp(-min(max(logit, -50.0), 50.0)))


def calibration_of(retriever: Retriever) -> Calibration:
    """The calibration a retriever carries in `calibrations`, by its name; else `UNCALIBRATED`."""
    carried: Mapping[str, Calibration] = getattr(retriever, "calibrations", {})
    return carried.get(retriever.name, UNCALIBRATED)


def read_calibrations(table: Any) -> dict[str, Calibration]:
    """Calibrations by retriever name, as JSON or TOML holds them.

    Args:
        table: `{"mamba": {"weights": {feature: number}, "bias": number, "threshold": number}}`;
            other keys of an entry (the metrics of its fit) are left alone.

    Raises:
        CheckpointError: When an entry lacks a part or names a feature that does not exist.
    """
    if not isinstance(table, Mapping):
        raise CheckpointError("The confidence tables of the checkpoint are no JSON object.")
    found = {}
    for name, entry in table.items():
        try:
            weights = {feature: float(weight) for feature, weight in entry["weights"].items()}
            bias, threshold = float(entry["bias"]), float(entry["threshold"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"The confidence table of {name!r} cannot be read: {type(error).__name__}: {error}."
            ) from error
        unknown = sorted(set(weights) - set(FEATURES))
        if unknown:
            raise CheckpointError(
                f"The confidence table of {name!r} uses {', '.join(unknown)}; "
                f"this version knows {', '.join(FEATURES)}.",
                "Calibrate the checkpoint again.",
            )
        found[name] = Calibration(weights, bias, threshold)
    return found


@cache
def packaged_calibrations() -> dict[str, Calibration]:
    """The calibrations that come with the package: those that need no checkpoint."""
    text = files("docqa.assets").joinpath("confidence.toml").read_text(encoding="utf-8")
    return read_calibrations(tomllib.loads(text))
