"""Raised numbers behind figures: they are no digits of the figure, and are found on the page."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from docqa.engine.exports.sentence_quads import PageGlyphs
from docqa.engine.generators.language_model.verbatim import find_verbatim
from docqa.engine.ingest.documents import ingest
from docqa.engine.ingest.layout import is_number
from docqa.engine.ingest.sentences import split_sentences
from docqa.engine.words import stems


def make_pdf(path: Path, lines: list[str]) -> Path:
    """A page of lines; what stands between two `^` is set raised and small."""
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=500, height=300)
        for i, line in enumerate(lines):
            x = 40.0
            for n, part in enumerate(line.split("^")):
                size, y = (7, 56 + 16 * i) if n % 2 else (11, 60 + 16 * i)
                page.insert_text((x, y), part, fontsize=size)
                x += pymupdf.get_text_length(part, fontsize=size)
        pdf.save(path)
    return path


LINES = [
    "The harbour had 4,300^2^ vessels at the end of 2017.^13^ Half paid a fee of",
    "$0.45^4^ each and 5,400,^5^ in all, none.^6^ It is 10^6^ metres long.",
]


def test_a_raised_number_does_not_change_its_figure(tmp_path: Path) -> None:
    document = ingest(make_pdf(tmp_path / "a.pdf", LINES))
    assert [document.sentence_text(s.id) for s in document.sentences] == [
        "The harbour had 4,300² vessels at the end of 2017.¹³",
        "Half paid a fee of $0.45⁴ each and 5,400,⁵ in all, none.6",
        "It is 10⁶ metres long.",
    ]


def test_its_sentence_is_found_on_the_page(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", LINES)
    document = ingest(path)
    with pymupdf.open(path) as pdf:
        glyphs = PageGlyphs(pdf[0])
        for sentence in document.sentences:
            assert glyphs.find(document.sentence_text(sentence.id), None)


def test_small_letters_of_one_height_are_no_raised_numbers(tmp_path: Path) -> None:
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=500, height=300)
        page.insert_text((40, 60), "The harbour had 4,30", fontsize=11)
        x = 40 + pymupdf.get_text_length("The harbour had 4,30", fontsize=11)
        page.insert_text((x, 58), "7", fontsize=10.5)  # as a scanner's program sets it
        pdf.save(tmp_path / "a.pdf")
    document = ingest(tmp_path / "a.pdf")
    assert document.pages[0].text == "The harbour had 4,307"


def test_a_sentence_ends_with_a_raised_number() -> None:
    text = "It grew until 2017.⁴²⁵ Firms left. It was 1.5² m."
    assert [text[a:b] for a, b, _ in split_sentences(text)] == [
        "It grew until 2017.⁴²⁵",
        "Firms left.",
        "It was 1.5² m.",
    ]


def test_a_figure_with_a_raised_number_is_the_figure() -> None:
    assert is_number("$1,204²")
    assert stems("4,300² vessels") == ["4,300", "2", "vessel"]
    assert find_verbatim("4,300 vessels", "It had 4,300¹² vessels.") == "4,300¹² vessels"
    assert find_verbatim("4,300¹² vessels", "It had 4,300¹² vessels.") == "4,300¹² vessels"
    assert find_verbatim("12 vessels", "It had 4,300¹² vessels.") is None
