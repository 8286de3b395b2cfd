"""Cutting text into scored units: nothing lost, nothing twice, abbreviations held together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docqa.engine.ingest.sentences import MAX_WORDS, split_sentences
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
        ("The EU-U.S. Privacy Shield fell.", ["The EU-U.S. Privacy Shield fell."]),
        ("It sold Orchid Pte. Ltd. Shares rose.", ["It sold Orchid Pte. Ltd. Shares rose."]),
        ("It left the EU-U.S. The rest did not.", ["It left the EU-U.S.", "The rest did not."]),
        ("We sold Acme Inc. The price was low.", ["We sold Acme Inc.", "The price was low."]),
        ("It cost $3.5 million. Fine.", ["It cost $3.5 million.", "Fine."]),
        ("See No. 5 and Sec. 7 below.", ["See No. 5 and Sec. 7 below."]),
        ("It fell. eBay rose.", ["It fell.", "eBay rose."]),
        ("“Stop.” She left.", ["“Stop.”", "She left."]),
        ("売上高は増加した。利益も増えた。", ["売上高は増加した。", "利益も増えた。"]),
        ("1. Definitions apply here to all.", ["1. Definitions apply here to all."]),
        (
            "See “Item 7. Discussion of it” below. It fell.",
            ["See “Item 7. Discussion of it” below.", "It fell."],
        ),
        ("See Part I, Item 1A. Risk Factors below.", ["See Part I, Item 1A. Risk Factors below."]),
        ("More is told in Item 7. Revenue rose.", ["More is told in Item 7.", "Revenue rose."]),
        (
            "More is told in Note 2. Goodwill Impaired fell.",
            ["More is told in Note 2.", "Goodwill Impaired fell."],
        ),
        ('He said "more." See Note 2. All fell.', ['He said "more."', "See Note 2.", "All fell."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Many sell (i.e., stocks).1 Others do.", ["Many sell (i.e., stocks).1", "Others do."]),
        ("It is common.4,5,12 The cause is not.", ["It is common.4,5,12", "The cause is not."]),
        ("They read less.9–11 Few knew.", ["They read less.9–11", "Few knew."]),
        ("“Stop!”27 She left.", ["“Stop!”27", "She left."]),
        ("See No.5 The, sec.7 Act and Fig.12 B.", ["See No.5 The, sec.7 Act and Fig.12 B."]),
        ("The v.2 Beta, 3.14 Pa and 1999.95 USD.", ["The v.2 Beta, 3.14 Pa and 1999.95 USD."]),
        ("See Section 4.02 Fees.", ["See Section 4.02 Fees."]),
    ],
)  # fmt: skip
def test_a_sentence_ends_with_the_mark_of_its_note(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize("text", ["Q. And where were you?", "A. There are some who share."])
def test_the_letter_of_an_item_stays_with_it(text: str) -> None:
    assert cut(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It changed the law.The law is old.", ["It changed the law.", "The law is old."]),
        ("It was “free.”We sell it.", ["It was “free.”", "We sell it."]),
        ("See Example.Com, Amazon.Co and System.In.read.", None),
    ],
)
def test_a_sentence_may_begin_without_a_space(text: str, expected: list[str] | None) -> None:
    assert cut(text) == (expected or [text])


def test_a_long_line_without_ends_of_sentences_is_cut_as_a_short_one() -> None:
    line = '{"id": 7, "name": "x"; "of": 1}, ' * 100
    assert len(cut(line * 40)) == pytest.approx(40 * len(cut(line)), rel=0.1)


def test_a_layout_tells_a_note_from_a_decimal() -> None:
    text = "It grew until 2017.425 Firms left."
    assert cut(text) == [text]
    spans = split_sentences(text, raised={text.index("425")})
    assert [text[a:b] for a, b, _ in spans] == ["It grew until 2017.425", "Firms left."]
    text = "It took care. 111 Firms left."
    spans = split_sentences(text, raised={text.index("111")})
    assert [text[a:b] for a, b, _ in spans] == ["It took care. 111", "Firms left."]


@pytest.mark.parametrize(
    "text",
    [
        "See Hanly v. SEC, 415 F.2d 589, 596 (2d Cir. 1969).",
        "See H.R. Doc. No. 88-95, at 238 (1st Sess. 1963).",
        "It is in Pub. L. 111-203, 124 Stat. 1376, 1827 (2010).",
        "It is in Pub. L. No. 102-563, 106 Stat. 4237.",
        "See [Pub. L. 103–337, div. A, title IV], § 5, [108 Stat. 2628].",
        "See 367 F. Supp. 2d 572, and 461 F. Supp. 951 (E.D. Mich. 1978).",
        "See Economics (1976, vol. 3, p. 308), and ID-Rel. No. 517.",
        "It is 82 Fed. Reg. 31278, by Reorg. Plan No. 2 of 1970.",
    ],
)
def test_a_citation_is_not_cut(text: str) -> None:
    assert cut(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We saw the Code. Firms left.", ["We saw the Code.", "Firms left."]),
        ("We bought the app. Reg came.", ["We bought the app.", "Reg came."]),
        ("Uh. No. No.", ["Uh.", "No. No."]),
        ("She met Ann. Supper was late.", ["She met Ann.", "Supper was late."]),
    ],
)
def test_words_that_citations_shorten_may_end_a_sentence(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It ends here. b. COFS pays.", ["It ends here.", "b. COFS pays."]),
        ("It ends here. (b) No Violation.", ["It ends here.", "(b) No Violation."]),
        ("Acme v. Smith. Inc. v. Jones.", ["Acme v. Smith.", "Inc. v. Jones."]),
        ("They agree: 1. Rent is due.", ["They agree: 1. Rent is due."]),
        ("pay rent; and 4. Keep accounts.", ["pay rent; and 4. Keep accounts."]),
        ("The score was 4. Keep it.", ["The score was 4.", "Keep it."]),
        ("They scored: 4. Keep it.", ["They scored: 4.", "Keep it."]),
        ("Sec. 5. Judicial Review. None.", ["Sec. 5. Judicial Review.", "None."]),
        ("Item 1A. Risk Factors. None.", ["Item 1A. Risk Factors.", "None."]),
        ("2.4.1. The sample is small. It grew.", ["2.4.1. The sample is small.", "It grew."]),
        ("See Section 5. Firms left.", ["See Section 5.", "Firms left."]),
    ],
)
def test_the_number_of_an_item_stays_with_it(text: str, expected: list[str]) -> None:
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


def test_a_number_said_twice_is_no_item_of_a_list() -> None:
    words = "word " * MAX_WORDS
    text = f"{words}within the thirty (30) day period that is meant here {words}"
    assert not any(unit.startswith("(30)") for unit in cut(text))


def test_a_long_row_of_dots_is_cut_at_once() -> None:
    text = "a " + "." * 100_000 + "x"
    assert cut(text) == [text]
