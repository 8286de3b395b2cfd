"""The marks of notes in tables stay with what they stand beside, be they raised or not."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from docqa.engine.types import Document, Sentence, SentenceKind
from tests.pdfs import read

LABELS, COLUMNS = 40, (200, 280, 360)
SIZE, MARK_SIZE, RISE = 9, 6, 4.1


class Sheet:
    """A page that a test writes a table on."""

    def __init__(self) -> None:
        self.pdf = pymupdf.open()
        self.page = self.pdf.new_page(width=500, height=600)

    def write(self, x: float, y: float, text: str, mark: str = "", size: float = SIZE) -> None:
        """Text from a left end on, and the raised mark of a note at its right end."""
        end = x + pymupdf.get_text_length(text, fontsize=size)
        if mark:  # first, as filings that were printed from web pages have it
            raised = (end, y - RISE * size / SIZE)
            self.page.insert_text(raised, mark, fontsize=MARK_SIZE * size / SIZE)
        self.page.insert_text((x, y), text, fontsize=size)

    def row(self, y: float, label: str, *cells: str, mark: str = "") -> None:
        """A label and figures that end where their columns end."""
        self.write(LABELS, y, label, mark)
        for right, cell in zip(COLUMNS, cells, strict=True):
            self.write(right - pymupdf.get_text_length(cell, fontsize=SIZE), y, cell)

    def read(self, folder: Path) -> Document:
        self.pdf.save(folder / "written.pdf")
        return read(folder / "written.pdf")


@pytest.fixture
def sheet() -> Sheet:
    return Sheet()


def texts(document: Document, kind: SentenceKind = SentenceKind.ROW) -> list[str]:
    return [document.sentence_text(s.id) for s in document.sentences if s.kind is kind]


def header(document: Document, start: str) -> str:
    """The names of the columns of the row that begins so."""
    found: Sentence = next(
        s for s in document.sentences if document.sentence_text(s.id).startswith(start)
    )
    assert found.header is not None
    return document.sentence_text(found.header)


def test_raised_marks_part_no_name_from_its_row(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(182, 100, "2024", "(1)", size=7)
    sheet.write(262, 100, "2023", "(1)", size=7)
    sheet.write(335, 100, "Change", size=7)
    sheet.row(114, "Fares", "812", "790", "3%")
    sheet.row(126, "Freight", "64", "60", "7%", mark="(2)")
    sheet.row(138, "Total", "876", "850", "3%")
    document = sheet.read(tmp_path)
    names = "2024 (1) | 2023 (1) | Change"
    assert texts(document) == [
        names, "Fares | 812 | 790 | 3%", "Freight (2) | 64 | 60 | 7%", "Total | 876 | 850 | 3%"
    ]  # fmt: skip
    assert header(document, "Fares") == names


def test_the_mark_of_a_label_without_figures_stays_with_it(sheet: Sheet, tmp_path: Path) -> None:
    sheet.row(100, "In thousands", "2024", "2023", "2022")
    sheet.write(LABELS, 112, "Piers", "(3)")
    sheet.row(124, "Northern", "12", "14", "15")
    sheet.row(136, "Southern", "8", "9", "11", mark="*")
    document = sheet.read(tmp_path)
    assert texts(document, SentenceKind.PROSE) == ["Piers (3)"]
    assert texts(document)[2] == "Southern* | 8 | 9 | 11"


def test_a_raised_number_is_no_digit_of_the_figure_beside_it(sheet: Sheet, tmp_path: Path) -> None:
    sheet.row(100, "In thousands", "2024", "2023", "2022")
    sheet.row(112, "Fares", "812", "790", "755")
    sheet.row(124, "Freight", "", "", "55")
    sheet.write(189, 124, "64", "1")
    sheet.write(269, 124, "60", "2")
    assert "Freight | 64 1 | 60 2 | 55" in texts(sheet.read(tmp_path))


def test_small_figures_in_a_row_of_their_own_are_no_marks(sheet: Sheet, tmp_path: Path) -> None:
    sheet.row(100, "In thousands", "2024", "2023", "2022")
    sheet.row(112, "Fares", "812", "790", "755")
    for x, text in [(LABELS, "of which tolls"), (200, "7"), (280, "6"), (360, "9")]:
        sheet.write(x, 121, text, size=6)
    sheet.row(131, "Freight", "64", "60", "55")
    assert "of which tolls | 7 | 6 | 9" in texts(sheet.read(tmp_path))


def test_the_letter_of_a_note_stands_with_its_figure(sheet: Sheet, tmp_path: Path) -> None:
    sheet.row(100, "In thousands", "2024", "2023", "2022")
    for y, label, mark, sign in [(112, "Fares", "(a)", "$"), (124, "Tolls", "(b)", "")]:
        # one line of text with gaps, as printed web pages have it
        sheet.row(y, label, "", "", "340")
        sheet.write(185, y, "564", size=SIZE)
        sheet.write(250, y, f"421   {mark} {sign}".rstrip())
    sheet.row(136, "Rents", "12", "14", "15")
    document = sheet.read(tmp_path)
    assert texts(document)[1:] == [
        "Fares | 564 | 421 (a) | $340", "Tolls | 564 | 421 (b) | 340", "Rents | 12 | 14 | 15"
    ]  # fmt: skip
    assert header(document, "Fares") == "In thousands | 2024 | 2023 | 2022"


def test_a_sign_of_money_after_a_raised_mark_stands_on_its_own_line(
    sheet: Sheet, tmp_path: Path
) -> None:
    sheet.row(100, "In thousands", "2024", "2023", "2022")
    sheet.row(112, "Fares", "812", "790", "755")
    sheet.write(279, 119, "(2)", size=MARK_SIZE)
    sheet.write(287, 122, " ", size=11)  # which ties the mark to the sign
    sheet.write(291, 124, "$")
    sheet.row(124, "Freight", "64", "", "55")
    sheet.write(269, 124, "60")
    sheet.row(136, "Rents", "12", "14", "15")
    assert "Freight | 64 | 60 (2) | $55" in texts(sheet.read(tmp_path))


def test_a_mark_longer_than_its_figure_does_not_raise_it(sheet: Sheet, tmp_path: Path) -> None:
    sheet.row(100, "In thousands", "2024", "2023", "2022")
    sheet.row(112, "Fares", "812", "790", "755")
    sheet.row(124, "Freight", "64", "", "55")
    sheet.write(275, 124, "6")  # its mark in the same line of text
    sheet.write(280, 119.5, "(2)", size=MARK_SIZE)
    sheet.row(136, "Rents", "12", "14", "15")
    assert "Freight | 64 | 6(2) | 55" in texts(sheet.read(tmp_path))


def test_a_figure_in_brackets_is_no_note(sheet: Sheet, tmp_path: Path) -> None:
    sheet.row(100, "In thousands", "2024", "2023", "2022")
    sheet.row(112, "Fares", "812", "790", "755")
    sheet.row(124, "Freight", "64", "60", "(3)")
    sheet.write(345, 136, "(4)")
    sheet.row(136, "Tolls", "64", "338", "")
    assert "Tolls | 64 | 338 | (4)" in texts(sheet.read(tmp_path))


def test_a_letter_between_a_number_and_words_is_an_item(sheet: Sheet, tmp_path: Path) -> None:
    for i, y in enumerate([100, 112, 124]):
        for x, text in [(LABELS, f"Table {i}"), (130, f"10.{i}"), (155, "(a)"), (240, "Fees due")]:
            sheet.write(x, y, text)
    assert texts(sheet.read(tmp_path))[0] == "Table 0 | 10.0 | (a) | Fees due"
