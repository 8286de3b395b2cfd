"""PDFs that tests make, and records of questions asked of documents."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from docqa.engine.exports.questions import ExportedQuestion
from docqa.engine.generators.base import load_generator
from docqa.engine.ingest.documents import ingest
from docqa.engine.library.record import make_record
from docqa.engine.pipeline import ask
from docqa.engine.retrievers.retriever import load_retriever
from docqa.engine.types import Document

SAMPLE = Path(__file__).parent.parent / "assets" / "sample" / "harrow-point-ferries.pdf"
PROSE = (
    "The committee met in Harbour Hall in March. It chose Jane Doe as chair (for two years), "
    "and it set the yearly fee at 40 crowns for each of the members. Nothing else was decided "
    "on that evening, for the lights went out."
)
CHAIR = "It chose Jane Doe as chair (for two years), and it set the yearly fee at 40 crowns"


def make_pdf(path: Path, *, rotation: int = 0, password: str = "", text: str = PROSE) -> Path:
    """Two pages of the same prose in a narrow column."""
    with pymupdf.open() as pdf:
        for _ in range(2):
            page = pdf.new_page(width=400, height=500)
            area = pymupdf.Rect(50, 60, 300, 400)
            assert page.insert_textbox(area, text, fontsize=11) > 0
            page.set_rotation(rotation)
        encryption = pymupdf.mupdf.PDF_ENCRYPT_AES_256 if password else 0
        pdf.save(path, encryption=encryption, user_pw=password, owner_pw=password and "owner")
    return path


def asked(document: Document, question: str, number: int = 1) -> ExportedQuestion:
    """A question answered by word matching, as the history would have it."""
    answer = ask(question, [document], load_retriever("bm25"), load_generator("extractive"))
    record = make_record(
        answer,
        [document],
        n_tokens={},
        model=None,
        strategy="direct",
        ingest_seconds=0.0,
        total_seconds=0.1,
    )
    return ExportedQuestion(record, number, "2026-11-21T05:14:51+00:00")


def read(path: Path, password: str | None = None) -> Document:
    """The document of a file."""
    return ingest(path, password=password)
