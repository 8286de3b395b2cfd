"""Search inside one document."""

from __future__ import annotations

import pytest

from docqa.engine.find import Found, find_words, folded
from docqa.engine.types import Page

PAGES = (
    Page(1, "Net Revenues rose.\nThe Café’s re-opening cost 5 %."),
    Page(2, "Total | net revenues | 1,577\nRevenues, net\nof taxes. Größe 大きい 한국 한글"),
)


def shown(words: str) -> list[str]:
    places = find_words(PAGES, words).places
    return [PAGES[place.page - 1].text[place.start : place.end] for place in places]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("net revenues", ["Net Revenues", "net revenues"]),
        ("NET   REVENUES", ["Net Revenues", "net revenues"]),
        ("cafe's", ["Café’s"]),
        ("re‑opening", ["re-opening"]),
        ("total net", ["Total | net"]),
        ("net of taxes", ["net\nof taxes"]),
        ("grosse", []),
        ("größe", ["Größe"]),
        ("大きい", ["大きい"]),
        ("한국", ["한국"]),
        ("5 %.", ["5 %."]),
        ("(.*)", []),
        ("", []),
        ("  ", []),
    ],
)
def test_words_are_found_as_a_reader_would(words: str, found: list[str]) -> None:
    assert shown(words) == found


def test_words_that_do_not_stand_together_are_found_in_one_line() -> None:
    findings = find_words(PAGES, "1,577 total")
    assert not findings.is_phrase
    assert findings.places == (Found(2, 23, 28),)
    assert PAGES[1].text[23:28] == "1,577"


def test_folding_keeps_every_offset() -> None:
    text = "ﬁ İ ß Ǆ “x” – é 한 Ⅷ" + "".join(map(chr, range(32, 0x2FFF)))
    assert len(folded(text)) == len(text)
