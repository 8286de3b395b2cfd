"""How right a written answer is without asking anybody: the measures of SQuAD, and two of ours.

Normalisation is that of SQuAD's official script (Rajpurkar et al., 2016): lower case, punctuation
out, the articles a, an and the out, white space single.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

Measure = Callable[[str, str], float]


def normalise(text: str) -> str:
    """A text as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def f1(answer: str, gold: str) -> float:
    """Harmonic mean of the shares of words in common, each word as often as it occurs in both.

    Two texts without words are equal; one of them alone has nothing in common with anything.
    """
    words, wanted = normalise(answer).split(), normalise(gold).split()
    if not words or not wanted:
        return float(words == wanted)
    n_common = (Counter(words) & Counter(wanted)).total()
    return 2 * n_common / (len(words) + len(wanted))


def exact_match(answer: str, gold: str) -> float:
    """Whether both are the same after normalisation."""
    return float(normalise(answer) == normalise(gold))


def subspan_match(answer: str, gold: str) -> float:
    """Whether the gold answer stands somewhere in the answer, word for word.

    Whole words, unlike the plain substring test of others: 12 does not stand in 1912.
    """
    wanted = normalise(gold)
    return float(bool(wanted) and f" {wanted} " in f" {normalise(answer)} ")


def best(measure: Measure, answer: str, answers: Sequence[str]) -> float:
    """The measure against the gold answer that fits best.

    Raises:
        ValueError: When there is no gold answer.
    """
    if not answers:
        raise ValueError("a question without a gold answer has no score")
    return max(measure(answer, gold) for gold in answers)
