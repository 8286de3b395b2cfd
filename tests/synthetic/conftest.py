"""A document of its own, long enough to ask about two places of it."""

from __future__ import annotations

from pathlib import Path

import pytest

NAMES = ("Ada Holm", "Bo Lund", "Cy Berg", "Dan Falk", "Eve Rask", "Finn Toll", "Gus Wiik")
SHIPS = ("Aurora", "Borealis", "Corona", "Delphin", "Esther")
DEEDS = (
    "bought the {ship} from a yard in the north and paid for it over eleven years",
    "had the {ship} painted white before the summer, which the town did not like at all",
    "wrote to the harbour board that the {ship} could not leave before the ice had gone",
    "sold a third of the {ship} to a baker, who never set foot on any vessel in his life",
)


def story(n_sentences: int, start: int = 0) -> str:
    """Sentences that differ, eight a paragraph."""
    lines = []
    for i in range(start, start + n_sentences):
        name, ship, deed = NAMES[i % 7], SHIPS[i % 5], DEEDS[i % 4]
        lines.append(f"In {1900 + i} {name} {deed.format(ship=ship)}.")
    return "\n\n".join(" ".join(lines[i : i + 8]) for i in range(0, len(lines), 8))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of two stories."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for i in range(2):
        (folder / f"story-{i}.txt").write_text(story(80, 100 * i), encoding="utf-8")
    return folder
