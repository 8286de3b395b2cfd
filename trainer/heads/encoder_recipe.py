"""The recipe of an encoder head: all that decides what its training gives, as one TOML file."""

from __future__ import annotations

from dataclasses import dataclass, field

from docqa.trainer.heads.head_recipe import HeadRecipe


@dataclass(frozen=True, slots=True)
class EncoderRecipe(HeadRecipe):
    """One training run of an encoder head; `sources` holds the most sentences of a source."""

    width: int = 256
    n_steps: int = 4500
    n_sentences: int = 15000
    """Most sentences of a source that is not named."""
    n_questions: int = 6000
    """Most questions of a source that is not named."""
    n_documents: int = 300
    """Documents of a source that sentences are taken from, at most."""
    above_share: float = 0.5
    """Share of the sentences that come with their heading and the names of their columns, and the
    sentence before."""
    before_tokens: int = 0
    """Tokens of the sentence before that the head reads too; 0 = none."""
    batch_tokens: int = 4608
    """Tokens of sentences of about one length, filling included."""
    n_lengths: int = 3
    """Such batches that a step has, each of another length, so that questions meet paragraphs."""
    temperature: float = 0.05
    """What cosines are divided by where the vectors of a step are compared with each other."""
    comparison: float = 0.3
    """Weight of that comparison in the loss."""
    questions: dict[str, int] = field(default_factory=dict)
    """Most questions by source."""
    pair_weight: float = 0.0
    """Weight of telling evidence from other sentences; 0 = no question is put to its document."""
    n_pairs: int = 3000
    """Most questions of a source that is not named which are put to their documents."""
    n_pair_documents: int = 150
    """Most documents that these are about, of a source that is not named."""
    n_compared: int = 0
    """Sentences of a document, drawn by lot, that the head reads to find near misses; 0 = all."""
    pair_batch: int = 48
    """Such questions in a step."""
    n_near: int = 7
    """Near misses of each question in a step, at most; those of all are told from its evidence."""
    pairs: dict[str, int] = field(default_factory=dict)
    """Most such questions by source."""
    pair_documents: dict[str, int] = field(default_factory=dict)
    """Most documents that they are about by source."""
