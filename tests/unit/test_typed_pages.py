"""Typed contracts printed anew: underlines of dashes, and page numbers in the middle of pages."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pymupdf
import pytest

from docqa.engine.ingest.documents import ingest
from docqa.engine.types import Document

REAL = Path(__file__).parents[3] / "shared" / "pdfs" / "real"
NOTE = "[***] Confidential treatment has been requested."
TERM = [
    "12.1 Term. Unless it is ended as specified in this Section, the",
    "     ----",
    "     agreement shall begin on the first of May and last for two years.",
]
CLAUSE = [
    "     The harbour office shall keep the northern mole in good repair and",
    "     shall tell the ferry company of any work on it at least ten days",
    "     before that work begins, unless a storm makes it necessary at once.",
    "     No vessel shall lie at the mole while such work is being done on it,",
    "     and no fee shall be owed for those days by the owner of the vessel.",
    "     The ferry company shall land passengers at the southern quay then,",
]

QUAYS = ("north", "south", "east", "west")


def typed(path: Path, pages: list[list[str]]) -> Document:
    """A document of pages of typed lines, one below the other."""
    with pymupdf.open() as pdf:
        for lines in pages:
            page = pdf.new_page(width=400, height=700)
            for i, line in enumerate(lines):
                page.insert_text((20, 30 + 9 * i), line, fontsize=8, fontname="cour")
        pdf.save(path)
    return ingest(path)


def sentences(document: Document) -> list[str]:
    return [document.sentence_text(sentence.id) for sentence in document.sentences]


def test_a_typed_underline_does_not_part_its_sentence(tmp_path: Path) -> None:
    found = sentences(typed(tmp_path / "a.pdf", [TERM]))
    assert found == [
        "12.1 Term.",
        "Unless it is ended as specified in this Section, the agreement shall begin on the first "
        "of May and last for two years.",
    ]


def test_an_underlined_heading_stays_apart(tmp_path: Path) -> None:
    lines = ["FEES", "----", *(line.strip() for line in CLAUSE[:2])]
    assert sentences(typed(tmp_path / "a.pdf", [lines]))[0] == "FEES"


def test_a_line_to_sign_on_does_not_join_what_it_parts(tmp_path: Path) -> None:
    signed = ["The Harbour Office of Malmo and its dependencies, by", "_" * 50, "its captain"]
    lines = [*(line.strip() for line in CLAUSE[:3]), "", *signed]
    assert sentences(typed(tmp_path / "a.pdf", [lines]))[-2:] == [signed[0], signed[2]]


def test_a_typed_underline_in_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "contract.txt"
    path.write_text("\n".join(TERM), encoding="utf-8")
    assert any(
        "in this Section, the agreement shall begin on the first" in sentence
        for sentence in sentences(ingest(path))
    )


def page_end(number: int) -> list[str]:
    return ["", NOTE, "", f"{number:>34}", "", ""]


def printed_anew(first: int = 1, step: int = 1) -> list[list[str]]:
    """Four old pages on two new ones; sentences go over all of their ends."""
    numbers = count(first, step)
    pages = []
    for names in (QUAYS[:2], QUAYS[2:]):
        lines: list[str] = []
        for name in names:
            lines += [
                *CLAUSE,
                "     of stone.",
                "",
                *CLAUSE[:5],
                CLAUSE[5].replace("southern", name),
            ]
            lines += page_end(next(numbers))
            lines += [f"     which lies {name} of it.", ""]
        pages.append(lines)
    return pages


def test_old_page_numbers_and_their_notes_are_no_text(tmp_path: Path) -> None:
    document = typed(tmp_path / "a.pdf", printed_anew())
    found = sentences(document)
    assert not any(sentence.isdigit() for sentence in found)
    assert NOTE not in found
    assert all(NOTE in page.text for page in document.pages)
    for name in QUAYS:
        landing = f"The ferry company shall land passengers at the {name} quay then, "
        assert f"{landing}which lies {name} of it." in found


def test_numbers_that_do_not_count_up_stay(tmp_path: Path) -> None:
    found = sentences(typed(tmp_path / "a.pdf", printed_anew(step=2)))
    assert {"1", "3", "5", "7"} <= set(found)


def test_numbers_of_a_short_list_stay(tmp_path: Path) -> None:
    items = [[str(i), "", *(line.strip() for line in CLAUSE[:3]), ""] for i in range(1, 6)]
    lines = [line for item in items for line in item]
    found = sentences(typed(tmp_path / "a.pdf", [lines, [*CLAUSE, "", "The end of it."]]))
    assert {"2", "3", "4"} <= set(found)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no PDF files at {REAL}")
def test_a_real_contract_reads_as_it_was_written() -> None:
    document = ingest(REAL / "contract-stampscom-sponsorship-agreement.pdf")
    found = sentences(document)
    assert any(
        "specified in this Section 12, the term of this Agreement shall begin on" in sentence
        for sentence in found
    )
    assert any("promotional media and valid URL links" in sentence for sentence in found)
    assert any("each party may disclose Confidential Information" in one for one in found)
    assert not any(sentence.isdigit() for sentence in found)
    exhibit = ingest(REAL / "10k-fedex-2023.pdf")
    footer = "Revolving Credit Agreement (Class AA) (2020-1 EETC)"
    assert sum(footer == sentence for sentence in sentences(exhibit)) <= 2
