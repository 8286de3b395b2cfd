"""Hard negatives as a file: `mine.py` finds them, `windows.py` puts them beside the answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import TrainingError
from docqa.trainer.retriever.packed import PackedData


@dataclass(frozen=True)
class MinedNegatives:
    """Wrong favourites of a checkpoint, by question."""

    questions: NDArray[np.int64]
    """(m,) questions of the packed data, rising."""
    sentences: NDArray[np.int32]
    """(m, k) sentences of each one's document, best first; padded with -1."""
    digest: str
    """`PackedData.digest` of the data they were mined from."""

    @property
    def name(self) -> str:
        """Tells these negatives from others."""
        held = self.questions.tobytes() + self.sentences.tobytes()
        return hashlib.sha256(held).hexdigest()[:16]

    def of(self, question: int) -> NDArray[np.int32]:
        """The sentences of a question; none where it was not mined."""
        place = int(np.searchsorted(self.questions, question))
        if place == len(self.questions) or self.questions[place] != question:
            return np.empty(0, np.int32)
        found: NDArray[np.int32] = self.sentences[place]
        return found[found >= 0]

    def save(self, path: Path) -> None:
        """Write them to one .npz file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        with partial.open("wb") as file:
            np.savez_compressed(
                file, questions=self.questions, sentences=self.sentences, digest=self.digest
            )
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, packed: PackedData) -> MinedNegatives:
        """Read what `save` wrote; never unpickles.

        Raises:
            TrainingError: When the file cannot be read, or was mined from other data.
        """
        try:
            with np.load(path, allow_pickle=False) as columns:
                mined = cls(columns["questions"], columns["sentences"], str(columns["digest"]))
        except (OSError, ValueError, KeyError) as error:
            raise TrainingError(
                f"{path} holds no hard negatives: {error}.", "Make them with docqa train mine."
            ) from error
        if mined.digest != packed.digest:
            raise TrainingError(
                f"{path} was mined from other training files, or from them in another order.",
                "Give --data as docqa train mine had it.",
            )
        return mined
