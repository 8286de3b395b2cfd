"""Where the letters of a sentence stand on its page: all of them, and no others."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pymupdf
import pytest

from docqa.engine.exports.sentence_quads import PageGlyphs, folded
from docqa.engine.types import Document
from tests.pdfs import SAMPLE, make_pdf, read

REAL = Path(__file__).parents[3] / "shared" / "pdfs"
needs_pdfs = pytest.mark.skipif(not REAL.is_dir(), reason=f"no PDF files at {REAL}")


@cache
def sample() -> Document:
    return read(SAMPLE)


class Letters:
    """The letters of a page with their centres, as MuPDF tells them."""

    def __init__(self, page: pymupdf.Page) -> None:
        blocks = page.get_textpage().extractRAWDICT()["blocks"]
        lines = [line for block in blocks for line in block.get("lines", ())]
        self.letters = [
            (char["c"], (x0 + x1) / 2, (y0 + y1) / 2)
            for line in lines
            for span in line["spans"]
            for char in span["chars"]
            for x0, y0, x1, y1 in [char["bbox"]]
        ]

    def under(self, quads: list[pymupdf.Quad]) -> str:
        """Those whose centres are inside the quads."""
        areas = [tuple(quad.rect) for quad in quads]
        inside = [
            letter
            for letter, x, y in self.letters
            if any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in areas)
        ]
        return folded("".join(inside))


@pytest.mark.parametrize("page", [1, 4, 6, 9, 10])
def test_quads_of_the_sample_hold_the_sentence_and_nothing_else(page: int) -> None:
    document = sample()
    with pymupdf.open(SAMPLE) as pdf:
        glyphs, letters = PageGlyphs(pdf[page - 1]), Letters(pdf[page - 1])
        sentences = [s for s in document.sentences if s.page == page]
        assert sentences
        for sentence in sentences:
            text = document.sentence_text(sentence.id)
            found = letters.under(glyphs.find(text, sentence.box))
            assert sorted(found) == sorted(folded(text)), text


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_sentence_over_three_lines_has_three_quads(tmp_path: Path, rotation: int) -> None:
    path = make_pdf(tmp_path / "a.pdf", rotation=rotation)
    document = read(path)
    sentence = next(s for s in document.sentences if "Jane" in document.sentence_text(s.id))
    text = document.sentence_text(sentence.id)
    with pymupdf.open(path) as pdf:
        quads = PageGlyphs(pdf[0]).find(text, sentence.box)
        assert Letters(pdf[0]).under(quads) == folded(text)
    rows = {round(quad.rect.y1) for quad in quads}
    assert len(quads) == len(rows) >= 3
    first, last = quads[0].rect, quads[-1].rect
    assert first.x0 > 60  # the sentence begins within its first line
    assert last.x1 < max(quad.rect.x1 for quad in quads)  # and ends within its last


def test_the_marks_at_the_end_belong_to_the_sentence(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", text="He left (at noon). She stayed.")
    with pymupdf.open(path) as pdf:
        glyphs = PageGlyphs(pdf[0])
        full = glyphs.find("He left (at noon).", None)[0].rect
        bare = glyphs.find("He left (at noon", None)[0].rect
        after = glyphs.find("She stayed.", None)[0].rect
    assert bare.x1 < full.x1 <= after.x0


def test_without_a_box_the_whole_page_is_searched_and_absent_words_are_not_found(
    tmp_path: Path,
) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    with pymupdf.open(path) as pdf:
        glyphs = PageGlyphs(pdf[0])
        assert len(glyphs.find("The committee met in Harbour Hall in March.", None)) >= 1
        assert glyphs.find("The committee met in Winter Garden.", None) == []


def test_where_no_letters_are_the_box_is_marked(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    with pymupdf.open(path) as pdf:
        (quad,) = PageGlyphs(pdf[0]).find("filled in by hand", (50.0, 420.0, 200.0, 440.0))
    assert tuple(quad.rect) == (50, 420, 200, 440)


@needs_pdfs
@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("zoo/three-column-federal-register", 5),
        ("zoo/rotated-pages-french", 4),
        ("zoo/rotated-table-background-checks", 1),
        ("zoo/two-column-tracemonkey", 2),
        ("zoo/non-latin-chinese-quarterly", 4),
        ("real/10k-ebay-2021", 79),
    ],
)
def test_sentences_of_real_pages_are_found_letter_by_letter(name: str, page: int) -> None:
    path = REAL / f"{name}.pdf"
    document = read(path)
    sentences = [s for s in document.sentences if s.page == page]
    with pymupdf.open(path) as pdf:
        glyphs, letters = PageGlyphs(pdf[page - 1]), Letters(pdf[page - 1])
        n_exact = 0
        for sentence in sentences:
            text = document.sentence_text(sentence.id)
            found = letters.under(glyphs.find(text, sentence.box))
            n_exact += sorted(found) == sorted(folded(text))
    assert n_exact >= 0.9 * len(sentences), f"{n_exact} of {len(sentences)}"
