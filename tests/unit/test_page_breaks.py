"""Sentences over the end of a page: joined where they go on, and only there; shown on both."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pymupdf
import pytest
from sqlite_utils import Database

from docqa.app.answer_text import linked_answer
from docqa.app.tui.widgets.page_ink import Ink, Marks, paint
from docqa.app.tui.widgets.page_stack import PageStack
from docqa.engine.exports.annotated_pdf import annotate_pdf
from docqa.engine.exports.highlights import highlights_of
from docqa.engine.exports.markdown import questions_markdown
from docqa.engine.exports.record_json import record_json
from docqa.engine.exports.sentence_quads import PageGlyphs
from docqa.engine.ingest.documents import ingest
from docqa.engine.ingest.page_breaks import goes_on
from docqa.engine.library.migrations import MIGRATIONS
from docqa.engine.library.store import Store
from docqa.engine.pipeline import open_file
from docqa.engine.quote import quote_sentence
from docqa.engine.types import Document, SentenceKind
from tests.pdfs import asked

REAL = Path(__file__).parents[3] / "shared" / "pdfs" / "real"
ABOVE = "The committee met twice in the month of May, and it found that the harbour needs"
FEE = (
    "The harbour office raised the yearly fee for fishing vessels to 48 crowns because "
    "the quay had to be dredged again."
)


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        (ABOVE, "new lights on its northern mole. Nothing was decided.", True),
        (f"{ABOVE} re-", "pairs. Nothing was decided.", True),
        ("It is governed by the", "Harbour Act of 1921.", True),
        ("It is governed by the", "The mole is from 1921.", False),
        (ABOVE, "the harbour", False),
        ("The sales of the", "2021 models rose.", True),
        (f"{ABOVE}.", "new lights were put up.", False),
        (f"{ABOVE}.12", "new lights were put up.", False),
        (f"{ABOVE}:", "new lights on its mole;", False),
        (ABOVE, "The mole is from 1921.", False),
        (ABOVE, "• new lights on its mole", False),
        (ABOVE, "(b) new lights on its mole", False),
        (f"{ABOVE} lights; and", "new ropes on its mole.", False),
        ("Net revenues | 1,577 | 1,373", "new lights on its mole.", False),
        (ABOVE, "revenues | 1,577 | 1,373", False),
        ("Report of the Harbour Committee", "new lights on its mole.", False),
        ("THE HARBOUR OFFICE AND ITS DUTIES TO", "new lights on its mole.", False),
        ("17", "new lights on its mole.", False),
        ("Chief Harbour Master", "new lights on its mole.", False),
        (f"{ABOVE} lamps, 12, ropes, 65", "on the mole, 34", False),
        ("harbours, 12–14, 30n lights of, 32 masters of, 40, 41–44, 143,", "Kiel, 228, 29", False),
    ],
)
def test_a_sentence_goes_on_where_the_words_say_so(above: str, below: str, expected: bool) -> None:
    assert goes_on(above, below) is expected


def test_a_full_last_line_goes_on_with_a_name() -> None:
    assert goes_on(ABOVE, "Anstruther lights on its mole.", is_full=True)
    assert not goes_on("Attendance of the members", "Anstruther lights.", is_full=True)


def joined(document: Document) -> list[str]:
    return [document.sentence_text(s.id) for s in document.sentences if s.rest is not None]


def ingest_text(folder: Path, text: str) -> Document:
    path = folder / "minutes.txt"
    path.write_text(text, encoding="utf-8")
    return ingest(path)


def test_pages_of_a_text_are_joined(tmp_path: Path) -> None:
    document = ingest_text(tmp_path, f"It rained. {ABOVE}\fnew lights. Nothing else.\fThe end.")
    assert [(s.page, s.last_page, document.sentence_text(s.id)) for s in document.sentences] == [
        (1, 1, "It rained."),
        (1, 2, f"{ABOVE} new lights."),
        (2, 2, "Nothing else."),
        (3, 3, "The end."),
    ]
    sentence = document.sentences[1]
    assert [document.part_text(part) for part in sentence.parts] == [ABOVE, "new lights."]
    start, end = document.span(1)
    assert document.text[start:end] == f"{ABOVE}\n\nnew lights."


def test_a_sentence_of_three_pages_is_cut_once(tmp_path: Path) -> None:
    document = ingest_text(
        tmp_path, f"{ABOVE}\fa lamp, a rope and a bell, and that the people of the town want\fmore."
    )
    assert [s.last_page for s in document.sentences] == [2, 3]
    assert " ".join(document.sentence_text(i) for i in range(2)).endswith("the town want more.")


def test_a_long_sentence_is_cut_at_its_clauses_over_the_break(tmp_path: Path) -> None:
    clause = "the keeper of the light shall write down every ship that passes by the mole"
    above = "; ".join([clause] * 4) + "; the master of the harbour shall read"
    document = ingest_text(tmp_path, f"{above}\fwhat is written there; {clause}; {clause}.")
    texts = [document.sentence_text(s.id) for s in document.sentences]
    assert all(len(text.split()) <= 80 for text in texts)
    assert " ".join(texts) == f"{above} what is written there; {clause}; {clause}."
    assert [s.page for s in document.sentences] == sorted(s.page for s in document.sentences)


def test_tables_and_headings_of_a_text_stay_apart(tmp_path: Path) -> None:
    pages = [f"{ABOVE}", "# new lights", "a | 1 | 2", f"The b | 3\n{ABOVE}", "The end of it all"]
    document = ingest_text(tmp_path, "\f".join(pages))
    assert joined(document) == []


def make_pdf(path: Path, pages: list[list[str]], *, sizes: tuple[int, ...] = ()) -> Document:
    """A PDF whose pages have these lines, and their number below."""
    with pymupdf.open() as pdf:
        for number, lines in enumerate(pages, 1):
            page = pdf.new_page(width=420, height=300)
            size = sizes[number - 1] if sizes else 11
            for at, line in enumerate(lines):
                page.insert_text((40, 60 + 14 * at), line, fontsize=size)
            page.insert_text((200, 285), str(number), fontsize=9)
        pdf.save(path)
    return ingest(path)


FEE_PAGES = [
    [
        "The council of the town met in Harbour Hall on the third of May.",
        "The harbour office raised the yearly fee for fishing vessels to",
    ],
    [
        "48 crowns because the quay had to be dredged again. It was the",
        "first change in eleven years, and nobody spoke against it then.",
    ],
    ["The next meeting is in June, when the accounts are to be read."],
]


def test_a_sentence_of_a_pdf_is_joined_over_the_page_number(tmp_path: Path) -> None:
    document = make_pdf(tmp_path / "fee.pdf", FEE_PAGES)
    assert joined(document) == [FEE]
    sentence = next(s for s in document.sentences if s.rest is not None)
    assert (sentence.page, sentence.last_page, sentence.kind) == (1, 2, SentenceKind.PROSE)
    texts = [document.sentence_text(s.id) for s in document.sentences]
    assert texts[2:] == [
        "It was the first change in eleven years, and nobody spoke against it then.",
        "The next meeting is in June, when the accounts are to be read.",
    ]
    boxes = [part.box for part in sentence.parts]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0][1] > boxes[1][1], "the second part stands higher on its page"


def test_a_word_broken_by_the_page_is_one_word(tmp_path: Path) -> None:
    pages = [
        ["The dredging of the quay was paid for, as the law has it, by fisher-"],
        ["men of the town. The fishermen had asked for it, and so the well-"],
        ["known engineer was sent for. He came in June, and he left in July."],
    ]
    document = make_pdf(tmp_path / "hyphen.pdf", pages)
    assert joined(document) == [
        "The dredging of the quay was paid for, as the law has it, by fishermen of the town.",
        "The fishermen had asked for it, and so the wellknown engineer was sent for.",
    ]


@pytest.mark.parametrize(
    ("foot", "head", "sizes"),
    [
        ("Fees were raised for vessels that lie at the quay all the year and", "(c) boats.", ()),
        (
            "Fees were raised for vessels that lie at the quay all the year and",
            "48 crowns",
            (11, 8),
        ),
        ("The fees of the year are those of the year before, as was agreed", "Fees", ()),
    ],
)
def test_lists_notes_and_new_beginnings_of_a_pdf_stay_apart(
    tmp_path: Path, foot: str, head: str, sizes: tuple[int, ...]
) -> None:
    second = [head, "and the other words of a page that is as long as it has to be."]
    document = make_pdf(tmp_path / "apart.pdf", [[foot], second], sizes=sizes)
    assert joined(document) == []


def test_a_running_line_that_is_no_furniture_is_not_joined(tmp_path: Path) -> None:
    line = "Credit agreement of the harbour office and the banks of the town (2021)"
    words = [
        "paid by the town for the dredging of the quay in May.",
        "The rest is owed until June.",
    ]
    pages = [[*words * n, line] for n in (1, 4, 2, 6)]  # at another place on every page
    document = make_pdf(tmp_path / "running.pdf", pages)
    assert joined(document) == []


def noted_pdf(path: Path, notes: list[str], *, note_step: int = 10) -> Document:
    """Two pages of wide-set lines, notes with raised numbers at the foot of the first."""
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=420, height=300)
        for at, line in enumerate(FEE_PAGES[0]):
            page.insert_text((40, 60 + 24 * at), line, fontsize=11)
        page.insert_text((40, 143), "1", fontsize=6)
        for at, line in enumerate(notes):
            page.insert_text((60, 150 + note_step * at), line, fontsize=11)
        page = pdf.new_page(width=420, height=300)
        for at, line in enumerate(FEE_PAGES[1]):
            page.insert_text((40, 60 + 24 * at), line, fontsize=11)
        pdf.save(path)
    return ingest(path)


def test_a_sentence_is_joined_over_the_notes_of_its_page(tmp_path: Path) -> None:
    notes = ["The fee of a fishing vessel was last raised in 1910, when the", "mole was new."]
    document = noted_pdf(tmp_path / "noted.pdf", notes)
    assert joined(document) == [FEE]
    assert " ".join(["1", *notes]) in [document.sentence_text(s.id) for s in document.sentences]


def test_a_note_that_goes_on_is_not_joined_with_the_text(tmp_path: Path) -> None:
    notes = ["The fee of a fishing vessel was last raised in 1910, when the", "mole was made by"]
    document = noted_pdf(tmp_path / "noted.pdf", notes)
    assert joined(document) == [FEE]
    document = noted_pdf(tmp_path / "wide.pdf", notes, note_step=24)  # notes, or a lone number?
    assert joined(document) == []


def page_of_notes(path: Path, notes: list[tuple[float, list[str]]]) -> Document:
    """Two pages of wide-set lines; blocks of close ones, each at its height, below the first."""
    with pymupdf.open() as pdf:
        for lines in FEE_PAGES[:2]:
            page = pdf.new_page(width=420, height=300)
            for at, line in enumerate(lines):
                page.insert_text((40, 60 + 24 * at), line, fontsize=11)
        for top, lines in notes:
            if lines[0][0].isdecimal():
                pdf[0].insert_text((40, top - 4), lines[0][0], fontsize=6)
            for at, line in enumerate(lines):
                x = 60 if line[0].isdecimal() else 40
                pdf[0].insert_text((x, top + 12 * at), line.lstrip("123 "), fontsize=11)
        pdf.save(path)
    return ingest(path)


TAIL = ["mole was new, and it has been owed since then by all who lie at", "the quay in winter."]
LATER = ["2 The fee of a fishing vessel was last raised in 1910, when the", "mole was made."]


def test_the_tail_of_an_older_note_is_no_end_of_the_text(tmp_path: Path) -> None:
    document = page_of_notes(tmp_path / "tail.pdf", [(130, TAIL), (172, LATER)])
    assert joined(document) == [FEE]
    document = page_of_notes(tmp_path / "only.pdf", [(130, TAIL)])
    assert joined(document) == [FEE]


def test_notes_may_stand_as_near_as_a_line_of_the_text(tmp_path: Path) -> None:
    document = page_of_notes(tmp_path / "near.pdf", [(109.5, LATER)])
    assert joined(document) == [FEE]


COLUMNS = [
    [
        "The council met in Harbour Hall on the",
        "third of May. Nobody was absent, and",
        "the minutes of April were read and",
        "found to be true. The harbour office",
        "raised the yearly fee for fishing vessels to",
    ],
    [
        "48 crowns because the quay had to be",
        "dredged again. It was the first change",
        "in eleven years, and nobody spoke",
        "against it then. The next meeting is in",
        "June, when the accounts are read.",
    ],
]
NOTE = ["This paper is given to all who ask for", "it at the office of the harbour, free."]


def columns_pdf(path: Path, *, is_last_full: bool = True) -> Document:
    """Two columns, a note in small letters at the foot of the first."""
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=560, height=300)
        for column, lines in enumerate(COLUMNS):
            for at, line in enumerate(lines):
                text = line if is_last_full or at < 4 else "They spoke of fees."
                page.insert_text((40 + 260 * column, 60 + 14 * at), text, fontsize=11)
        for at, line in enumerate(NOTE):
            page.insert_text((40, 160 + 9 * at), line, fontsize=7)
        pdf.save(path)
    return ingest(path)


def test_a_sentence_goes_on_in_the_next_column(tmp_path: Path) -> None:
    document = columns_pdf(tmp_path / "columns.pdf")
    texts = [document.sentence_text(s.id) for s in document.sentences]
    assert FEE in texts
    assert texts[-1] == " ".join(NOTE), "what stood between comes after"
    assert joined(document) == []
    sentence = document.sentences[texts.index(FEE)]
    with pymupdf.open(tmp_path / "columns.pdf") as pdf:
        quads = PageGlyphs(pdf[0]).find(FEE, sentence.box)
    assert [quad.rect.x0 > 290 for quad in quads] == [False, False, True, True], "a line each"


def test_a_column_that_ends_with_its_sentence_stays_apart(tmp_path: Path) -> None:
    document = columns_pdf(tmp_path / "columns.pdf", is_last_full=False)
    texts = [document.sentence_text(s.id) for s in document.sentences]
    assert texts.index(" ".join(NOTE)) < len(texts) - 1


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no PDF files at {REAL}")
@pytest.mark.parametrize(
    ("name", "page", "words"),
    [
        ("10k-ebay-2021", 31, "Upon completion of the sale, we retained 19.99% of the outstanding"),
        ("10k-salesforce-2023", 10, "We also purchase or license technology that we incorporate"),
    ],
)
def test_filings_are_joined(name: str, page: int, words: str) -> None:
    document = ingest(REAL / f"{name}.pdf")
    found = [s for s in document.sentences if document.sentence_text(s.id).startswith(words)]
    assert (page, page + 1) in [(s.page, s.last_page) for s in found]
    for sentence in document.sentences:
        if sentence.rest is not None:
            text = document.sentence_text(sentence.id)
            assert sentence.kind is SentenceKind.PROSE
            assert " | " not in text
    spans = [document.span(s.id) for s in document.sentences]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


# What shows a joined sentence


@pytest.fixture
def fee(tmp_path: Path) -> Document:
    return make_pdf(tmp_path / "fee.pdf", FEE_PAGES)


def test_the_library_keeps_and_finds_both_parts(fee: Document, tmp_path: Path) -> None:
    with Store(tmp_path / "library.db") as store:
        store.add(fee)
        assert store.load(fee.id).sentences == fee.sentences
        (hit,) = store.search("yearly dredged")
        assert (hit.page, hit.text) == (1, FEE)
        store.remove(fee.id)
        assert store.search("yearly dredged") == []


def test_a_library_from_before_opens(fee: Document, tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    record = asked(fee, "When is the next meeting?").record
    apart = replace(fee, sentences=fee.sentences[-1:], segmenter="docqa-sentences/2")
    apart = replace(apart, sentences=(replace(apart.sentences[0], id=0),))
    with Store(path) as store:
        store.add(apart)
        store.add_record(record)
    with sqlite3.connect(path) as conn:  # as a library of the schema before looks
        conn.execute("ALTER TABLE sentences DROP COLUMN rest")
        conn.execute("ALTER TABLE evidence DROP COLUMN last_page")
        conn.execute("DELETE FROM _sqlite_migrations WHERE name = 'm009_page_breaks'")
    assert [one.name for one in MIGRATIONS.pending(Database(path))] == ["m009_page_breaks"]
    with Store(path) as store:
        assert store.load(fee.id) == apart
        assert [one.last_page for one in store.record(1).evidence] == [None] * len(record.evidence)
        again, is_new = open_file(store, tmp_path / "fee.pdf")
        assert is_new, "sentences cut by the rules before are cut anew"
        assert joined(again) == [FEE]


def test_an_answer_names_both_pages(fee: Document, tmp_path: Path) -> None:
    question = asked(fee, "Why was the yearly fee for fishing vessels raised?")
    best = question.record.evidence[0]
    assert (best.text, best.place) == (FEE, "pp. 1–2")
    assert "(pp. 1–2)" in question.record.answer
    assert f"[(pp. 1–2)](evidence:{best.rank})" in linked_answer(question.record)
    assert "pp. 1–2**" in questions_markdown([question])
    kept = record_json(question.record)["evidence"][0]
    assert (kept["page"], kept["last_page"], kept["text"]) == (1, 2, FEE)
    assert fee.pages[0].text[kept["start"] : kept["end"]] == FEE_PAGES[0][1]
    assert quote_sentence(fee, best.sentence_id) == f"“{FEE}” — fee, pp. 1–2"
    with Store(tmp_path / "library.db") as store:
        assert store.record(store.add_record(question.record)) == question.record


@pytest.mark.parametrize("is_stored", [True, False])
def test_both_parts_are_coloured_in_the_annotated_copy(
    fee: Document, tmp_path: Path, is_stored: bool
) -> None:
    question = asked(fee, "Why was the yearly fee for fishing vessels raised?")
    found = highlights_of([question], fee.id, fee if is_stored else None)
    parts = [one for one in found if one.subject.startswith("Evidence 1:")]
    assert [one.page for one in parts] == [1, 2]
    content = (tmp_path / "fee.pdf").read_bytes()
    copy = annotate_pdf(content, parts, tmp_path / "marked.pdf", title="fee")
    assert (copy.n_highlights, copy.unplaced_pages) == (2, ())
    with pymupdf.open(tmp_path / "marked.pdf") as pdf:
        for page, words in ((pdf[0], FEE_PAGES[0][1]), (pdf[1], "48 crowns because")):
            (line,) = page.search_for(words)
            (mark,) = [annotation.rect for annotation in page.annots()]
            assert abs((mark.y0 + mark.y1) - (line.y0 + line.y1)) < 8, "it marks that line"
            assert mark.x0 <= line.x0 + 1
            assert mark.x1 >= line.x1 - 1


def test_the_page_pane_tints_both_parts(fee: Document) -> None:
    sentence = next(s for s in fee.sentences if s.rest is not None)
    stack = PageStack(fee.pages, fee.sentences, 72)
    for page, words in ((1, FEE_PAGES[0][1]), (2, "48 crowns because")):
        text = fee.pages[page - 1].text
        inks = paint(fee.pages[page - 1], stack.by_page[page], Marks(current=sentence.id))
        start = text.index(words)
        assert set(inks[start : start + len(words)]) == {Ink.CURRENT}
    assert Ink.CURRENT not in paint(fee.pages[2], stack.by_page[3], Marks(current=sentence.id))
