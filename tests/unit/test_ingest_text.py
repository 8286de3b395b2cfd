"""Plain text and Markdown files, and files that are neither."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from docqa.engine.columns import HEADER_REACH
from docqa.engine.errors import Cancelled, IngestError
from docqa.engine.ingest.documents import document_from_text, ingest
from docqa.engine.types import Document, SentenceKind

WRAPPED = """It was a bright cold day in the harbor, and the clocks
of the town were striking nine. Marguerite walked down to
the pier, as she did every day, and looked at the long-
distance ferry.

She was late.
"""


def sentences(document: Document) -> list[str]:
    return [document.sentence_text(i) for i in range(len(document.sentences))]


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_wrapped_lines_become_paragraphs(tmp_path: Path) -> None:
    document = ingest(write(tmp_path, "novel.txt", WRAPPED))
    assert sentences(document) == [
        "It was a bright cold day in the harbor, and the clocks of the town were striking nine.",
        "Marguerite walked down to the pier, as she did every day, and looked at the long-distance "
        "ferry.",
        "She was late.",
    ]
    assert document.title == "novel"
    assert document.id == hashlib.sha256(WRAPPED.encode()).hexdigest()


def test_lines_broken_on_purpose_stay(tmp_path: Path) -> None:
    verse = "The boats go out,\nThe boats come in,\nAnd nobody counts the sailors.\n"
    document = ingest(write(tmp_path, "verse.txt", verse))
    assert document.text.count("\n") == 2


TYPED = """                                          1998         1997
                                        --------     --------
Net revenues                            $ 10,420     $  8,894
Cost of vessels, of which fuel ........    2,650        1,797
Gross profit                               7,770       (7,097)
                                        ========     ========

     The harbour office shall keep the northern mole in good repair and
     shall tell the ferry company of any work on it at least ten days
     before that work begins.
"""


def test_a_typed_table_becomes_rows(tmp_path: Path) -> None:
    document = ingest(write(tmp_path, "filing.txt", TYPED))
    assert sentences(document) == [
        "1998 | 1997",
        "Net revenues | $10,420 | $8,894",
        "Cost of vessels, of which fuel | 2,650 | 1,797",
        "Gross profit | 7,770 | (7,097)",
        "The harbour office shall keep the northern mole in good repair and shall tell the ferry "
        "company of any work on it at least ten days before that work begins.",
    ]
    assert {s.kind for s in document.sentences[:4]} == {SentenceKind.ROW}


def test_rows_of_a_text_have_the_header_above_them() -> None:
    text = """Results of operations
Year ended December 31, | 2024 | 2023
US$000 | US$000
Net revenues | 10,420 | 8,894
Costs:
Crew | 2,650 | 1,797
Vessels | 3,000
The fleet grew. It will grow again. So will its costs.
Other | 12 | 13
(in millions) | 2022 | 2021
Net revenues | 7,000 | 6,500
"""
    document = document_from_text(text, title="t")
    headers = {
        document.sentence_text(s.id): s.header and document.sentence_text(s.header)
        for s in document.sentences
        if s.kind is SentenceKind.ROW
    }
    latest, former = "Year ended December 31, | 2024 | 2023", "(in millions) | 2022 | 2021"
    assert headers == {
        latest: None,
        "US$000 | US$000": None,  # names no column, and has as many cells as no header has
        "Net revenues | 10,420 | 8,894": latest,
        "Crew | 2,650 | 1,797": latest,  # `Costs:` is a label within the table
        "Vessels | 3,000": None,
        "Other | 12 | 13": None,  # prose ends a table
        former: None,
        "Net revenues | 7,000 | 6,500": former,
    }


def test_a_header_stands_within_reach_and_on_the_same_page() -> None:
    rows = "".join(f"Line {n} | {n},000\n" for n in range(HEADER_REACH + 1))
    document = document_from_text(f"Name | 2024\n{rows}", title="t")
    assert [s.header for s in document.sentences] == [None, *[0] * HEADER_REACH, None]
    parted = document_from_text("Name | 2024\f\nCrew | 1,797\n", title="t", is_wrapped=True)
    assert parted.sentences[-1].page == 2
    assert parted.sentences[-1].header is None


def test_a_wide_space_in_prose_makes_no_row(tmp_path: Path) -> None:
    prose = (
        "The boats go out in the morning, and   nobody counts the sailors\n"
        "on board of them. They come in again when the light fails, and  2\n"
        "of them are never seen again.\n"
    )
    document = ingest(write(tmp_path, "novel.txt", prose))
    assert not any(sentence.kind is SentenceKind.ROW for sentence in document.sentences)


@pytest.mark.parametrize(
    "content",
    [
        "Café costs £3.".encode("utf-8-sig"),
        "Café costs £3.".encode("utf-16"),
        "Café costs £3.".encode("utf-16-le"),
        "Café costs £3.".encode("utf-16-be"),
        "Café costs £3.".encode("latin-1"),
    ],
)
def test_the_usual_encodings_are_read(tmp_path: Path, content: bytes) -> None:
    assert ingest(write(tmp_path, "menu.txt", content)).text == "Café costs £3."


def test_markdown_has_headings_and_rows(tmp_path: Path) -> None:
    source = (
        "# Annual report\n\nWe grew\nfast.\n\n## Results\n"
        "| Item | 2024 |\n|------|-----:|\n| Revenue | 85 |\n\n- one\n- two\n"
    )
    document = ingest(write(tmp_path, "report.md", source))
    assert sentences(document) == [
        "Annual report",
        "We grew fast.",
        "Results",
        "Item | 2024",
        "Revenue | 85",
        "- one",
        "- two",
    ]
    assert document.sentences[1].heading == 0
    assert document.sentences[4].heading == 2
    assert document.sentences[4].kind is SentenceKind.ROW


def test_form_feeds_part_pages(tmp_path: Path) -> None:
    document = ingest(write(tmp_path, "pages.txt", "First page.\fSecond page.\n"))
    assert [page.text for page in document.pages] == ["First page.", "Second page."]
    assert document.sentences[1].page == 2


def test_a_pdf_is_known_by_its_content(tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "assets" / "sample" / "harrow-point-ferries.pdf"
    renamed = write(tmp_path, "report.txt", sample.read_bytes())
    assert len(ingest(renamed).pages) > 10


@pytest.mark.parametrize("name", ["notes.txt", "notes.md"])
def test_a_text_may_speak_of_the_mark_of_a_pdf(tmp_path: Path, name: str) -> None:
    text = "A PDF begins with %PDF-1.7, and MuPDF looks for it."
    assert ingest(write(tmp_path, name, text)).text == text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "is empty"),
        ("blank.txt", b" \n\n\t\n", "is empty"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "neither a PDF nor text"),
        ("archive.zip", b"PK\x03\x04" + bytes(200), "neither a PDF nor text"),
        ("broken.pdf", b"not a pdf at all", "damaged"),
        ("refused.pdf", b"<!DOCTYPE html><html><body><p>Sign in.</p></body></html>", "no PDF"),
        ("cut.txt", b"%PDF-1.7\n\x00\x01\x02" + bytes(range(256)) * 9, "neither a PDF nor"),
    ],
)
def test_a_file_that_is_no_document_says_so(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(IngestError, match=message) as error:
        ingest(write(tmp_path, name, content))
    assert name in error.value.message
    assert error.value.hint


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="no such file"):
        ingest(tmp_path / "gone.pdf")
    with pytest.raises(IngestError, match="is a folder"):
        ingest(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_file_that_may_not_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path, "secret.txt", "Text.")
    monkeypatch.setattr(Path, "open", refuse)  # the superuser may read everything
    with pytest.raises(IngestError, match="Permission denied"):
        ingest(path)


def test_a_cancelled_pdf_stops() -> None:
    sample = Path(__file__).parents[2] / "assets" / "sample" / "harrow-point-ferries.pdf"
    pages: list[tuple[int, int]] = []
    with pytest.raises(Cancelled):
        ingest(
            sample,
            on_progress=lambda done, n: pages.append((done, n)),
            is_cancelled=lambda: len(pages) >= 3,
        )
    assert [done for done, _ in pages] == [1, 2, 3]


def test_text_from_elsewhere_is_kept_as_it_is() -> None:
    assert document_from_text(WRAPPED, title="t").text == WRAPPED
    assert "bright cold day in the harbor, and the clocks of" in (
        document_from_text(WRAPPED, title="t", is_wrapped=True).text
    )


def test_a_long_paragraph_is_joined_once(tmp_path: Path) -> None:
    line = "the quick brown fox jumps over the lazy dog and then runs off again quick-\n"
    path = tmp_path / "long.txt"
    path.write_text(line * 20_000, encoding="utf-8")
    text = ingest(path).text
    assert "\n" not in text.strip()
    assert text.count("quick-the quick") == 19_999
