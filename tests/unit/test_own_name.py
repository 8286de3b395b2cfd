"""A report is asked by its company's name and read for what "the company" does."""

from __future__ import annotations

from pathlib import Path

import pytest

from docqa.engine.ingest.documents import document_from_text, ingest
from docqa.engine.question.own_name import about_the_company, registrant
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.types import Document
from docqa.trainer.bench import score_all

REAL = Path(__file__).parents[3] / "shared" / "pdfs" / "real"
CAPTION = "(Exact name of registrant as specified in its charter)"


def report(*name: str, text: str = "") -> Document:
    """A report with these lines where its cover has the name."""
    front = ("UNITED STATES", "SECURITIES AND EXCHANGE COMMISSION", "Washington, D.C. 20549")
    address = ("Castle Rock, CO | 80109", "Securities registered pursuant to Section 12(b):")
    return document_from_text("\n".join((*front, *name, *address, text)) + "\n", title="report")


@pytest.mark.parametrize(
    ("cover", "name"),
    [
        (("Harrow Ferries, Inc.", CAPTION), "Harrow Ferries"),
        (("THE HARROW COMPANY", CAPTION), "HARROW"),
        (("harbor.com", CAPTION), "harbor.com"),
        (("Commission file number 1-58", "HOLM & SONS PLC"), "HOLM & SONS"),
        (("1-58 | HARROW CORPORATION | 62-17",), "HARROW"),
        (
            (f"For the transition period to Harrow Ferries Corporation {CAPTION} | 62-17",),
            "Harrow Ferries",
        ),
        # whose of several it is, a question must say
        (("1-58 | HARROW CORPORATION | 62", "1-59 | HOLM GAS COMPANY | 63"), ""),
        # no name
        (("An Illinois Corporation",), ""),
        (("________________", CAPTION), ""),
    ],
)
def test_the_cover_tells_whose_report_it_is(cover: tuple[str, ...], name: str) -> None:
    assert registrant(report(*cover)) == name


def test_only_the_cover_of_a_report_tells() -> None:
    late = ("Holm Gas Company", CAPTION)
    assert (
        registrant(report("Harrow Ferries, Inc.", CAPTION, text="\n".join(late)))
        == "Harrow Ferries"
    )
    letter = document_from_text("Harrow Ferries, Inc.\nWe write to you.\n", title="letter")
    assert registrant(letter) == ""
    assert (
        about_the_company(letter, "What did Harrow Ferries pay?") == "What did Harrow Ferries pay?"
    )


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("What did Harrow Ferries earn in 2023?", "What did the company earn in 2023?"),
        ("What were harrow ferries' sales?", "What were the company' sales?"),
        ("What is Harrow Ferries, Inc.'s debt?", "What is the company's debt?"),
        ("Who leads the Harrow board?", "Who leads the company board?"),
        ("What is HF's FY2023 EBITDA?", "What is the company's FY2023 EBITDA?"),
        ("What does Harrow FY2023 capex come to?", "What does the company FY2023 capex come to?"),
        # a part of the company, another name, a word of the language
        ("What did Harrow Ferries Freight earn?", "What did Harrow Ferries Freight earn?"),
        ("What did Harrowgate pay?", "What did Harrowgate pay?"),
        ("What do ferries cost?", "What do ferries cost?"),
        ("What did we earn?", "What did we earn?"),
    ],
)
def test_a_question_that_names_the_company_is_about_the_company(question: str, read: str) -> None:
    text = "Harrow carried 30,000 people.\nShares of HF are listed in Malmo.\n"
    assert about_the_company(report("HARROW FERRIES, INC.", CAPTION, text=text), question) == read


def test_a_shorter_name_is_one_only_where_the_report_uses_it() -> None:
    text = "We met every target of the year.\n"
    document = report("Target Lamps, Inc.", CAPTION, text=text)
    asked = "Was the Target of 2023 met, and what is TL?"
    assert about_the_company(document, asked) == asked
    assert (
        about_the_company(document, "What does Target Lamps sell?") == "What does the company sell?"
    )


def test_a_name_that_is_a_word_is_meant_where_it_is_written_as_a_name() -> None:
    document = report("TARGET CORPORATION", CAPTION, text="We met every target of the year.\n")
    assert (
        about_the_company(document, "Did Target meet its target?")
        == "Did the company meet its target?"
    )


def test_benchmarks_read_the_question_as_a_user_is_read() -> None:
    text = "The company paid 7 million crowns.\nHarrow, Harrow and Harrow.\n"
    document = report("Harrow Ferries, Inc.", CAPTION, text=text)
    question = "What has Harrow Ferries paid?"
    (scores,) = score_all(BM25Retriever(), [question], document)
    best = int(scores.argmax())
    assert document.sentence_text(best) == "The company paid 7 million crowns."
    assert (
        scores.tolist() == BM25Retriever().score(in_words_of(document, question), document).tolist()
    )


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no PDF files at {REAL}")
@pytest.mark.parametrize(
    ("file", "name"), [("10k-fedex-2023.pdf", "FedEx"), ("10k-pge-2017.pdf", "")]
)
def test_covers_of_real_reports_tell(file: str, name: str) -> None:
    assert registrant(ingest(REAL / file)) == name
