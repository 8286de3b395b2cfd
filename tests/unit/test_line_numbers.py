"""Pages whose lines are numbered in the margin: pleadings, transcripts, bills."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from docqa.engine.ingest.documents import ingest
from docqa.engine.types import SentenceKind

PROSE = [
    "The harbour office looks after the mole and the northern quay, and sends",
    "its reckoning to the town. A vessel that lies at the quay pays for every",
    "day it lies there, and more where it is longer than forty metres. Nobody",
    "else may lie there while the ferry is in port, whatever the weather may",
    "be. The office may let a vessel lie for nothing in a storm.",
]
LINES = PROSE * 4
QUAYS = ["North Quay", "South Quay", "Mole", "Ferry Berth", "Old Dock"] * 3


def make_pdf(path: Path, rows: list[tuple[str, ...]], xs: tuple[float, ...]) -> Path:
    """A page of rows, the first cell set flush right."""
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=540, height=500)
        for i, (number, *cells) in enumerate(rows):
            y = 60 + 20 * i
            page.insert_text((70 - pymupdf.get_text_length(number, fontsize=11), y), number)
            for x, cell in zip(xs, cells, strict=False):
                page.insert_text((x, y), cell, fontsize=11)
        pdf.save(path)
    return path


def read(path: Path) -> list[tuple[SentenceKind, str]]:
    document = ingest(path)
    return [(s.kind, document.sentence_text(s.id)) for s in document.sentences]


@pytest.mark.parametrize(("first", "step"), [(1, 1), (1, 5), (46, 1)])
def test_numbered_lines_are_sentences(tmp_path: Path, first: int, step: int) -> None:
    numbers = range(first, first + len(LINES))
    rows = [(str(n) if n % step == 0 else "", line) for n, line in zip(numbers, LINES, strict=True)]
    found = read(make_pdf(tmp_path / "a.pdf", rows, (90,)))
    assert [text for _, text in found][:2] == [
        "The harbour office looks after the mole and the northern quay, and sends its reckoning to "
        "the town.",
        "A vessel that lies at the quay pays for every day it lies there, and more where it is "
        "longer than forty metres.",
    ]
    assert found[2][1].endswith("whatever the weather may be.")
    assert len(found) == 16
    assert {kind for kind, _ in found} == {SentenceKind.PROSE}


def test_numbers_beside_empty_lines_are_no_text(tmp_path: Path) -> None:
    rows = [(str(n), "") for n in range(1, 19)]
    rows[4] = ("5", "So ordered by the court of the harbour.")
    assert read(make_pdf(tmp_path / "a.pdf", rows, (90,))) == [
        (SentenceKind.PROSE, "So ordered by the court of the harbour.")
    ]


@pytest.mark.parametrize("n_cells", [1, 2])
def test_a_table_keeps_its_numbers(tmp_path: Path, n_cells: int) -> None:
    rows = [(str(n), quay, f"{n * 37}") for n, quay in enumerate(QUAYS, 1)]
    found = read(make_pdf(tmp_path / "a.pdf", rows, (90, 300)[:n_cells]))
    text = "1 | North Quay | 37" if n_cells == 2 else "1 | North Quay"
    assert found[0] == (SentenceKind.ROW, text)


def test_years_and_the_numbers_of_questions_count_no_lines(tmp_path: Path) -> None:
    deeds = ["founded in the old town of the bay", "moved to the larger house by the quay"] * 6
    years = [(str(2001 + i), deed) for i, deed in enumerate(deeds)]
    text = " ".join(text for _, text in read(make_pdf(tmp_path / "years.pdf", years, (90,))))
    assert all(str(2001 + i) in text for i in range(12))
    asked = ["How content were you with the service of the house and the town", "when you stayed?"]
    rows = [("" if i % 2 else str(1 + i // 2), asked[i % 2]) for i in range(20)]
    text = " ".join(text for _, text in read(make_pdf(tmp_path / "survey.pdf", rows, (90,))))
    assert all(f"{n} | How content" in text for n in range(1, 11))
