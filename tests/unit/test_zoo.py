"""Every file of the PDF zoo ends as its table says: read, read in part, or one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from docqa.engine.errors import IngestError
from docqa.engine.ingest.documents import ingest
from docqa.engine.types import PageStatus

ZOO = Path(__file__).parents[3] / "shared" / "pdfs" / "zoo"
pytestmark = pytest.mark.skipif(not ZOO.is_dir(), reason=f"no PDF zoo at {ZOO}")

READ = {  # name: (pages, numbers of the pages with text)
    "two-column-tracemonkey": (14, range(1, 15)),
    "two-column-latex": (3, range(1, 4)),
    # Page 8 is a drawing, kept as a picture; its header and footer are all the text there is.
    "three-column-federal-register": (15, [*range(1, 8), *range(9, 16)]),
    "dense-table-senate-expenditures": (1, [1]),
    "rotated-table-background-checks": (1, [1]),
    "rotated-pages-french": (10, range(1, 11)),
    "form-f1040nr": (5, range(1, 6)),
    "form-instructions-i1040nr": (50, range(1, 51)),
    "form-filled-cms": (18, range(1, 19)),
    "form-filled-f1040": (2, [1, 2]),
    "scan-multipage": (6, [4]),
    "damaged-qpdf-issue-202": (10, range(1, 11)),
    "damaged-missing-objects": (8, range(1, 9)),
    "right-to-left-arabic": (1, [1]),
    "non-latin-korean": (4, range(1, 5)),
    "non-latin-chinese-quarterly": (22, range(1, 23)),
    "non-latin-japanese-vertical": (1, [1]),
    "non-latin-thai": (1, [1]),
    "long-german-maths-geotopo": (117, range(1, 118)),
}
REFUSED = {  # name: words of the message, words of the hint
    "form-xfa-placeholder": ("dynamic XFA form", "Adobe Reader"),
    "scan-multipage-nemotron": ("no text on 4 of 4 pages", "ocrmypdf scan-multipage-nemotron.pdf"),
    "scan-rotated-90": ("no text on 1 of 1 pages", "ocrmypdf scan-rotated-90.pdf out.pdf"),
    "scan-rotation-mismatch": ("no text on 1 of 1 pages", "ocrmypdf"),
    "scan-mixed-rotation": ("no text on 8 of 8 pages", "ocrmypdf"),
    "scan-rotated-skewed": ("no text on 1 of 1 pages", "ocrmypdf"),
    "font-without-unicode-map": ("not readable language", "ocrmypdf --force-ocr"),
    "bad-text-layer-russian-form": ("8 of 8 pages is not readable language", "--force-ocr"),
    "encrypted-password-test": ("needs a password", "--password"),
    "encrypted-password-openpassword": ("needs a password", "--password"),
    "damaged-five-bytes": ("damaged", ""),
    "damaged-invalid-header": ("damaged", ""),
    "damaged-fuzzed": ("damaged", ""),
}


def test_every_file_of_the_zoo_is_expected() -> None:
    assert {path.stem for path in ZOO.glob("*.pdf")} == READ.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", READ)
def test_a_readable_file_is_read(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    n_pages, with_text = READ[name]
    document = ingest(ZOO / f"{name}.pdf")
    assert len(document.pages) == n_pages
    read = [page.number for page in document.pages if page.status is PageStatus.TEXT]
    assert read == list(with_text)
    assert document.sentences
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", REFUSED)
def test_an_unreadable_file_says_why(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    message, hint = REFUSED[name]
    with pytest.raises(IngestError) as error:
        ingest(ZOO / f"{name}.pdf")
    assert message in error.value.message
    assert hint in error.value.hint
    assert error.value.hint
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "password", "n_pages"),
    [
        ("encrypted-password-test", "test", 4),
        ("encrypted-password-openpassword", "openpassword", 1),
    ],
)
def test_the_password_opens_an_encrypted_file(name: str, password: str, n_pages: int) -> None:
    document = ingest(ZOO / f"{name}.pdf", password=password)
    assert len(document.pages) == n_pages
    assert document.sentences
    assert document.unread_pages == ()
    with pytest.raises(IngestError, match="password given does not open it"):
        ingest(ZOO / f"{name}.pdf", password="wrong")


def test_pages_left_unread_are_reported() -> None:
    assert ingest(ZOO / "scan-multipage.pdf").unread_pages == (1, 2, 3, 5, 6)


def test_values_of_form_fields_are_text() -> None:
    assert ingest(ZOO / "form-filled-f1040.pdf").text.count("foobar") == 1
    assert "[x]" in ingest(ZOO / "form-filled-cms.pdf").pages[0].text
