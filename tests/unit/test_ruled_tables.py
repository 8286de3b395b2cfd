"""Tables whose rows and columns are drawn: a line under each name, every second row shaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest

from docqa.engine.types import Document, Sentence, SentenceKind
from tests.pdfs import read

SHADE, WHITE = (0.8, 0.9, 1.0), (1.0, 1.0, 1.0)
LEFT, RIGHT = 50, 450
COLUMNS = [(250, 310), (320, 380), (390, 450)]
"""Left and right ends of the lines under the names."""


class Sheet:
    """A page that a test draws on."""

    def __init__(self) -> None:
        self.pdf = pymupdf.open()
        self.page = self.pdf.new_page(width=500, height=600)

    def write(self, y: float, *cells: tuple[float, str], bold: bool = False) -> None:
        """Text on one baseline, each with its left end."""
        font = "hebo" if bold else "helv"
        for x, text in cells:
            self.page.insert_text((x, y), text, fontsize=9, fontname=font)

    def line(self, y: float, *spans: tuple[float, float]) -> None:
        for x0, x1 in spans:
            self.page.draw_rect((x0, y, x1, y + 0.6), color=None, fill=(0, 0, 0))

    def strips(self, y: float, heights: Sequence[float]) -> None:
        """Rows of a table from a height on, every second one shaded."""
        for i, height in enumerate(heights):
            fill = WHITE if i % 2 else SHADE
            for x0, x1 in [(LEFT, 240), (240, RIGHT)]:
                self.page.draw_rect((x0, y, x1, y + height), color=None, fill=fill)
            y += height

    def read(self, folder: Path) -> Document:
        self.pdf.save(folder / "drawn.pdf")
        return read(folder / "drawn.pdf")


@pytest.fixture
def sheet() -> Sheet:
    return Sheet()


def rows(document: Document) -> list[str]:
    return [document.sentence_text(s.id) for s in document.sentences if s.kind is SentenceKind.ROW]


def sentence(document: Document, start: str) -> Sentence:
    return next(s for s in document.sentences if document.sentence_text(s.id).startswith(start))


def header(document: Document, start: str) -> str:
    """The names of the columns of the row that begins so."""
    found = sentence(document, start).header
    assert found is not None
    return document.sentence_text(found)


def figures(*texts: str) -> list[tuple[float, str]]:
    """Cells that end where the columns end."""
    return [
        (right - 2 - pymupdf.get_text_length(text, fontsize=9), text)
        for (_, right), text in zip(COLUMNS, texts, strict=True)
        if text
    ]


def draw_table(sheet: Sheet, top: float = 100) -> None:
    """Three columns, the first two under one name."""
    sheet.write(top, (262, "Year ended June 30,"), bold=True)
    sheet.line(top + 3, (250, 380))
    sheet.write(top + 13, (270, "2024"), (340, "2023"), (400, "Change"), bold=True)
    sheet.line(top + 16, *COLUMNS)
    sheet.strips(top + 16, [12, 12, 12])
    for i, (label, *cells) in enumerate(
        [("Fares", "812", "790", "3%"), ("Freight", "64", "", ""), ("Total", "876", "790", "11%")]
    ):
        y = top + 25 + 12 * i
        sheet.write(y, (LEFT, label), *figures(*cells))


def test_a_line_says_which_columns_a_name_stands_over(sheet: Sheet, tmp_path: Path) -> None:
    draw_table(sheet)
    document = sheet.read(tmp_path)
    names = "Year ended June 30, 2024 | Year ended June 30, 2023 | Change"
    assert header(document, "Fares") == names
    assert rows(document) == [
        names, "Fares | 812 | 790 | 3%", "Freight | 64 |  |", "Total | 876 | 790 | 11%"
    ]  # fmt: skip


def test_the_sentence_above_a_table_stays_whole(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(70, (60, "The following table shows what the ferries earned in each of the years"))
    sheet.write(70, (360, "that the report is about"))
    sheet.write(81, (LEFT, "ended June 30 (in thousands, except percentages):"))
    draw_table(sheet)
    document = sheet.read(tmp_path)
    assert header(document, "Fares").startswith("Year ended June 30, 2024 |")
    assert document.sentence_text(sentence(document, "The following").id).endswith("percentages):")


def test_lines_on_one_strip_are_one_row(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (120, "Where it is told"), (270, "2024"), (340, "2023"), bold=True)
    sheet.line(103, (115, 240), *COLUMNS[:2])
    sheet.strips(103, [12, 24, 12])
    sheet.write(112, (LEFT, "Tolls"), (120, "Other income"), *figures("7", "9", ""))
    sheet.write(124, (120, "Cost of sailings, wages"), (252, "$"))
    sheet.write(135, (LEFT, "Leases"), (120, "and other costs"), *figures("178", "160", ""))
    sheet.write(148, (LEFT, "Rents"), (120, "Other costs"), *figures("12", "11", ""))
    document = sheet.read(tmp_path)
    assert "Leases | Cost of sailings, wages and other costs | $178 | 160" in rows(document)
    assert header(document, "Leases") == "Where it is told | 2024 | 2023"


def test_a_subhead_names_the_rows_below_it(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (262, "March"), (332, "June"), (400, "September"), bold=True)
    sheet.line(103, *COLUMNS)
    sheet.strips(103, [12] * 4)
    for i, year in enumerate(["2023", "2024"]):
        sheet.write(112 + 24 * i, (LEFT, year), bold=True)
        cells = figures(f"1{i}", f"2{i}", f"3{i}")
        sheet.write(124 + 24 * i, (LEFT, f"Fares of {i}"), *cells)
    document = sheet.read(tmp_path)
    assert header(document, "Fares of 0") == "2023 | March | June | September"
    assert header(document, "Fares of 1") == "2024 | March | June | September"


def test_numbers_of_a_list_are_a_column_where_the_text_wraps(sheet: Sheet, tmp_path: Path) -> None:
    for i, y in enumerate([100, 130, 160]):
        sheet.write(y, (LEFT, f"10.{i}"), (100, "Agreement on the"), (300, "8-K"), (380, f"9/{i}"))
        sheet.write(y + 9, (100, "Pier of Amity"))
    assert rows(sheet.read(tmp_path)) == [
        f"10.{i} | Agreement on the Pier of Amity | 8-K | 9/{i}" for i in range(3)
    ]


def test_a_sign_of_money_stands_with_its_figure(sheet: Sheet, tmp_path: Path) -> None:
    for y, label in [(100, "Fares"), (112, "Tolls"), (124, "Rents")]:
        sheet.write(y, (LEFT, label), (280, "**"), (292, "$"), (330, "1,007"))
    assert rows(sheet.read(tmp_path)) == [
        f"{label} | ** | $1,007" for label in ("Fares", "Tolls", "Rents")
    ]


def test_a_line_under_a_link_is_no_column(sheet: Sheet, tmp_path: Path) -> None:
    for y, label, page in [(100, "Fares", "4"), (112, "Tolls", "11"), (124, "Rents", "28")]:
        sheet.write(y, (LEFT, label), (400, page))
        sheet.line(y + 1.5, (LEFT, LEFT + pymupdf.get_text_length(label, fontsize=9)))
    assert rows(sheet.read(tmp_path)) == ["Fares | 4", "Tolls | 11", "Rents | 28"]


def test_underlined_words_inside_a_table_begin_no_other(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (340, "2024"), (400, "2023"), bold=True)
    sheet.line(103, *COLUMNS[1:])
    for i in range(4):
        sheet.strips(103 + 24 * i, [12])  # nothing is drawn between them
    for i, year in [(0, "2031"), (2, "2032"), (4, "2033"), (5, "2034"), (6, "2035")]:
        sheet.write(112 + 12 * i, (LEFT, f"Notes due {year}"), *figures("4%", "70", "65"))
    sheet.write(124, (LEFT, "Secured notes:"))
    for x, text in [(LEFT, "Maturity"), (262, "Interest")]:
        sheet.write(148, (x, text))
        sheet.line(148, (x, x + pymupdf.get_text_length(text, fontsize=9)))
    document = sheet.read(tmp_path)
    assert header(document, "Notes due 2031") == "2024 | 2023"
    assert header(document, "Notes due 2034") == "2024 | 2023"


def test_prose_between_strips_parts_two_tables(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (120, "Where it is told"), (270, "2024"), (340, "2023"), bold=True)
    sheet.line(103, (115, 240), *COLUMNS[:2])
    sheet.strips(103, [24])
    sheet.write(112, (120, "Cost of sailings, wages"))
    sheet.write(123, (LEFT, "Leases"), (120, "and other costs"), *figures("178", "160", ""))
    prose = "The following table presents what is still owed under the leases of the ships:"
    sheet.write(141, (60, prose))
    sheet.write(159, (395, "June 2024"), bold=True)
    sheet.line(162, COLUMNS[2])
    sheet.strips(162, [12, 12, 12])
    for i, year in enumerate(["2025", "2026", "Thereafter"]):
        sheet.write(171 + 12 * i, (LEFT, year), *figures("", "", f"4{i}"))
    document = sheet.read(tmp_path)
    assert "Leases | Cost of sailings, wages and other costs | 178 | 160" in rows(document)
    assert header(document, "2025") == "June 2024"
    assert "Thereafter | 42" in rows(document)


def test_room_under_the_names_does_not_end_a_table(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (80, "Fund"), (262, "Start"), (332, "End"), (400, "Change"), bold=True)
    sheet.line(103, (LEFT, 240), *COLUMNS)
    sheet.strips(103, [36, 12, 24, 12, 24])
    sheet.write(136, (LEFT, "Funds of the harbour"), bold=True)
    for i, year in enumerate(["2024:", "2023:"]):
        sheet.write(148 + 36 * i, (LEFT + 8, year))
        sheet.write(160 + 36 * i, (LEFT + 30, "For the repair of the"))
        sheet.write(171 + 36 * i, (LEFT, "moles"), *figures(f"1{i}", f"2{i}", f"3{i}"))
    document = sheet.read(tmp_path)
    found = [s for s in document.sentences if document.sentence_text(s.id).startswith("For the")]
    assert [document.sentence_text(s.id) for s in found] == [
        "For the repair of the moles | 10 | 20 | 30",
        "For the repair of the moles | 11 | 21 | 31",
    ]
    assert [document.sentence_text(s.header) for s in found if s.header is not None] == [
        "2024: Fund | Start | End | Change",
        "2023: Fund | Start | End | Change",
    ]


def test_a_year_in_the_middle_of_its_columns_names_them_all(sheet: Sheet, tmp_path: Path) -> None:
    places = [160, 210, 260, 320, 370, 420]
    sheet.write(90, (210, "2024"), (370, "2023"))
    for x, name in zip(places, ["Adult", "Child", "Total"] * 2, strict=True):
        sheet.write(102, (x, name))
    for i in range(3):
        y = 114 + 12 * i
        sheet.write(y, (LEFT, f"Route {i}"), *((x, f"{i}{k}7") for k, x in enumerate(places, 1)))
    assert header(sheet.read(tmp_path), "Route 1") == (
        "2024 Adult | 2024 Child | 2024 Total | 2023 Adult | 2023 Child | 2023 Total"
    )


def test_a_figure_higher_than_its_sign_of_money_stands_with_it(
    sheet: Sheet, tmp_path: Path
) -> None:
    sheet.write(100, (270, "2024"), (340, "2023"), bold=True)
    sheet.line(103, *COLUMNS[:2])
    sheet.strips(103, [24, 12, 12])
    sheet.write(113, *figures("13,127", "13,865", ""))
    sheet.write(124, (LEFT, "Fares"), (252, "$"), (322, "$"))
    sheet.write(136, (LEFT, "Tolls"), *figures("4,011", "3,802", ""))
    sheet.write(148, (LEFT, "Rents"), *figures("17,138", "17,667", ""))
    assert "Fares | $13,127 | $13,865" in rows(sheet.read(tmp_path))


def test_a_total_without_a_label_stands_under_its_names(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (270, "2024"), (340, "2023"), (400, "2022"), bold=True)
    sheet.line(103, *COLUMNS)
    sheet.write(112, (LEFT, "Fares"), *figures("812", "790", "3"))
    sheet.write(124, (LEFT, "Freight"), *figures("64", "60", "4"))
    sheet.write(136, *figures("876", "850", "7"))
    sheet.write(148, *figures("88", "", "7"))
    document = sheet.read(tmp_path)
    assert rows(document)[-2:] == ["| 876 | 850 | 7", "| 88 |  | 7"]
    assert header(document, "| 876") == "2024 | 2023 | 2022"


def test_a_total_has_no_label_where_no_lines_are_drawn(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (284, "2024"), (354, "2023"), (424, "2022"))
    sheet.write(112, (LEFT, "Fares"), *figures("812", "790", "3"))
    sheet.write(124, (LEFT, "Freight"), *figures("64", "60", "4"))
    sheet.write(136, *figures("876", "850", "7"))
    assert rows(sheet.read(tmp_path))[-1] == "| 876 | 850 | 7"


def test_a_row_that_begins_in_the_second_column_has_no_label(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (LEFT, "Kind"), (250, "Told in"), (340, "2024"), (400, "2023"), bold=True)
    sheet.line(103, (LEFT, 200), *COLUMNS)
    cells = figures("", "812", "790")
    for y, label, place in [(112, "Fares", "Revenue"), (124, "Tolls", "Other")]:
        sheet.write(y, (LEFT, label), (252, place), *cells)
    for y in (136, 148, 160):
        sheet.write(y, (252, f"Sum {y}"), *cells)
    assert rows(sheet.read(tmp_path))[1::2] == [
        "Fares | Revenue | 812 | 790",
        *(f"| Sum {y} | 812 | 790" for y in (136, 160)),
    ]


def table(sheet: Sheet, *lines: tuple[int, str, tuple[str, ...]]) -> None:
    """Rows under three names: how far each stands further right, its label and its figures."""
    sheet.write(100, (284, "2024"), (354, "2023"), (424, "2022"))
    for i, (indent, label, cells) in enumerate(lines):
        values = figures(*cells) if cells else []
        sheet.write(112 + 12 * i, (LEFT + indent, label), *values)


SUMS = ("812", "790", "703")


def test_a_label_names_the_rows_below_it_that_say_little(sheet: Sheet, tmp_path: Path) -> None:
    table(
        sheet,
        (0, "Current:", ()),
        (9, "Federal", SUMS),
        (9, "Tonnage tax", SUMS),
        (9, "Total", SUMS),
        (0, "Deferred:", ()),
        (9, "Federal (1)", SUMS),
        (0, "Other", SUMS),
    )
    assert [row.split(" |")[0] for row in rows(sheet.read(tmp_path))[1:]] == [
        "Current: Federal", "Tonnage tax", "Current: Total", "Deferred: Federal (1)", "Other"
    ]  # fmt: skip


def test_a_row_said_twice_is_told_by_what_stands_over_it(sheet: Sheet, tmp_path: Path) -> None:
    table(
        sheet,
        (0, "Sailings", ()),
        (9, "Amity", SUMS),
        (9, "Harrow", SUMS),
        (0, "Fare a head", ()),
        (9, "Amity", SUMS),
    )
    assert [row.split(" |")[0] for row in rows(sheet.read(tmp_path))[1:]] == [
        "Sailings: Amity", "Harrow", "Fare a head: Amity"
    ]  # fmt: skip


def test_rows_of_years_are_told_by_what_stands_over_them(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(100, (260, "Ferries"), (335, "Freight"), (424, "Total"))
    for i, label in enumerate(["Revenue", "2024", "2023", "Assets (in millions):", "2024", "All"]):
        cells = figures(*SUMS) if label[0] in "2A" and label[-1] != ":" else []
        sheet.write(112 + 12 * i, (LEFT, label), *cells)
    assert [row.split(" |")[0] for row in rows(sheet.read(tmp_path))[1:]] == [
        "Revenue: 2024", "Revenue: 2023", "Assets (in millions): 2024", "All"
    ]  # fmt: skip


def test_a_label_with_a_label_above_it_is_told_by_both(sheet: Sheet, tmp_path: Path) -> None:
    table(
        sheet,
        (0, "Deferred taxes", ()),
        (9, "Domestic:", ()),
        (18, "Federal", SUMS),
        (9, "Foreign", SUMS),
        (0, "Federal", SUMS),
    )
    assert [row.split(" |")[0] for row in rows(sheet.read(tmp_path))[1:]] == [
        "Deferred taxes: Domestic: Federal", "Deferred taxes: Foreign", "Federal"
    ]  # fmt: skip


def test_rows_of_words_are_no_names_of_columns(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(88, (200, "Who does"), bold=True)
    sheet.write(98, (LEFT, "Issue"), (200, "it now"), (330, "State"), bold=True)
    table = [
        ("The lamp is out", "Maria", "Open"),
        ("Slow bell", "Tom", "Done"),
        ("Rope", "Ann", "4"),
    ]
    for i, cells in enumerate(table):
        sheet.write(114 + 14 * i, *zip((LEFT, 200, 330), cells, strict=True))
    document = sheet.read(tmp_path)
    names = "Issue | Who does it now | State"
    assert rows(document) == [names, *(" | ".join(cells) for cells in table)]
    assert header(document, "The lamp") == names


def test_plain_lines_close_below_bold_ones_are_names_too(sheet: Sheet, tmp_path: Path) -> None:
    sheet.write(98, (LEFT, "Fares"), (270, "Adults"), (340, "Crews"), bold=True)
    sheet.write(108, (LEFT, "of the year"), (270, "a trip"), (340, "a month"))
    sheet.write(122, (LEFT, "Amity"), *figures("7", "90", ""))
    sheet.write(134, (LEFT, "Brill"), *figures("8", "95", ""))
    assert rows(sheet.read(tmp_path))[0] == "Fares of the year | Adults a trip | Crews a month"


def test_the_second_line_of_a_cell_stands_below_its_first(sheet: Sheet, tmp_path: Path) -> None:
    for y, code in [(100, "D"), (126, "M")]:
        sheet.write(
            y, (LEFT, code), (150, "Y"), (225, "N"), (250, "Deposits of the whole year 941")
        )
        sheet.write(y + 10, (250, "paid"))
    sheet.write(152, (LEFT, "W"), (150, "Y"), (225, "Y"), (250, "Wages"))
    assert rows(sheet.read(tmp_path))[:2] == [
        f"{code} | Y | N | Deposits of the whole year 941 paid" for code in "DM"
    ]
