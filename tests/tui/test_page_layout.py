"""Pages as lines: every character in its place, tables in columns, nothing wider than the room."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from docqa.app.terminal import cells
from docqa.app.tui.widgets.page_layout import PageLayout, lay_out
from docqa.app.tui.widgets.page_stack import N_ABOVE, PageStack
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.types import Document, Page, PageStatus
from tests.pdfs import SAMPLE, read

TABLE = (
    "Year ended December 31, (In thousands) | 2024 | 2023\n"
    "Operating activities:\n"
    "Net income | $6,795 | $4,093\n"
    "Change in payables, accrued expenses and fares received in advance | 1,127 | 846\n"
    "15,043 | 12,606"
)


def drawn(layout: PageLayout) -> list[str]:
    return [layout.compose(number)[0] for number in range(len(layout.lines))]


def page_lines(text: str, width: int) -> list[str]:
    document = document_from_text(text, title="t")
    return drawn(lay_out(document.pages[0], document.sentences, width))


def test_a_table_has_its_figures_one_under_the_other() -> None:
    assert page_lines(TABLE, 60) == [
        "Year ended December 31, (In thousands)          2024    2023",
        "Operating activities:",
        "Net income                                    $6,795  $4,093",
        "Change in payables, accrued expenses and",
        "  fares received in advance                    1,127     846",
        "                                              15,043  12,606",
    ]


def test_a_table_that_does_not_fit_is_wrapped() -> None:
    lines = page_lines("A label of some length | 1,234,567 | 7,654,321\nOther | 1 | 2", 24)
    assert lines == ["A label of some length |", "  1,234,567 | 7,654,321", "Other | 1 | 2"]


def test_names_of_columns_take_several_lines_before_a_table_is_given_up() -> None:
    lines = page_lines("(millions) | Amounts asked by us | Amounts found\nCosts | 5.1 | 4.2", 34)
    assert all(cells(line) <= 34 for line in lines)
    assert lines[-1].split() == ["Costs", "5.1", "4.2"]
    assert not any("|" in line for line in lines)


def test_paragraphs_stand_apart_and_headings_with_what_follows() -> None:
    document = read(SAMPLE)
    lines = drawn(lay_out(document.pages[9], [s for s in document.sentences if s.page == 10], 72))
    at = lines.index("Note 1. Accounting policies")
    assert lines[at - 1] == "Item 5. Notes to the financial statements"
    assert lines[at + 1].startswith("Fares are recognized")
    assert lines[lines.index("Note 2. Vessels, terminals and equipment") - 1] == ""


@pytest.mark.parametrize(
    ("status", "words"), [(PageStatus.IMAGE, "ocrmypdf"), (PageStatus.EMPTY, "blank")]
)
def test_a_page_without_text_says_why(status: PageStatus, words: str) -> None:
    assert words in " ".join(drawn(lay_out(Page(1, "", status), (), 60)))


def test_nothing_in_a_document_steers_the_terminal() -> None:
    (line,) = drawn(lay_out(Page(1, "a\x1b]0;title\x07b\tc"), (), 60))
    assert line == "a ]0;title b c"


PAGE_TEXT = st.text(
    st.sampled_from("ab é—ß大き|\n\t\u200b\U0001f600 0123.,()") | st.characters(codec="utf-8"),
    max_size=300,
)


@settings(max_examples=150, deadline=None)
@given(PAGE_TEXT, st.integers(10, 60))
@example("0" * 18 + " ", 18)
@example("大" * 9 + "   ", 18)
def test_every_word_is_shown_once_within_the_width(text: str, width: int) -> None:
    document = document_from_text(text, title="t")
    layout = lay_out(document.pages[0], document.sentences, width)
    shown: list[int] = []
    for number, line in enumerate(layout.lines):
        composed, offsets = layout.compose(number)
        assert len(composed) == len(offsets)
        assert cells(composed) <= width + 1  # one wide character may stand in one column
        shown += [offset for offset in offsets if offset >= 0]
        assert all(run.start < run.end for run in line.runs)
    assert len(shown) == len(set(shown))
    missing = {layout.text[at] for at in set(range(len(layout.text))) - set(shown)}
    assert all(char.isspace() or char == "|" for char in missing)


@pytest.fixture(scope="module")
def sample() -> Document:
    return read(SAMPLE)


@pytest.mark.parametrize("width", [30, 71, 150])
def test_heights_are_exact_once_measured(sample: Document, width: int) -> None:
    stack = PageStack(sample.pages, sample.sentences, width)
    while stack.measure(1.0):
        pass
    tops = [stack.top(index) for index in range(len(sample.pages))]
    assert tops == sorted(tops)
    for index, top in enumerate(tops):
        place = stack.at(top)
        assert place is not None
        assert (place.index, place.line) == (index, -N_ABOVE)
    last = stack.at(stack.height - 1)
    assert last is not None
    assert last.index == len(sample.pages) - 1
    assert stack.at(stack.height) is None
    assert stack.at(-1) is None


def test_the_line_of_a_sentence_shows_its_first_character(sample: Document) -> None:
    stack = PageStack(sample.pages, sample.sentences, 60)
    for sentence in sample.sentences:
        place = stack.at(stack.line_of(sentence.page - 1, sentence.start))
        assert place is not None
        assert place.index == sentence.page - 1
        assert sentence.start in stack.layout(place.index).compose(place.line)[1]


def test_any_line_can_be_asked_before_pages_are_measured(sample: Document) -> None:
    stack = PageStack(sample.pages, sample.sentences, 40)
    seen = []
    while (place := stack.at(len(seen))) is not None:
        seen.append((place.index, place.line))
    assert len(seen) == stack.height
    assert seen == sorted(set(seen))
    assert seen[-1][0] == len(sample.pages) - 1
