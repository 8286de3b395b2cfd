"""What returns at the top of pages: running headers are left out, titles are not."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from docqa.engine.ingest.documents import ingest
from docqa.engine.types import Document, SentenceKind

REAL = Path(__file__).parents[3] / "shared" / "pdfs" / "real"
PROSE = [
    "The harbour office looks after the mole and sends its reckoning to the town.",
    "A vessel that lies at the quay pays for every day it lies there, and more",
    "where it is longer than forty metres. The office may let it lie for nothing.",
]
Line = tuple[str, float, bool]
"""Text, font size, whether it is bold."""


def make_pdf(path: Path, pages: list[list[Line]], *, numbered: bool = True) -> Document:
    """Pages of lines one below the other, with their numbers at the foot."""
    with pymupdf.open() as pdf:
        for number, lines in enumerate(pages, 1):
            page = pdf.new_page(width=440, height=500)
            y = 40.0
            for text, size, bold in lines:
                cells = text.split(" | ")
                for x, cell in zip((40, 250, 330), cells, strict=False):
                    page.insert_text(
                        (x, y), cell, fontsize=size, fontname="hebo" if bold else "helv"
                    )
                y += 2 * size if bold else 1.3 * size
            if numbered:
                page.insert_text((215, 480), str(number), fontsize=9)
        pdf.save(path)
    return ingest(path)


def prose(first: int = 0) -> list[Line]:
    return [(line, 10, False) for line in PROSE[first:] + PROSE[:first]]


def headings(document: Document) -> list[tuple[int, str]]:
    return [
        (s.page, document.sentence_text(s.id))
        for s in document.sentences
        if s.kind is SentenceKind.HEADING
    ]


def test_titles_that_differ_in_a_number_are_kept(tmp_path: Path) -> None:
    pages = [[(f"Schedule {n}", 14.0, True), *prose(n % 2)] for n in range(1, 7)]
    assert headings(make_pdf(tmp_path / "a.pdf", pages)) == [
        (n, f"Schedule {n}") for n in range(1, 7)
    ]


def test_a_title_over_several_pages_is_kept_once(tmp_path: Path) -> None:
    forms = [941, 941, 941, 1120, 1120, 720, 720, 720]
    pages = [[(f"Return Form {n} Display", 10.0, True), *prose(i % 2)] for i, n in enumerate(forms)]
    assert headings(make_pdf(tmp_path / "a.pdf", pages)) == [
        (1, "Return Form 941 Display"),
        (4, "Return Form 1120 Display"),
        (6, "Return Form 720 Display"),
    ]


def test_a_header_that_counts_the_pages_is_no_title(tmp_path: Path) -> None:
    pages = [[(f"Harbour report {n + 16}", 10.0, True), *prose(n % 2)] for n in range(6)]
    assert headings(make_pdf(tmp_path / "a.pdf", pages, numbered=False)) == []


def test_a_header_of_the_whole_document_is_no_title(tmp_path: Path) -> None:
    pages = [[("Harbour report", 10.0, True), *prose(n % 2)] for n in range(6)]
    assert headings(make_pdf(tmp_path / "a.pdf", pages)) == []


def test_a_running_chapter_is_not_named_again(tmp_path: Path) -> None:
    pages = [[*prose(n % 2), *prose(n % 2)] for n in range(12)]
    pages[2] = [("", 40.0, True), ("", 40.0, True), ("The mole", 14.0, True), *pages[2]]
    for page in pages[3:8]:
        page.insert(0, ("The mole", 10.0, True))
    assert headings(make_pdf(tmp_path / "a.pdf", pages)) == [(3, "The mole")]


def test_a_plain_header_does_not_cut_a_sentence(tmp_path: Path) -> None:
    pages = [[*prose(1), *prose(1)] for _ in range(12)]
    for page in pages[3:8]:
        page.insert(0, ("Of moles and quays", 9.0, False))
    document = make_pdf(tmp_path / "a.pdf", pages)
    assert not any("Of moles" in document.sentence_text(s.id) for s in document.sentences)


def statement(company: str, title: str) -> list[Line]:
    rows = ["December 31, | 2024 | 2023", "Fees of the quay | 1,204 | 1,187", "Tolls | 310 | 295"]
    return [(company, 10, True), (title, 10, True), *((row, 10, False) for row in rows)]


def test_each_company_keeps_its_statements(tmp_path: Path) -> None:
    pages = [[*prose(n % 2)] for n in range(14)]
    titles = ["INCOME", "BALANCE SHEETS", "CASH FLOWS", "EQUITY"]
    for at, company in ((4, "Harbour Corporation"), (8, "Quay Company")):
        for n, title in enumerate(titles):
            pages[at + n] = statement(company, f"STATEMENTS OF {title}")
    found = headings(make_pdf(tmp_path / "a.pdf", pages))
    assert (5, "Harbour Corporation") in found
    assert (9, "Quay Company") in found
    assert [page for page, text in found if text == "STATEMENTS OF BALANCE SHEETS"] == [6, 10]


def test_a_statements_title_returns_too_seldom_to_be_furniture(tmp_path: Path) -> None:
    pages = [[*prose(n % 2)] for n in range(14)]
    for at in (4, 5, 10):
        pages[at] = statement("", "CONSOLIDATED BALANCE SHEETS")[1:]
    found = headings(make_pdf(tmp_path / "a.pdf", pages))
    assert found == [(n + 1, "CONSOLIDATED BALANCE SHEETS") for n in (4, 5, 10)]


def test_words_that_also_stand_in_the_midst_of_pages_are_text(tmp_path: Path) -> None:
    signed: list[Line] = [("For and on behalf of", 10, False), ("", 30, True)]
    pages = [[*signed, *signed, *signed, *signed] for _ in range(6)]
    document = make_pdf(tmp_path / "a.pdf", pages)
    assert len(document.sentences) == 24


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no PDF files at {REAL}")
def test_the_utility_has_its_own_balance_sheet() -> None:
    document = ingest(REAL / "10k-pge-2017.pdf")
    on_page = [document.sentence_text(s.id) for s in document.sentences if s.page == 129]
    assert on_page[0] == "CONSOLIDATED BALANCE SHEETS"
