"""Which option of a choice some evidence speaks for, without a language model.

By the words they share alone: what a language model reaches with the same evidence is far above
it. It tells retrievers apart where nobody marked the evidence, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from docqa.engine.words import question_stems, stems


def choose(choices: Sequence[str], evidence: Sequence[str]) -> int:
    """The option whose words come up most in the evidence; the first of equal ones.

    A word counts for the options that have it by the inverse of their number: what all options
    say decides nothing. Each option is judged by the share of its own words, so that a long one
    has no advantage.

    Args:
        choices: The options.
        evidence: Sentences, best first; a word counts by where it first comes up, 1 in the first
            sentence, 1/2 in the second, and so on.

    Returns:
        The position of the option.
    """
    first_rank: dict[str, int] = {}
    for rank, sentence in enumerate(evidence, 1):
        for stem in stems(sentence):
            first_rank.setdefault(stem, rank)
    options = [set(question_stems(choice)) for choice in choices]
    n_with = {stem: sum(stem in option for option in options) for stem in set().union(*options)}

    def support(option: set[str]) -> float:
        weights = {stem: 1 / n_with[stem] for stem in option}
        found = sum(
            weight / first_rank[stem] for stem, weight in weights.items() if stem in first_rank
        )
        return found / sum(weights.values()) if weights else 0.0

    support_of = [support(option) for option in options]
    return support_of.index(max(support_of))
