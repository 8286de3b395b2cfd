"""A copy of a PDF with highlights: the original untouched, the right letters coloured."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from docqa.engine.errors import ExportError
from docqa.engine.exports.annotated_pdf import AUTHOR, annotate_pdf, needs_password
from docqa.engine.exports.highlights import Highlight, highlights_of
from docqa.engine.exports.page_image import Mark, PageImage, render_page
from docqa.engine.exports.write import ExportFormat, export_file
from docqa.engine.types import Document, Sentence
from tests.pdfs import SAMPLE, asked, make_pdf, read

QUESTION = "How much did the purchase of new vessels cost in 2024?"


def highlight(document: Document, words: str, *, cited: bool = True) -> tuple[Sentence, Highlight]:
    sentence = next(s for s in document.sentences if words in document.sentence_text(s.id))
    text = document.sentence_text(sentence.id)
    return sentence, Highlight(sentence.page, text, sentence.box, cited, "Evidence 1: Who?", "note")


def coloured(pdf: pymupdf.Document, number: int) -> pymupdf.Rect:
    """The part of a page, as it is shown, that is neither white nor black."""
    picture = pdf[number - 1].get_pixmap(alpha=False)
    samples, width = picture.samples, picture.width
    spots = pymupdf.Rect()
    for y in range(picture.height):
        row = samples[y * picture.stride : y * picture.stride + 3 * width]
        for x in range(width):
            red, green, blue = row[3 * x : 3 * x + 3]
            if max(red, green, blue) - min(red, green, blue) > 40:
                spots |= pymupdf.Rect(x, y, x + 1, y + 1)
    return spots


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_sentence_is_coloured_where_it_stands(tmp_path: Path, rotation: int) -> None:
    path = make_pdf(tmp_path / "a.pdf", rotation=rotation)
    before = path.read_bytes()
    document = read(path)
    sentence, mark = highlight(document, "Jane Doe")
    out = tmp_path / "b.pdf"
    copy = annotate_pdf(before, [mark], out, title="A")
    assert (copy.n_highlights, copy.unplaced_pages) == (1, ())
    assert path.read_bytes() == before
    assert out.read_bytes().startswith(before)  # the original, and the annotations after it
    with pymupdf.open(out) as pdf:
        assert sentence.box is not None
        x0, y0, x1, y1 = sentence.box
        around = pymupdf.Rect(x0 - 4, y0 - 4, x1 + 4, y1 + 4)
        spots = coloured(pdf, 1)
        assert around.contains(spots)
        assert spots.get_area() > 0.5 * pymupdf.Rect(sentence.box).get_area()
        assert coloured(pdf, 2).is_empty
        page = pdf[0]  # annotations live as long as their page
        (annotation,) = page.annots()
        assert len(annotation.vertices) >= 3 * 4  # one quadrilateral a line
        assert annotation.info["title"] == AUTHOR
        assert annotation.info["subject"] == "Evidence 1: Who?"
        assert annotation.info["content"] == "note"
        assert annotation.info["modDate"].startswith("D:2")


def test_cited_evidence_has_another_colour(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    document = read(path)
    marks = [
        highlight(document, "Jane Doe", cited=True)[1],
        highlight(document, "Nothing else", cited=False)[1],
    ]
    annotate_pdf(path.read_bytes(), marks, tmp_path / "b.pdf", title="A")
    with pymupdf.open(tmp_path / "b.pdf") as pdf:
        colours = {tuple(annotation.colors["stroke"]) for annotation in pdf[0].annots()}
    assert len(colours) == 2


def test_an_encrypted_file_stays_encrypted(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", password="opensesame")
    document = read(path, password="opensesame")
    _, mark = highlight(document, "Jane Doe")
    content, out = path.read_bytes(), tmp_path / "b.pdf"
    assert needs_password(content)
    for given, message in ((None, "encrypted and needs a password"), ("wrong", "does not open")):
        with pytest.raises(ExportError, match=message):
            annotate_pdf(content, [mark], out, title="A", password=given)
        assert not out.exists()
    annotate_pdf(content, [mark], out, title="A", password="opensesame")
    with pymupdf.open(out) as pdf:
        assert pdf.needs_pass
        assert pdf.authenticate("opensesame")
        assert len(list(pdf[0].annots())) == 1


def test_a_damaged_file_is_repaired_in_the_copy(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    document = read(path)
    broken = path.read_bytes().replace(b"startxref", b"startxxxx")
    copy = annotate_pdf(broken, [highlight(document, "Jane Doe")[1]], tmp_path / "b.pdf", title="A")
    assert copy.n_highlights == 1
    with pymupdf.open(tmp_path / "b.pdf") as pdf:
        assert not pdf.is_repaired
        assert "Harbour Hall" in pdf[0].get_text()


def test_what_is_no_pdf_cannot_be_marked(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Cannot mark the evidence in A"):
        annotate_pdf(b"no pdf", [], tmp_path / "b.pdf", title="A")
    assert list(tmp_path.iterdir()) == []


def test_a_sentence_that_is_gone_is_reported_with_its_page(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    lost = Highlight(2, "Words that stand nowhere.", None, False, "s", "n")
    copy = annotate_pdf(path.read_bytes(), [lost], tmp_path / "b.pdf", title="A")
    assert (copy.n_highlights, copy.unplaced_pages) == (0, (2,))


def test_the_sample_is_exported_with_every_sentence_placed(tmp_path: Path) -> None:
    document = read(SAMPLE)
    question = asked(document, QUESTION)
    marks = highlights_of([question], document.id, document)
    written = export_file(
        [question], ExportFormat.PDF, tmp_path / "marked.pdf", load=lambda _: document
    )
    assert f"{len(marks)} highlights in a copy of Harrow Point" in written.summary
    assert written.warning == ""
    with pymupdf.open(tmp_path / "marked.pdf") as pdf, pymupdf.open(SAMPLE) as original:
        found = [a.info["content"] for page in pdf for a in page.annots()]
        assert [page.get_text() for page in pdf] == [page.get_text() for page in original]
    assert len(found) == len(marks)
    assert all(note.startswith(f"Question: {QUESTION}\nEvidence ") for note in found)


def test_a_changed_file_is_not_marked(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    document = read(path)
    question = asked(document, "Who is the chair?")
    make_pdf(path, text="Another text altogether.")
    with pytest.raises(ExportError, match=r"has changed since it was read \(sha256 .*knows"):
        export_file([question], ExportFormat.PDF, tmp_path / "b.pdf", load=lambda _: document)


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_page_image_frames_the_current_sentence(tmp_path: Path, rotation: int) -> None:
    path = make_pdf(tmp_path / "a.pdf", rotation=rotation)
    document = read(path)
    sentence, _ = highlight(document, "Jane Doe")
    mark = Mark(document.sentence_text(sentence.id), sentence.box, is_current=True)
    shown_width = 500 if rotation else 400
    image = render_page(path.read_bytes(), 1, [mark], width=2 * shown_width, title="A")
    assert isinstance(image, PageImage)
    assert image.width == 2 * shown_width
    assert len(image.pixels) == 3 * image.width * image.height
    assert image.current is not None
    assert sentence.box is not None
    for side, expected in zip(image.current, sentence.box, strict=True):
        assert side == pytest.approx(2 * expected, abs=16)
    x, y = round(image.current[0]), round((image.current[1] + image.current[3]) / 2)
    red, green, blue = image.pixels[3 * (y * image.width + x) :][:3]
    assert red > green + 40 > blue  # on the frame


def test_an_image_of_an_encrypted_page_needs_the_password(tmp_path: Path) -> None:
    content = make_pdf(tmp_path / "a.pdf", password="opensesame").read_bytes()
    with pytest.raises(ExportError, match="needs a password"):
        render_page(content, 1, [], width=100, title="A")
    assert render_page(content, 1, [], width=100, title="A", password="opensesame").width == 100


def test_a_page_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    content = make_pdf(tmp_path / "a.pdf").read_bytes()
    with pytest.raises(ExportError, match="Page 99 of A cannot be drawn: page 98 not in"):
        render_page(content, 99, [], width=100, title="A")
