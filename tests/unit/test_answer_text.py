"""Answers as Markdown with links to their evidence."""

from __future__ import annotations

import dataclasses

from docqa.app.answer_text import linked_answer, linked_piece, linked_rank
from docqa.engine.library.record import Record, RecordedDocument, RecordedEvidence, Seconds
from docqa.engine.types import Reading


def evidence(rank: int, page: int, text: str, *, cited: bool = True) -> RecordedEvidence:
    return RecordedEvidence(
        rank, "d", rank, page, 0, len(text), text, 1.0, None, None, (text,) if cited else ()
    )


def record(answer: str, *found: RecordedEvidence, generator: str = "extractive") -> Record:
    return Record(
        question="?",
        answer=answer,
        abstained=False,
        confidence=0.9,
        documents=(RecordedDocument("d", "A, B", None, 9, 100, 0, ()),),
        evidence=found,
        reading=Reading("bm25", None, "cpu", 0, 0.1),
        generator=generator,
        model=None,
        strategy="direct",
        seconds=Seconds(0.0, 0.1, 0.0, 0.1),
    )


def test_a_quotation_links_its_page_and_is_no_markup() -> None:
    shown = linked_answer(record("Rose *5* [2] percent. (p. 4)", evidence(1, 4, "Rose")))
    assert shown == r"Rose \*5\* \[2\] percent. [(p. 4)](evidence:1)"


def test_quotations_of_one_page_link_the_sentence_they_quote() -> None:
    answer = "The gate is shut. (p. 4)\nThe tide is high. (p. 4)\nNo page here."
    shown = linked_answer(
        record(answer, evidence(1, 4, "The tide is high."), evidence(2, 4, "The gate is shut."))
    )
    assert shown.splitlines() == [
        "- The gate is shut. [(p. 4)](evidence:2)",
        "- The tide is high. [(p. 4)](evidence:1)",
        "- No page here.",
    ]


def test_both_lines_of_a_short_answer_link_its_sentence() -> None:
    sentence = dataclasses.replace(evidence(1, 9, "Vessels | (18,640) | 5"), quotes=("(18,640)",))
    answer = "(18,640) in thousands (p. 9)\nVessels — 2024: (18,640); 2023: 5 (p. 9)"
    shown = linked_answer(record(answer, sentence, evidence(2, 9, "Boats", cited=False)))
    assert shown.split("\n\n") == [
        "**(18,640) in thousands** [(p. 9)](evidence:1)",
        "Vessels — 2024: (18,640); 2023: 5 [(p. 9)](evidence:1)",
    ]


def test_a_title_stands_before_the_page_where_there_are_several() -> None:
    shown = linked_answer(record("It rose. (A, B, p. 4)", evidence(3, 4, "It rose.")))
    assert shown == "It rose. [(A, B, p. 4)](evidence:3)"


def test_a_page_that_is_not_cited_is_no_link() -> None:
    assert linked_answer(record("It rose. (p. 5)", evidence(1, 4, "It rose."))) == "It rose. (p. 5)"


def test_an_abstention_is_plain() -> None:
    one = dataclasses.replace(record("Closest: p. 1 *and* p. 2."), abstained=True)
    assert linked_answer(one) == r"Closest: p. 1 \*and\* p. 2."


def test_markers_of_a_model_are_links_and_its_markdown_stays() -> None:
    one = record("**Rose** [2].\n\n- so [1]", generator="llama")
    assert linked_answer(one) == (
        r"**Rose** [\[2\]](evidence:2)." + "\n\n" + r"- so [\[1\]](evidence:1)"
    )


def test_what_a_model_may_not_do() -> None:
    shown = linked_piece("<b>x</b> ![pic](http://x/y.png) [here](http://x) \x1b]0;t\x07 [1]")
    assert "<b>" not in shown.replace(r"\<", "")
    assert "](http" not in shown.replace(r"\](", "")
    assert shown.endswith(r"[\[1\]](evidence:1)")


def test_links() -> None:
    assert linked_rank("evidence:12") == 12
    assert linked_rank("http://x") is None
    assert linked_rank("evidence:x") is None
