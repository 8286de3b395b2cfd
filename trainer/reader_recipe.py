"""The recipe of a reader head: all that decides what its training gives, as one TOML file."""

from __future__ import annotations

from dataclasses import dataclass

from docqa.trainer.head_recipe import HeadRecipe


@dataclass(frozen=True, slots=True)
class ReaderRecipe(HeadRecipe):
    """One training run of a reader head; a source that `sources` does not name gives all it has."""

    dropout: float = 0.2
    batch_size: int = 64
    negative_share: float = 0.8
    """Share of the questions put to a sentence without the answer too."""
    swapped_share: float = 0.6
    """Share of them put to the sentence with the answer too, with one thing exchanged."""
    max_tokens: int = 224
    """Longer examples are left out: one of them would double the time of its batch."""
