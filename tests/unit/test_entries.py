"""Tables of text: officers, matters of an audit, signatures; and pages that stay in columns."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from docqa.engine.types import Document, SentenceKind
from tests.pdfs import read

CAREER = (
    "Chief officer of the company since June 2022 and of its",
    "largest subsidiary from January 2019 to May 2022; head of",
    "finance from May 2015 to January 2019; treasurer of the",
    "company from 2010 to May 2015; and various positions in",
    "accounting, planning and investor relations from 1998 to",
    "2010. The officer serves as a director of another company",
    "that sells office furniture to schools and to the offices",
    "of many towns in the north.",
)


class Sheet:
    """A page that a test writes on."""

    def __init__(self) -> None:
        self.pdf = pymupdf.open()
        self.page = self.pdf.new_page(width=500, height=600)

    def column(self, x: float, y: float, *lines: str, font: str = "helv", step: float = 11) -> None:
        """Lines one below the other from a baseline on."""
        for i, line in enumerate(lines):
            self.page.insert_text((x, y + i * step), line, fontsize=9, fontname=font)

    def read(self, folder: Path) -> Document:
        self.pdf.save(folder / "entries.pdf")
        return read(folder / "entries.pdf")


@pytest.fixture
def sheet() -> Sheet:
    return Sheet()


def texts(document: Document) -> list[str]:
    return [document.sentence_text(sentence.id) for sentence in document.sentences]


def test_a_career_stands_under_the_officers_name(sheet: Sheet, tmp_path: Path) -> None:
    sheet.column(40, 50, *["All of this is said on the page in plain words and at length."] * 6)
    for y, name in ((150, "Ada Berg"), (260, "Carl Dahl"), (370, "Eva Falk")):
        sheet.column(40, y, name, font="hebo")
        sheet.column(40, y + 11, "Executive Vice President", "and Treasurer")
        sheet.column(180, y, "59")
        sheet.column(210, y, *CAREER)
    sheet.column(40, 480, "Every officer is chosen by the board of directors for one year, and")
    sheet.column(40, 491, "may be dismissed by it.")
    document = sheet.read(tmp_path)
    names = [
        document.sentence_text(s.id) for s in document.sentences if s.kind is SentenceKind.HEADING
    ]
    assert names == [
        f"{name} Executive Vice President and Treasurer | 59"
        for name in ("Ada Berg", "Carl Dahl", "Eva Falk")
    ]
    careers = [s for s in document.sentences if "various" in document.sentence_text(s.id)]
    assert [document.sentence_text(s.heading or 0) for s in careers] == names
    assert document.sentences[-1].heading is None  # what follows is about all of them


def test_a_label_beside_paragraphs_is_read_before_them(sheet: Sheet, tmp_path: Path) -> None:
    sheet.column(40, 100, "How We", "Addressed the", "Matter in Our", "Audit", font="heit")
    sheet.column(150, 100, *CAREER[:2], "finance.")
    sheet.column(150, 141, *["We tested the controls over the estimate of the accruals."] * 5)
    found = texts(sheet.read(tmp_path))
    assert found[0] == "How We Addressed the Matter in Our Audit"
    assert found[1].startswith("Chief officer")
    assert found[1].endswith("finance.")


def test_a_signature_is_one_row_with_title_and_date(sheet: Sheet, tmp_path: Path) -> None:
    for y, name, title in (
        (100, "Ada Berg", ["President and Chief Executive", "(Principal Executive Officer)"]),
        (140, "Carl Dahl", ["Executive Vice President and", "Chief Financial Officer"]),
        (180, "Eva Falk", ["Director"]),
    ):
        sheet.column(40, y, f"/s/ {name}", name)
        sheet.column(200, y + 2, *title)
        sheet.column(400, y, "July 17, 2023")
    assert texts(sheet.read(tmp_path)) == [
        "/s/ Ada Berg Ada Berg | President and Chief Executive (Principal Executive Officer) | "
        "July 17, 2023",
        "/s/ Carl Dahl Carl Dahl | Executive Vice President and Chief Financial Officer | "
        "July 17, 2023",
        "/s/ Eva Falk Eva Falk | Director | July 17, 2023",
    ]


def test_every_post_keeps_its_dates(sheet: Sheet, tmp_path: Path) -> None:
    y = 100.0
    for k in range(6):
        sheet.column(40, y, f"Senior Vice President of region {'ABCDEF'[k]}")
        sheet.column(350, y, "September 15, 2015 to", "February 28, 2017")
        y += 22
    assert texts(sheet.read(tmp_path))[:2] == [
        "Senior Vice President of region A | September 15, 2015 to February 28, 2017",
        "Senior Vice President of region B | September 15, 2015 to February 28, 2017",
    ]


def test_a_page_in_columns_is_read_column_by_column(sheet: Sheet, tmp_path: Path) -> None:
    for x, side in ((40, "left"), (260, "right")):
        for k, y in enumerate((60, 140, 220)):
            lines = [f"This {side} column has a paragraph {k}", "of words about the law and about"]
            sheet.column(x, y, *lines, "its use in the courts of the land,", "which were few.")
    found = [text for text in texts(sheet.read(tmp_path)) if text.startswith("This")]
    assert [text.split()[1] for text in found] == ["left"] * 3 + ["right"] * 3


def test_a_table_of_contents_stays_line_by_line(sheet: Sheet, tmp_path: Path) -> None:
    sheet.column(420, 89, "Page")
    for k, y in enumerate(range(100, 250, 22)):
        sheet.column(40, y, f"Part {'ABCDEFG'[k]} with a name")
        sheet.column(425, y, str(k + 1))
    assert "Part A with a name | 1" in texts(sheet.read(tmp_path))


def test_headings_in_the_margin_are_read_before_their_paragraphs(
    sheet: Sheet, tmp_path: Path
) -> None:
    told = "The ferry office keeps a book of all boats that lie in the port and of their owners,"
    y = 100.0
    for number, name in (("2.3.9.1", "Book of Boats"), ("2.3.9.2", "Owners of Boats")):
        sheet.column(40, y, number, "(01-17-2023)")
        sheet.column(40, y + 22, *name.split(" of "), font="hebo")
        for k in (1, 2):
            sheet.column(130, y, f"({k})")
            sheet.column(146, y, told, "and it may be read by everybody on every working day.")
            y += 30
        sheet.column(130, y, "(3)")
        sheet.column(146, y, "None")
        y += 40
    document = sheet.read(tmp_path)
    first, *_ = texts(document)
    assert first == "2.3.9.1 (01-17-2023) Book Boats"
    told_in = {
        document.sentence_text(s.heading)
        for s in document.sentences
        if s.heading is not None and s.kind is SentenceKind.PROSE
    }
    assert told_in == {first, "2.3.9.2 (01-17-2023) Owners Boats"}
    assert f"(2) {told} and it may be read by everybody on every working day." in texts(document)
    assert not [s for s in document.sentences if s.kind is SentenceKind.ROW]


def test_a_footer_of_two_lines_in_cells_is_no_table(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    for number in range(1, 6):
        page = pdf.new_page(width=500, height=600)
        for i in range(12):
            page.insert_text((40, 60 + 11 * i), f"Line {i} of page {number} says this.", fontsize=9)
        for x, text in ((40, "Cat. No. 28171E"), (200, "Manual"), (400, f"Exhibit {number}")):
            page.insert_text((x, 570), text, fontsize=9)
        page.insert_text((40, 581), "Any line marked so", fontsize=9)
        page.insert_text((400, 581), f"2817{number}", fontsize=9)
    pdf.save(tmp_path / "footer.pdf")
    found = texts(read(tmp_path / "footer.pdf"))
    assert len(found) == 60
    assert not any("Cat." in text or "marked" in text for text in found)


def test_paragraphs_side_by_side_are_columns(sheet: Sheet, tmp_path: Path) -> None:
    said = (
        "The committee met in the year to review the",
        "accounts and the audit plan of member {}.",
    )
    for i in range(5):
        for x, k in ((40, i), (260, 5 + i)):
            sheet.column(x, 100 + 40 * i, said[0], said[1].format(k))
    assert texts(sheet.read(tmp_path)) == [f"{said[0]} {said[1].format(k)}" for k in range(10)]
