"""Numbered names: headings above paragraphs, items in lists."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from docqa.engine.ingest.documents import ingest
from docqa.engine.types import SentenceKind

PROSE = [
    "The harbour office asks every owner who lands fish in the harbour for a yearly fee, and",
    "it keeps a list of the vessels that were let in.",
]


def headings(path: Path, paragraphs: list[list[str]]) -> list[str]:
    with pymupdf.open() as pdf:
        page = pdf.new_page()
        y = 60
        for lines in paragraphs:
            for line in lines:
                page.insert_text((72, y), line, fontsize=11)
                y += 14
            y += 10
        pdf.save(path)
    document = ingest(path)
    return [
        document.sentence_text(s.id) for s in document.sentences if s.kind is SentenceKind.HEADING
    ]


def test_a_numbered_name_above_a_paragraph_is_a_heading(tmp_path: Path) -> None:
    paragraphs = [
        PROSE,
        ["b. Duties of Owners"],
        ["(1) Yearly Fee"],
        PROSE,
        ["(2) Register"],
        PROSE,
    ]
    assert headings(tmp_path / "rules.pdf", paragraphs) == [
        "b. Duties of Owners",
        "(1) Yearly Fee",
        "(2) Register",
    ]


def test_the_items_of_a_list_are_no_headings(tmp_path: Path) -> None:
    plain = [PROSE, ["(1) Yearly Fee"], ["(2) Register"], ["(3) Winter Lamps"], PROSE]
    assert headings(tmp_path / "plain.pdf", plain) == []
    led_in = [[*PROSE, "An owner sends:"], ["(a) Proof of Payment"], PROSE]
    assert headings(tmp_path / "led.pdf", led_in) == []
    name = [PROSE, ["J. Anstruther Smith"], PROSE]
    assert headings(tmp_path / "name.pdf", name) == []
