"""Real PDFs: what an analyst asks for stands in one row, with its page, header and heading."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pymupdf
import pytest

from docqa.engine.ingest.documents import ingest
from docqa.engine.ingest.furniture import printed_number
from docqa.engine.types import Document, PageStatus, Sentence, SentenceKind

PDFS = Path(__file__).parents[3] / "shared" / "pdfs"
SAMPLE = Path(__file__).parents[2] / "assets" / "sample" / "harrow-point-ferries.pdf"
needs_pdfs = pytest.mark.skipif(not PDFS.is_dir(), reason=f"no PDF files at {PDFS}")


@cache
def read(name: str) -> Document:
    return ingest(SAMPLE if name == "sample" else PDFS / f"{name}.pdf")


def find(document: Document, page: int, text: str) -> Sentence:
    """The sentence on a page that reads exactly so."""
    found = [
        sentence
        for sentence in document.sentences
        if sentence.page == page and document.sentence_text(sentence.id) == text
    ]
    on_page = [document.sentence_text(s.id) for s in document.sentences if s.page == page]
    assert len(found) == 1, f"{text!r} is not one of {on_page}"
    return found[0]


def text_of(document: Document, sentence_id: int | None) -> str:
    assert sentence_id is not None
    return document.sentence_text(sentence_id)


@needs_pdfs
@pytest.mark.parametrize(
    ("name", "page", "row", "header"),
    [
        (
            "real/10k-ebay-2021",
            58,
            "Net revenues | $10,420 | $8,894 | $7,429",
            "Year Ended December 31, (In millions, except per share amounts) | 2021 | 2020 | 2019",
        ),
        (
            "real/10k-ebay-2021",
            58,
            "Weighted average shares: Diluted | 663 | 718 | 856",
            "Year Ended December 31, (In millions, except per share amounts) | 2021 | 2020 | 2019",
        ),
        (
            "real/10k-ebay-2021",
            57,
            "Total assets | $26,626 | $19,310",
            "December 31, (In millions, except par value) | 2021 | 2020",
        ),
        (
            "real/10k-ebay-2021",
            61,
            "Purchases of property and equipment | (444) | (463) | (508)",
            "Year Ended December 31, (In millions) | 2021 | 2020 | 2019",
        ),
        (
            "real/10k-ebay-2021",
            36,
            "Cost of net revenues | $2,650 | 47% | $1,797 | 13% | $1,585",
            "Year Ended December 31, | 2021 | % Change | 2020 | % Change | 2019",
        ),
        (
            "real/10k-ebay-2021",
            78,
            "Goodwill | $4,155 | $— | $130 | $4,285 | $22 | $(129) | $4,178",
            "December 31, 2019 | Goodwill Acquired | Adjustments | December 31, 2020 | "
            "Goodwill Acquired | Adjustments | December 31, 2021",
        ),
        (
            "real/10k-fedex-2023",
            83,
            "Capital expenditures | (6,174) | (6,763) | (5,884)",
            "Years ended May 31, (IN MILLIONS) | 2023 | 2022 | 2021",
        ),
        (
            "real/10k-fedex-2023",
            84,
            "Employee incentive plans and other (5.4 million shares issued) | — | 125 | 56 | — | "
            "732 | 913",
            None,
        ),
        (
            "real/10k-salesforce-2023",
            61,
            "Total revenues | 31,352 | 26,492 | 21,252",
            "Fiscal Year Ended January 31, (in millions, except per share data) | 2023 | 2022 | "
            "2021",
        ),
        (
            "real/10k-salesforce-2023",
            64,
            "Capital expenditures | (798) | (717) | (710)",
            "Investing activities: Fiscal Year Ended January 31, (in millions) | 2023 | 2022 | "
            "2021",
        ),
        (
            "real/10k-pge-2017",
            124,
            "Capital expenditures | (5,641) | (5,709) | (5,173)",
            "Cash Flows from Investing Activities Year ended December 31, (in millions) | 2017 | "
            "2016 | 2015",
        ),
        (
            "real/10k-pge-2017",
            150,
            "State income tax (net of federal benefit) (1) | 1.5 | (2.5) | (4.9) | 1.6 | (2.2) | "
            "(4.8)",
            "Year Ended December 31, | PG&E Corporation 2017 | PG&E Corporation 2016 | "
            "PG&E Corporation 2015 | Utility 2017 | Utility 2016 | Utility 2015",
        ),
        (  # a column that says the same again and again is none of prose
            "real/10k-salesforce-2023",
            145,
            "450 Mission LLC | United States of America",
            "Name of Entity | Jurisdiction",
        ),
        (  # the first line of a label stands higher than its figures
            "real/10k-ebay-2021",
            35,
            "Net transaction revenues(1) | $9,772 | $8,243 | 19% | 17% | $8,243 | $6,581 | 25% | "
            "26%",
            "Year Ended December 31, 2021 | Year Ended December 31, 2020 | % Change As Reported | "
            "% Change FX-Neutral | Year Ended December 31, 2020 | Year Ended December 31, 2019 | "
            "% Change As Reported | % Change FX-Neutral",
        ),
        (  # a subhead names the rows below it
            "real/10k-ebay-2021",
            34,
            "Net revenues | $1,821 | $2,337 | $2,258 | $2,478",
            "2020 Quarter Ended | March 31 | June 30 | September 30 | December 31",
        ),
        (  # cells over several lines
            "real/10k-salesforce-2023",
            99,
            "10.22 | Nomination and Cooperation Agreement between Salesforce, Inc. and ValueAct "
            "Capital Management L.P., dated January 27, 2023 | 8-K | 001-32224 | 99.1 | 1/27/2023",
            None,
        ),
        (  # a gutter of prose does not cut the table below it
            "real/10k-ebay-2021",
            81,
            "Equity investments with readily determinable fair values | Short-term investments | "
            "$1,745 | $—",
            "Balance Sheet Location | December 31, 2021 | December 31, 2020",
        ),
        (  # columns that have nothing here keep their place
            "real/10k-fedex-2023",
            63,
            "Operating income | $3,140 | $2,642 | 19 |  |",
            "2023 | 2022 | Percent Change | Percent of Revenue 2023 | Percent of Revenue 2022",
        ),
        (
            "real/10k-fedex-2023",
            108,
            "Other | — | — | (1) | (170) | 36 | 45",
            "Change in Plan Assets | U.S. Pension Plans 2023 | U.S. Pension Plans 2022 | "
            "International Pension Plans 2023 | International Pension Plans 2022 | "
            "Postretirement Healthcare Plans 2023 | Postretirement Healthcare Plans 2022",
        ),
        (
            "real/10k-ebay-2021",
            36,
            "MS&O revenues | $648 | $651 | —% | (2)% | $651 | $848 | (23)% | (23)%",
            "Year Ended December 31, 2021 | Year Ended December 31, 2020 | % Change As Reported | "
            "% Change FX-Neutral | Year Ended December 31, 2020 | Year Ended December 31, 2019 | "
            "% Change As Reported | % Change FX-Neutral",
        ),
        (
            "sample",
            9,
            "Purchase of new vessels | (18,640) | (6,200)",
            "Year ended December 31, (In thousands) | 2024 | 2023",
        ),
    ],
)
def test_a_statement_row_is_one_sentence_under_its_header(
    name: str, page: int, row: str, header: str | None
) -> None:
    document = read(name)
    sentence = find(document, page, row)
    assert sentence.kind is SentenceKind.ROW
    if header is not None:
        assert text_of(document, sentence.header) == header


def test_a_table_keeps_its_header_on_the_next_page() -> None:
    document = read("sample")
    row = find(document, 8, "Total assets | $123,941 | $110,207")
    assert row.header is not None
    assert document.sentences[row.header].page == 7
    assert text_of(document, row.header) == "December 31, (In thousands) | 2024 | 2023"


def test_column_names_over_several_lines_become_one_row() -> None:
    document = read("sample")
    row = find(document, 3, "Cape Amity (seasonal) | 814 | 133 | - | 4%")
    assert text_of(document, row.header) == (
        "Route | Sailings 2024 | Passengers 2024 (thousands) | Vehicles 2024 (thousands) | "
        "Share of revenue"
    )


def test_running_heads_and_page_numbers_are_text_but_no_sentences() -> None:
    document = read("sample")
    for page in document.pages[1:]:
        assert "Harrow Point Ferries, Inc. | Annual Report 2024" in page.text
        assert page.text.split("\n")[-1] == str(page.number)
    scored = [document.sentence_text(s.id) for s in document.sentences if s.page > 1]
    assert "Harrow Point Ferries, Inc. | Annual Report 2024" not in scored
    assert not any(re.fullmatch(r"\d+", text) for text in scored)


@needs_pdfs
def test_page_numbers_are_found_wherever_the_text_ends() -> None:
    # eBay's filing was printed from a web page: the number follows the text at any height.
    document = read("real/10k-ebay-2021")
    scored = {(s.page, document.sentence_text(s.id)) for s in document.sentences}
    for page in document.pages[2:115]:
        assert str(page.number) in page.text.split("\n")
        assert (page.number, str(page.number)) not in scored
        assert (page.number, "Table of Contents") not in scored


@pytest.mark.parametrize(
    ("page", "text", "heading"),
    [
        (4, "We have not had a strike since 2008.", "Employees"),
        (5, "Spare parts for her engines have to be ordered up to seven months ahead.",
         "We depend on a small number of vessels."),
        (9, "Purchase of new vessels | (18,640) | (6,200)",
         "Consolidated statements of cash flows"),
        (12, "5.1 For each Cancelled Sailing above 2 percent of the timetable in a calendar year, "
         "the Operator shall pay the Authority $1,200.", "Article 5. Penalties and termination"),
    ],
)  # fmt: skip
def test_a_sentence_knows_its_heading(page: int, text: str, heading: str) -> None:
    document = read("sample")
    sentence = find(document, page, text)
    assert text_of(document, sentence.heading) == heading
    assert document.sentences[sentence.heading or 0].kind is SentenceKind.HEADING


@pytest.mark.parametrize(
    "name", ["sample", "zoo/two-column-tracemonkey", "zoo/form-instructions-i1040nr"]
)
def test_sentences_lie_in_order_in_the_text_of_their_page(name: str) -> None:
    if name != "sample" and not PDFS.is_dir():
        pytest.skip(f"no PDF files at {PDFS}")
    document = read(name)
    last = (0, 0)
    for i, sentence in enumerate(document.sentences):
        assert sentence.id == i
        assert (sentence.page, sentence.start) >= last
        last = (sentence.page, sentence.end)
        text = document.sentence_text(i)
        assert text
        assert text == text.strip()
        assert "\n" not in text
        for other in (sentence.heading, sentence.header):
            assert other is None or other < i


@needs_pdfs
@pytest.mark.parametrize(
    ("name", "page", "in_order"),
    [
        (
            "zoo/three-column-federal-register",
            1,
            [
                "comments on this proposed AD by September 21, 2020.",
                "You may send comments, using the procedures found in 14 CFR 11.43 and 11.45",
                "It is also available in the Docket",
                "The most helpful comments reference a specific portion of the",
                "proposal, explain the reason for any recommended change",
                "Confidential Business Information (CBI)",
                "On October 29, 2018, a Boeing Model 737–8 airplane",
            ],
        ),
        (
            "zoo/two-column-tracemonkey",
            13,
            [
                "Fraction of time spent on major VM activities.",
                "leading to much greater tail duplication.",
                "Researchers have shown how to generate native code with nearly the same",
                "9. Conclusions",
                "10. Future Work",
            ],
        ),
        (
            "zoo/form-instructions-i1040nr",
            5,
            [
                "A dual-status year is one in which you change status",
                "As a dual-status taxpayer not filing a joint return, you are taxed on income",
                "from all sources for the part of the year you were a resident alien.",
                "Special rules apply for exemptions",
                "How To Figure Tax for Dual-Status Year",
            ],
        ),
    ],
)
def test_columns_are_read_one_after_the_other(name: str, page: int, in_order: list[str]) -> None:
    text = read(name).pages[page - 1].text
    places = [text.find(words) for words in in_order]
    assert -1 not in places
    assert places == sorted(places)


@needs_pdfs
def test_prose_in_columns_is_not_a_table() -> None:
    document = read("zoo/three-column-federal-register")
    rows = [s for s in document.sentences if s.kind is SentenceKind.ROW and s.page < 5]
    assert rows == []


@needs_pdfs
def test_words_broken_at_line_ends_are_joined() -> None:
    columns = read("zoo/two-column-tracemonkey").text
    assert "type-specialized" in columns  # a compound stays one
    assert "efficiently compiled traces" in columns
    broken = re.findall(r"\b(?:expres- sions|dy- namic|lan- guages|special- ized)\b", columns)
    assert broken == []
    register = read("zoo/three-column-federal-register").text
    assert "proposes to supersede Airworthiness Directive (AD) 2018–23–51" in register
    filing = read("real/10k-fedex-2023").text
    assert "long-term debt" in filing
    assert "longterm" not in filing


@pytest.mark.parametrize(
    ("name", "page", "text", "words"),
    [
        ("sample", 7, "Total revenue | 85,760 | 80,280", ("Total", "80,280")),
        ("zoo/rotated-table-background-checks", 1, "Wyoming", ("Wyoming", "5,017")),
        ("zoo/rotated-pages-french", 3, None, None),
    ],
)
def test_boxes_stand_where_the_words_are_shown(
    name: str, page: int, text: str | None, words: tuple[str, str] | None
) -> None:
    if name != "sample" and not PDFS.is_dir():
        pytest.skip(f"no PDF files at {PDFS}")
    document = read(name)
    path = SAMPLE if name == "sample" else PDFS / f"{name}.pdf"
    with pymupdf.open(path) as pdf:
        shown = pdf[page - 1].rect
        for sentence in document.sentences:
            if sentence.page == page:
                assert sentence.box is not None
                x0, y0, x1, y1 = sentence.box
                assert -2 <= x0 < x1 <= shown.width + 2
                assert -2 <= y0 < y1 <= shown.height + 2
        if text is None or words is None:
            return
        found = [
            s for s in document.sentences
            if s.page == page and document.sentence_text(s.id).startswith(text)
        ]  # fmt: skip
        box = pymupdf.Rect(found[0].box) + (-3, -3, 3, 3)  # noqa: RUF005 - adds to each side
        # search_for answers in the page as stored; the box is on the page as shown.
        for word in words:
            hits = [hit * pdf[page - 1].rotation_matrix for hit in pdf[page - 1].search_for(word)]
            assert any(hit.normalize() in box for hit in hits)


@needs_pdfs
def test_a_table_on_a_rotated_page_has_its_rows() -> None:
    document = read("zoo/rotated-table-background-checks")
    rows = [
        document.sentence_text(s.id) for s in document.sentences if s.kind is SentenceKind.ROW
    ]  # fmt: skip
    wyoming = next(row for row in rows if row.startswith("Wyoming | "))
    assert wyoming.split(" | ")[1:4] == ["383", "1,745", "2,372"]
    assert wyoming.endswith("| 5,017")


@needs_pdfs
def test_double_spaced_lines_make_paragraphs() -> None:
    document = read("real/long-sec-regulation-best-interest")
    text = document.pages[99].text
    assert "we believe it is necessary to impose a more explicit disclosure obligation" in text


def test_wide_lines_after_close_ones_stay_together(tmp_path: Path) -> None:
    quoted = [
        "The clerk shall enter the appeal in the register",
        "without delay, with its day and",
        "hour.",
    ]
    wide = [
        "That rule leaves no room for the reading that was proposed by the town, which",
        "filed on day thirty; its appeal comes late and must be dismissed by the Board for",
        "that reason.",
    ]
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=540, height=300)
        for at, line in enumerate(quoted):
            page.insert_text((100, 60 + 12 * at), line)
        for at, line in enumerate(wide):
            page.insert_text((60, 109 + 24 * at), line)
        pdf.save(tmp_path / "order.pdf")
    document = ingest(tmp_path / "order.pdf")
    assert document.pages[0].text.split("\n") == [" ".join(quoted), " ".join(wide)]


@needs_pdfs
def test_pages_without_text_are_told_apart() -> None:
    document = read("real/10k-pge-2017")
    assert document.pages[45].status is PageStatus.EMPTY
    assert document.pages[119].status is PageStatus.TEXT
    assert document.unread_pages == ()
    assert read("real/long-book-free-culture").unread_pages == (1, 255)  # cover and a picture


def test_the_title_is_the_documents_own() -> None:
    assert read("sample").title == "Harrow Point Ferries, Inc. Annual Report 2024"


@needs_pdfs
def test_a_useless_title_gives_way_to_the_file_name() -> None:
    assert read("zoo/rotated-pages-french").title == "rotated-pages-french"


def test_the_sample_fits_its_source(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "sample" / "make_sample.py"
    made: dict[str, object] = {"__name__": "make_sample", "__file__": str(script)}
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), made)
    target = tmp_path / "made.pdf"
    made["TARGET"] = target
    made["main"]()  # type: ignore[operator]
    assert ingest(target).text == read("sample").text
    assert SAMPLE.stat().st_size < 150_000


@needs_pdfs
@pytest.mark.parametrize(
    ("page", "text"),
    [
        (73, "a. Scope of Recommendation"),
        (78, "b. Duration of Obligation and Effect of Contractual Arrangements/Course of Dealing"),
        (243, "e. Financial Incentives of Firms and Financial Professionals"),
        (344, "a. Written Policies and Procedures"),
    ],
)
def test_the_letter_of_a_heading_stays_with_it(page: int, text: str) -> None:
    sentence = find(read("real/long-sec-regulation-best-interest"), page, text)
    assert sentence.kind is SentenceKind.HEADING


@needs_pdfs
@pytest.mark.parametrize(
    ("name", "page", "text"),
    [
        ("long-sec-regulation-best-interest", 6, "2 See 913 Study at 124."),
        ("long-sec-regulation-best-interest", 73, "131 See Section 913(f) of the Dodd-Frank Act."),
        (
            "long-sec-regulation-best-interest",
            195,
            "o Providing ongoing, episodic or one-time advice.",
        ),
        ("long-book-free-culture", 66, "The average recording artist makes $45,900.²"),
    ],
)
def test_the_mark_of_a_note_is_known_by_the_layout(name: str, page: int, text: str) -> None:
    assert find(read(f"real/{name}"), page, text).kind is SentenceKind.PROSE


def made(path: Path, lines: list[str], font: str = "helv") -> list[str]:
    """The sentences of a page with one line of text below the other."""
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=600, height=400)
        for i, line in enumerate(lines):
            page.insert_text((50, 60 + 12 * i), line, fontsize=9, fontname=font)
        pdf.save(path)
    document = ingest(path)
    return [document.sentence_text(sentence.id) for sentence in document.sentences]


def test_a_few_spaces_in_prose_end_no_cell(tmp_path: Path) -> None:
    lines = [
        "The ferry company buys its fuel from one house only.     If that house   should be closed",
        "by Chapter   11 proceedings, then   the   company   may have no fuel.   See Note   13 of",
        "the year ended December   31, 2024, where the fuel of the company is told of at length.",
    ]
    assert made(tmp_path / "prose.pdf", lines) == [
        "The ferry company buys its fuel from one house only.",
        "If that house should be closed by Chapter 11 proceedings, then the company may have no "
        "fuel.",
        "See Note 13 of the year ended December 31, 2024, where the fuel of the company is told of "
        "at length.",
    ]


def test_a_few_spaces_beside_figures_end_a_cell(tmp_path: Path) -> None:
    lines = ["Fares   1,007   $   988", "Tolls   1,064   none", "Rents and fees   $912   $888"]
    found = made(tmp_path / "figures.pdf", lines)
    assert found == ["Fares | 1,007 | $988", "Tolls | 1,064 | none", "Rents and fees | $912 | $888"]


def test_three_spaces_of_a_typewriter_end_a_cell(tmp_path: Path) -> None:
    lines = ["Ferry   Harbour", "Tern    Amity", "Petrel  Orient"]
    assert made(tmp_path / "typed.pdf", lines, "cour")[0] == "Ferry | Harbour"


def test_white_names_of_columns_are_read(tmp_path: Path) -> None:
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=500, height=300)
        page.draw_rect((40, 45, 460, 65), color=(0, 0, 0.4), fill=(0, 0, 0.4))
        for x, name in ((200, "Q1"), (300, "Q2"), (400, "FY")):
            page.insert_text((x, 60), name, fontsize=10, color=(1, 1, 1))
        for i, cells in enumerate((("Revenue", "100", "120", "500"), ("Costs", "50", "60", "250"))):
            for x, cell in zip((50, 200, 300, 400), cells, strict=True):
                page.insert_text((x, 80 + 14 * i), cell, fontsize=10)
        pdf.save(tmp_path / "white.pdf")
    document = ingest(tmp_path / "white.pdf")
    headers = [text_of(document, s.header) for s in document.sentences[1:]]
    assert headers == ["Q1 | Q2 | FY", "Q1 | Q2 | FY"]


def test_a_flat_field_beside_a_mark_ends_no_reading(tmp_path: Path) -> None:
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=500, height=300)
        page.insert_text((72, 90), "This is a page with a sentence of many words.", fontsize=11)
        page.insert_text((100.4, 120), "1", fontsize=5)
        field = pymupdf.Widget()
        field.field_type, field.field_name = pymupdf.PDF_WIDGET_TYPE_TEXT, "flat"
        field.field_value, field.rect = "hidden", pymupdf.Rect(72, 200, 100, 210)
        page.add_widget(field)
        (xref,) = (widget.xref for widget in page.widgets())
        pdf.xref_set_key(xref, "Rect", "[72 100 100 100]")
        pdf.save(tmp_path / "odd.pdf")
    document = ingest(tmp_path / "odd.pdf")
    assert "This is a page with a sentence of many words." in document.text


@pytest.mark.parametrize("text", ["\u0130l", "\u0131", "iv", "IV", "C\u0131l\u0131"])
def test_page_numbers_are_latin(text: str) -> None:
    assert printed_number(text) == (4 if text.isascii() else None)


def test_a_table_of_a_note_is_none_of_the_statement_above(tmp_path: Path) -> None:
    rows = [
        ((50, "(in millions)"), (300, "2023"), (400, "2022")),
        ((50, "Revenue"), (300, "31,352"), (400, "26,492")),
        ((50, "Marketing and sales (1)"), (300, "13,526"), (400, "11,855")),
        (),
        ((50, "(1) Amounts include amortization of intangible assets of the year, as follows:"),),
        (),
        ((50, ""), (300, "2023"), (400, "2022")),
        ((50, "Cost of revenues"), (300, "1,035"), (400, "897")),
        ((50, "Marketing and sales"), (300, "916"), (400, "727")),
        (),
        ((50, "All figures of this page were audited by an auditor of the town."),),
    ]
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=500, height=400)
        page.insert_text((50, 40), "Statements of Operations", fontsize=14, fontname="hebo")
        for i, cells in enumerate(rows):
            for x, cell in cells:
                page.insert_text((x, 70 + 14 * i), cell, fontsize=9)
        pdf.save(tmp_path / "note.pdf")
    document = ingest(tmp_path / "note.pdf")
    headings = {
        document.sentence_text(s.id).split(" | ")[-1]: text_of(document, s.heading)
        for s in document.sentences[1:]
    }
    assert headings["11,855"] == "Statements of Operations"
    assert headings["727"].startswith("(1) Amounts include")
    assert document.sentences[-1].heading == 0
