"""The recipe of a reader head: all that decides what its training gives, as one TOML file."""

from __future__ import annotations

from dataclasses import dataclass

from docqa.trainer.heads.head_recipe import HeadRecipe
from docqa.trainer.heads.reader_examples import Shares


@dataclass(frozen=True, slots=True)
class ReaderRecipe(HeadRecipe):
    """One training run of a reader head; a source that `sources` does not name gives all it has."""

    dropout: float = 0.2
    batch_size: int = 64
    negative_share: float = 0.8
    """Share of the questions put to a sentence without the answer too."""
    swapped_share: float = 0.6
    """Share of them put to the sentence with the answer too, with one thing exchanged."""
    figureless_share: float = 0.0
    """Share of the table rows with the answer put to a question that no figure answers, too."""
    foreign_share: float = 0.0
    """Questions of another document put to what comes near them, for each of a document's own."""
    keyword_share: float = 0.0
    """Share of the questions of which the telling words alone are read."""
    max_tokens: int = 224
    """Longer examples are left out: one of them would double the time of its batch."""

    @property
    def shares(self) -> Shares:
        """What is made of the questions besides their answers."""
        return Shares(
            self.negative_share,
            self.swapped_share,
            self.figureless_share,
            self.foreign_share,
            self.keyword_share,
        )
