"""Where questions come from: passages of an excerpt, and what stands around them."""

from __future__ import annotations

import math
import random
from collections import Counter

from docqa.engine.types import Document
from docqa.engine.words import stems

PASSAGE_SENTENCES = 5
"""Sentences of a passage, as in the paper (where a unit has 20 tokens at least)."""
LONG_PASSAGE_SENTENCES = 15
"""Of one that a question comes from alone."""
MIN_PASSAGE_WORDS = 40
"""A run of headings or short rows holds nothing to ask for."""
N_OTHERS = 195
"""Most sentences around a passage that are offered as connected."""
MIN_DISTANCE = 10
"""Sentences between two places, at least: nearer ones are found together anyhow."""
N_AROUND_PASSAGE = 2
N_AROUND_SENTENCE = 3
"""Neighbours on each side that are offered as evidence too."""


def passages(document: Document, n_sentences: int) -> list[range]:
    """Runs of sentences that do not overlap and have something to say."""
    n_words = [len(document.sentence_text(one.id).split()) for one in document.sentences]
    runs = [
        range(first, first + n_sentences)
        for first in range(0, len(n_words) - n_sentences + 1, n_sentences)
    ]
    return [run for run in runs if sum(n_words[run.start : run.stop]) >= MIN_PASSAGE_WORDS]


def choose(runs: list[range], n_runs: int, seed: str) -> list[range]:
    """Some of the runs, in a random order that is the same for the same seed."""
    return random.Random(seed).sample(runs, min(n_runs, len(runs)))


def distance(sentence: int, passage: range) -> int:
    """How many sentences lie from a sentence to a passage; 0 inside of it."""
    return max(passage.start - sentence, sentence - passage.stop + 1, 0)


def others(document: Document, passage: range, n_others: int) -> list[int]:
    """At most so many sentences around a passage, as evenly as the excerpt allows."""
    n_all = len(document.sentences)
    before = min(passage.start, max(n_others // 2, n_others - (n_all - passage.stop)))
    after = min(n_all - passage.stop, n_others - before)
    return [
        *range(passage.start - before, passage.start),
        *range(passage.stop, passage.stop + after),
    ]


def around(document: Document, place: range, n_neighbours: int) -> range:
    """A place with its neighbours."""
    last = len(document.sentences)
    return range(max(place.start - n_neighbours, 0), min(place.stop + n_neighbours, last))


def most_alike(document: Document, passage: range, runs: list[range]) -> range | None:
    """The distant run that shares most of its rare words with a passage; None without any."""
    words = {run: set(_words(document, run)) for run in {*runs, passage}}
    n_runs = Counter(word for one in words.values() for word in one)

    def weight(shared: set[str]) -> float:
        return math.fsum(math.log(1 + len(words) / n_runs[word]) for word in shared)

    best, best_share = None, 0.0
    for run in runs:
        if distance(run.start, passage) < MIN_DISTANCE or distance(run[-1], passage) < MIN_DISTANCE:
            continue
        share = weight(words[run] & words[passage]) / max(weight(words[run]), 1.0)
        if share > best_share:
            best, best_share = run, share
    return best


def _words(document: Document, run: range) -> list[str]:
    return stems(" ".join(document.sentence_text(i) for i in run))
