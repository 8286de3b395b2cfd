"""Citations and quotations of a model, checked while it writes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docqa.engine.generators.base import MARKER
from docqa.engine.generators.language_model.checked_text import CheckedText

OFFERED = {
    1: "Jane Doe is our chief executive.",
    3: "Total revenue | 1,577 | 1,373",
    5: "As noted in [3] and [99], he doesn't say ‘why’ a 5\" pipe costs 12.50 dollars.",
}
HEADING = "Consolidated results of operations"


def check(text: str, n: int = 10_000) -> CheckedText:
    """A text that arrives in pieces of n characters."""
    checked = CheckedText(OFFERED, also_quotable=[HEADING])
    for start in range(0, len(text), n):
        checked.feed(text[start : start + n])
    checked.finish()
    return checked


@pytest.mark.parametrize(
    ("written", "shown", "n_removed"),
    [
        ("Jane Doe [1].", "Jane Doe [1].", 0),
        ("Jane Doe [99].", "Jane Doe.", 1),
        ("Jane [99] Doe [1][99].", "Jane Doe [1].", 2),
        ("Both [1, 3] and [1][3].", "Both [1][3] and [1][3].", 0),
        ("All [1-3].", "All [1][3].", 1),
        ("Wide [1-99999].", "Wide.", 1),
        ("Nested [[1]] and [see [3]].", "Nested [1] and [see [3]].", 0),
        ("Named [evidence 3], 【1†source】, ［3］, [#1].", "Named [3], [1], [3], [1].", 0),
        ("No marker: [sic], [12.5%], [2nd of them], [].", None, 0),
        ("Long [99999999999999999999999].", "Long.", 1),
        ("Never closed [1", "Never closed [ 1", 0),
        ("[99]", "", 1),
    ],
)
def test_markers(written: str, shown: str | None, n_removed: int) -> None:
    checked = check(written)
    assert checked.text == (written if shown is None else shown)
    assert checked.n_removed_citations == n_removed


@pytest.mark.parametrize(
    ("written", "shown", "n_removed"),
    [
        ('She is "our chief executive" [1].', 'She is "our chief executive" [1].', 0),
        ("She is “our chief executive” [1].", "She is “our chief executive” [1].", 0),
        ('She is "our chief accountant" [1].', "She is our chief accountant [1].", 1),
        ('Quoted "Jane Doe is our chief executive."', None, 0),
        ('A term: "revenue" fell.', 'A term: "revenue" fell.', 0),
        ('From nowhere: "profit" fell.', "From nowhere: profit fell.", 1),
        ('Heading "Consolidated results of operations".', None, 0),
        ('It was "1,577" and not "577".', 'It was "1,577" and not 577.', 1),
        ('It was "12.50" and not "12.5".', 'It was "12.50" and not 12.5.', 1),
        ('"As noted in [3] and [99]" [5]', '"As noted in [ 3] and [ 99]" [5]', 0),
        ('"As noted ... costs 12.50 dollars" [5]', '"As noted ... costs 12.50 dollars" [5]', 0),
        ('"costs 12.50 … As noted" [5]', "costs 12.50 … As noted [5]", 1),
        ('Open "without an end', "Open without an end", 1),
        ('Two lines "one\ntwo"', "Two lines one\ntwo", 2),
        ('A 5" pipe and a 6" pipe.', 'A 5" pipe and a 6" pipe.', 0),
        ("It's the drivers' own, isn't it?", "It's the drivers' own, isn't it?", 0),
        ("'our chief executive' [1] it's", "'our chief executive' [1] it's", 0),
        ("'our chief accountant' [1] it's", "our chief accountant [1] it's", 1),
        ('"he doesn\'t say ‘why’" [5]', '"he doesn\'t say ‘why’" [5]', 0),
    ],
)
def test_quotations(written: str, shown: str | None, n_removed: int) -> None:
    checked = check(written)
    expected = written if shown is None else shown
    assert checked.text.replace(" [1]", "") == expected.replace(" [1]", "")
    assert checked.n_removed_quotes == n_removed


def test_a_quotation_is_cited_where_it_stands() -> None:
    checked = check('She is "our chief executive" [3], and so on.')
    assert checked.text == 'She is "our chief executive" [1] [3], and so on.'
    assert checked.cited == {1: ["our chief executive"], 3: []}
    assert check('It was "1,577" [1].').text == 'It was "1,577" [3] [1].'
    assert check('It was "1,577".').text == 'It was "1,577".'
    assert check('She is "our chief executive".').text == 'She is "our chief executive" [1].'


def test_the_words_of_the_sentence_are_kept_as_they_stand_there() -> None:
    assert check("\"he doesn’t say 'why'\" [5]").cited == {5: ["he doesn't say ‘why’"]}


@pytest.mark.parametrize(
    "written", ['["3"]', '["99"]', '[""3]', '[""99]', "[“”3]", '["x"3]', '"[" 3]', "[''3]", "[«»3]"]
)
def test_no_marker_is_made_by_taking_marks_away(written: str) -> None:
    checked = check(written)
    assert {int(number) for number in MARKER.findall(checked.text)} <= set(checked.cited)


ADVERSARIAL = st.text(
    alphabet=st.sampled_from("[]【】［］\"“”„«»'‘’ \n.,-–†#0123459abs"), max_size=60
)


@given(
    st.lists(
        st.one_of(ADVERSARIAL, st.sampled_from([*OFFERED.values(), HEADING, "[1]", '"', "[99]"])),
        max_size=8,
    ).map("".join),
    st.integers(1, 9),
)
def test_whatever_is_written_and_however_it_arrives(written: str, n: int) -> None:
    whole, pieces = check(written), check(written, n)
    assert whole.text == pieces.text
    assert whole.cited == pieces.cited
    assert whole.n_removed_citations == pieces.n_removed_citations
    assert whole.n_removed_quotes == pieces.n_removed_quotes
    assert {int(number) for number in MARKER.findall(whole.text)} == set(whole.cited)
    for number, quotes in whole.cited.items():
        assert all(quote in OFFERED[number] for quote in quotes)


def test_text_flows_while_it_is_written() -> None:
    seen: list[str] = []
    checked = CheckedText(OFFERED, on_text=seen.append)
    for piece in ("Jane", " Doe", " leads", " [", "1", "]", " since", ' "our', " chief"):
        checked.feed(piece)
    assert seen == ["Jane", " Doe", " leads", "[1]", " since"] or "".join(seen) == (
        "Jane Doe leads [1] since"
    )
    assert not any(re.search(r"\[$|\[\d+$", piece) for piece in seen)
    checked.feed(' executive" [1]')
    checked.finish()
    assert "".join(seen) == checked.text == 'Jane Doe leads [1] since "our chief executive" [1]'


def test_numbers_can_be_replaced_on_the_way() -> None:
    checked = CheckedText(OFFERED, renumber=lambda number: number * 10)
    checked.feed('One [1], "1,577 | 1,373" [3].')
    checked.finish()
    assert checked.text == 'One [10], "1,577 | 1,373" [30].'
    assert checked.cited == {1: [], 3: ["1,577 | 1,373"]}
