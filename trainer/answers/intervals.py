"""Means with the interval that chance leaves them, by the bootstrap.

Questions on one document stand or fall together, so whole documents are drawn, not questions;
where every question has a document of its own, that is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 1000
LEVEL = 0.95

Values: TypeAlias = Sequence[tuple[str, float]]
"""Document and value of each question."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and the interval in which 95 % of the resampled means lie."""

    mean: float
    low: float
    high: float
    n_questions: int

    def as_dict(self) -> dict[str, int | float]:
        """For JSON, to four places."""
        return {
            "mean": round(self.mean, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "questions": self.n_questions,
        }


def macro_estimate(benchmarks: Mapping[str, Values], seed: int) -> Estimate:
    """The mean over benchmarks of their means, each benchmark counting the same.

    Args:
        benchmarks: By name; each has a value at least.
        seed: Of the resampling; the same values give the same interval.

    Raises:
        ValueError: When there is no value.
    """
    if not benchmarks or not all(benchmarks.values()):
        raise ValueError("nothing has no mean")
    means, resampled = [], np.zeros(N_RESAMPLES)
    for name in sorted(benchmarks):
        values = benchmarks[name]
        means.append(sum(value for _, value in values) / len(values))
        resampled += _resampled_means(values, np.random.default_rng([seed, *name.encode()]))
    low, high = np.quantile(resampled / len(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    n_questions = sum(map(len, benchmarks.values()))
    return Estimate(sum(means) / len(means), float(low), float(high), n_questions)


def _resampled_means(values: Values, chance: np.random.Generator) -> NDArray[np.float64]:
    """(r,) means of as many documents drawn with replacement as there are."""
    by_document: defaultdict[str, list[float]] = defaultdict(list)
    for document, value in values:
        by_document[document].append(value)
    sums = np.array([sum(one) for one in by_document.values()])
    counts = np.array([len(one) for one in by_document.values()])
    drawn = chance.integers(len(sums), size=(N_RESAMPLES, len(sums)))
    means: NDArray[np.float64] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return means
