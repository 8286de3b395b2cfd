"""Cutting text into scored units: nothing lost, nothing twice, abbreviations held together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docqa.engine.sentences import MAX_WORDS, split_sentences
from docqa.engine.types import SentenceKind

WORDS = ["The", "cost", "of", "Inc.", "U.S.", "3.5", "(a)", "rose;", "fell.", "Dr.", "|", "é", "。"]
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from([*WORDS, "\n", " | ", "  "]), max_size=250).map(" ".join),
)


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end, _ in split_sentences(text)]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_every_character_belongs_to_exactly_one_unit(text: str) -> None:
    covered = 0
    last_end = 0
    for start, end, _ in split_sentences(text):
        assert last_end <= start < end <= len(text)
        assert text[last_end:start].strip() == ""
        assert text[start:end] == text[start:end].strip()
        covered += sum(not char.isspace() for char in text[start:end])
        last_end = end
    assert covered == sum(not char.isspace() for char in text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rose. It fell.", ["It rose.", "It fell."]),
        ("Mr. Smith paid Dr. Jones. He left.", ["Mr. Smith paid Dr. Jones.", "He left."]),
        ("Sales in the U.S. Treasury rose.", ["Sales in the U.S. Treasury rose."]),
        ("We sold Acme Inc. The price was low.", ["We sold Acme Inc.", "The price was low."]),
        ("It cost $3.5 million. Fine.", ["It cost $3.5 million.", "Fine."]),
        ("See No. 5 and Sec. 7 below.", ["See No. 5 and Sec. 7 below."]),
        ("“Stop.” She left.", ["“Stop.”", "She left."]),
        ("売上高は増加した。利益も増えた。", ["売上高は増加した。", "利益も増えた。"]),
        ("1. Definitions apply here to all.", ["1. Definitions apply here to all."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_a_line_with_cells_is_one_row() -> None:
    text = "Total revenue | 1,577 | 1,373\nWe grew. We hired."
    kinds = [kind for _, _, kind in split_sentences(text)]
    assert cut(text)[0] == "Total revenue | 1,577 | 1,373"
    assert kinds == [SentenceKind.ROW, SentenceKind.PROSE, SentenceKind.PROSE]


def test_a_short_capitalised_line_is_a_heading() -> None:
    [(_, _, kind)] = split_sentences("Legal Proceedings")
    assert kind is SentenceKind.HEADING


def test_a_sentence_that_fills_a_page_is_cut_at_its_clauses() -> None:
    clause = "the operator shall " + "carefully " * 20 + "keep the vessel; "
    pieces = cut("Whereas " + clause * 12 + "and so on.")
    assert len(pieces) > 5
    assert all(len(piece.split()) <= MAX_WORDS for piece in pieces)
    assert pieces[0].endswith(";")
