"""Cut text into the units that are scored: sentences of prose, headings and table rows.

The text comes as ingest leaves it: a paragraph or a table row a line. Rules, not a model: the
trained splitters need a download, and the best rule library reads 50,000 characters a second,
which would make it the slowest step of reading a filing (see trainer/README.md for the figures).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice

from docqa.engine.ingest.legal_citations import goes_on_citing
from docqa.engine.types import SentenceKind

SEGMENTER = "docqa-sentences/8"
"""Stored with every document: scores belong to the sentences they were made for."""

CELL_SEPARATOR = " | "
MAX_WORDS = 80
"""A longer sentence is cut at its clauses: a statute's sentence can fill a page."""
MIN_CLAUSE_WORDS = 12
"""A clause shorter than this stays with the one before it."""

_WORD = re.compile(r"\S+")
_LINE = re.compile(r"\S[^\n]*")
_END = re.compile(
    r"""(?P<whole>
          (?<![.!?…])(?P<mark>[.!?…]++)  # the end of a sentence
          (?P<close>["'”’»)\]]*)   # and what closes with it
          (?P<note>\d{1,3}(?:(?:,\ ?|[–-])\d{1,3})*  # and the marks of its notes
            |[⁰¹²³⁴-⁹]{1,3})?
        )
        \s+
        (?=["'“‘«(\[]?[^\W_a-z]   # the next begins with a capital or a digit,
          |[a-z]{1,2}[A-Z]         # a name as eBay,
          |(?:\([a-z]{1,4}\)|[a-uw-z]\.)\s+["“]?[A-Z]  # or as the item of a list
        )
    """,
    re.VERBOSE,
)
TERMINAL = re.compile(r"[.!?:。！？]['\"”’)]*$")
"""What ends a text that ends with a sentence."""
_CJK_END = re.compile(r"[。！？]+[」』”’）]*")
_CLAUSE_END = re.compile(
    r"[;:]\s+|,\s+(?=\([a-z0-9]{1,4}\)\s)|(?<=\s)(?=\([a-z]{1,4}\)\s)"
    r"|(?:(?<=and\s)|(?<=or\s))(?=\(\d{1,4}\)\s)"  # but not in "thirty (30) days"
)
_NUMBER_ALONE = re.compile(r"\d{1,3}(?!\S)")
_WORD_CHARS = 30
"""No abbreviation is as long."""
_WORD_BEFORE = re.compile(r"[\w.&'’-]*$")
_NOTED = re.compile(r"[^\W\d_]{2}|.[)\]”’\"'%]")
"""What stands before a full stop with the mark of a note, and not before a decimal's."""
_MARKER_CHARS = 12
"""Most characters of an item's number."""
_MARKER = r"(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxlcIVXLC]{1,4})"
_NUMBERED = r"(?:Sec|SEC|Section|SECTION|Art|ART|Article|ARTICLE|Item|ITEM|§)"
_LABEL = rf"{_NUMBERED}\.?\s*\d{{1,4}}(?:\.\d+)*[A-Z]?"
_OPENING = re.compile(rf"[\"“>\s]*(?:{_LABEL}|(?:{_MARKER}\.\s+)*{_MARKER})")
"""How an item or a section begins: "1. Definitions", "Sec. 5. Fees"."""
_OPENING_CHARS = 30
_PART = re.compile(
    r"\b(?:(?P<item>Item|ITEM)|Note|NOTE|Part|PART|Section|Exhibit)\s+[\dIVX]{1,4}[A-Z]?$"
)
"""A part of a report before the full stop that its name comes after."""
_NAME = re.compile(r"[A-Z][\w’'-]+,?\s+(?:(?:and|of|in|for|on)\s+)*[A-Z]")
_INNER_ITEM = re.compile(r";(?:\s+(?:and|or))?\s+(?:[a-z]|[ivx]{1,4}|\d{1,2})$|:\s+(?:[1aA]|[iI])$")
"""An item in the midst of a sentence: any after a semicolon, the first after a colon."""

_TITLES = (
    "mr mrs ms dr prof rev hon gen col lt sgt capt cmdr adm gov sen rep st messrs mme mlle fr sr jr"
)
_REFERENCES = "no nos art arts sec secs fig figs eq eqs ch pp vol vols ed eds par para paras cl ex"
_COMMON = "vs v cf al viz e.g i.e a.k.a approx est dept univ resp ca ph.d d.b.a n.b op cit"
_MONTHS = "jan feb mar apr jun jul aug sep sept oct nov dec"
_NEVER_LAST = frozenset(f"{_TITLES} {_REFERENCES} {_COMMON} {_MONTHS}".split())
"""Abbreviations after which a sentence all but never ends."""
_COMPANIES = "inc corp co ltd llc plc pte pty etc u.s u.k u.s.c d.c a.m p.m bros"
_SOMETIMES_LAST = frozenset(_COMPANIES.split())
"""Abbreviations that may end a sentence: they do when a usual first word follows."""
FIRST_WORD = re.compile(
    r"[\"'“‘(]?(?:The|This|That|These|Those|It|Its|We|Our|In|On|At|As|If|For|He|She|They|There|"
    r"Such|Any|All|No|Each|However|When|While|With|Under|An?|But|And|You|His|Her|To|By|From)\b"
)
"""A capital that opens a sentence rather than a name."""
_UNSPACED_END = re.compile(rf"(?<=[a-z]{{2}})[.!?][\"”’)]?(?=(?:{FIRST_WORD.pattern})\s)")
"""An end that stands close before the next sentence, which a usual first word shows."""


def split_sentences(
    text: str, raised: Collection[int] = ()
) -> Iterator[tuple[int, int, SentenceKind]]:
    """Cut a text into scored units.

    Args:
        text: Paragraphs and table rows, one a line.
        raised: Where the marks of notes begin, as far as a layout shows them.

    Yields:
        (start, end, kind), half-open code-point offsets in text order, without outer whitespace.
        Every character that is not whitespace belongs to exactly one unit.
    """
    for line in _LINE.finditer(text):
        start, end = line.start(), line.start() + len(line.group().rstrip())
        if CELL_SEPARATOR in line.group():
            yield start, end, SentenceKind.ROW
            continue
        if looks_like_heading(text[start:end]):
            yield start, end, SentenceKind.HEADING
            continue
        for a, b in _split_paragraph(text, start, end, raised):
            yield from ((c, d, SentenceKind.PROSE) for c, d in _split_clauses(text, a, b))


def is_stopped(text: str) -> bool:
    """Whether a text ends as a sentence does; the full stop of `North Star Inc.` is the name's."""
    words = text.lower().split()
    return TERMINAL.search(text) is not None and words[-1].rstrip(".") not in _SOMETIMES_LAST


def looks_like_heading(line: str) -> bool:
    """Whether a line on its own reads as a heading: short, capitalised, no end mark."""
    words = line.split()
    if not 1 <= len(words) <= 14 or line[-1] in ".!?;:,…。！？":
        return False
    letters = [word for word in words if word[0].isalpha()]
    if not letters or not (words[0][0].isupper() or words[0][0].isdigit()):
        return False
    long_words = [word for word in letters if len(word) > 3]
    capitals = sum(word[0].isupper() for word in long_words)
    return capitals >= 0.6 * len(long_words)


def _split_paragraph(
    text: str, start: int, end: int, raised: Collection[int]
) -> Iterator[tuple[int, int]]:
    """Spans of the sentences of one paragraph."""
    marks = sorted(
        [(m.end("whole"), m.end(), m) for m in _END.finditer(text, start, end)]
        + [(m.end(), m.end(), None) for m in _CJK_END.finditer(text, start, end)]
        + [(m.end(), m.end(), None) for m in _UNSPACED_END.finditer(text, start, end)],
        key=lambda mark: mark[0],
    )
    begin = start
    for stop, resume, mark in marks:
        if stop <= begin or (mark is not None and not _ends_here(text, begin, mark, raised)):
            continue
        if resume in raised:  # "... of care. 111 Like others, ...": a mark set apart
            number = _NUMBER_ALONE.match(text, resume, end)
            stop = resume = number.end() if number else stop
        yield begin, stop
        begin = resume
        while begin < end and text[begin].isspace():
            begin += 1
    if begin < end:
        yield begin, end


def _ends_here(text: str, begin: int, mark: re.Match[str], raised: Collection[int]) -> bool:
    """Whether a full stop ends the sentence rather than an abbreviation or a number."""
    stop, after = mark.start(), mark.end()
    has_plain_note = (
        mark["note"]
        and mark["note"][0].isdecimal()
        and not mark["close"]
        and mark.start("note") not in raised
    )
    if has_plain_note and not _NOTED.match(text, max(stop - 2, begin), stop):
        return False  # "... as they fell.12 The" ends; "3.14" and "v1.2" do not
    if mark["mark"] != "." or mark["close"]:
        return True
    found = _WORD_BEFORE.search(text, max(begin, stop - _WORD_CHARS), stop)
    word = found.group().strip("'’-") if found else ""
    lowered = word.lower()
    if lowered in _NEVER_LAST or (len(word) == 1 and word.isalpha() and word.isupper()):
        # "Sec. 5", "J. Smith"; but "... Exhibit A. The ..." ends.
        return (
            len(word) == 1
            and stop - begin > 1  # "Q. And where were you?"
            and bool(FIRST_WORD.match(text, after))
            and not goes_on_citing(word, text, after)
        )
    last = lowered.rpartition("-")[2]  # "the EU-U.S. Privacy Shield"
    if last in _SOMETIMES_LAST or re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", last):
        return bool(FIRST_WORD.match(text, after))
    if goes_on_citing(word, text, after) or _names_part(text, begin, mark):
        return False
    return len(word) > _MARKER_CHARS or not _opens_item(text, begin, stop)


def _names_part(text: str, begin: int, mark: re.Match[str]) -> bool:
    """Whether the name of a part of a report follows its number: `See “Item 7. Discussion …”`."""
    part = _PART.search(text, max(begin, mark.start() - _OPENING_CHARS), mark.start())
    if part is None:
        return False
    before = text[begin : mark.start()]
    if before.count("“") > before.count("”") or before.count('"') % 2:
        return True
    has_name = _NAME.match(text, mark.end()) and not FIRST_WORD.match(text, mark.end())
    return bool(part["item"] and has_name)


def _opens_item(text: str, begin: int, stop: int) -> bool:
    """Whether a full stop stands after the number or letter of an item."""
    if stop - begin < _OPENING_CHARS and _OPENING.fullmatch(text, begin, stop):
        return True
    return _INNER_ITEM.search(text, max(begin, stop - _OPENING_CHARS), stop) is not None


def _split_clauses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A sentence over `MAX_WORDS` cut at its clauses, and at word ends where it has none."""
    if text.count(" ", start, end) < MAX_WORDS:
        yield start, end
        return
    begin = start
    cuts = [m.end() for m in _CLAUSE_END.finditer(text, start, end)]
    for cut in [*cuts, end]:
        if cut < end and not (_is_clause(text, begin, cut) and _is_clause(text, cut, end)):
            continue
        yield from _cut_words(text, begin, cut)
        begin = cut


def _is_clause(text: str, start: int, end: int) -> bool:
    """Whether there are words enough for a clause of its own; counts no further, however long."""
    words = islice(_WORD.finditer(text, start, end), MIN_CLAUSE_WORDS)
    return sum(1 for _ in words) == MIN_CLAUSE_WORDS


def _cut_words(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Pieces of at most `MAX_WORDS` words, of about equal length, without outer whitespace."""
    words = [m.span() for m in _WORD.finditer(text, start, end)]
    if not words:
        return
    n_pieces = -(-len(words) // MAX_WORDS)
    size = -(-len(words) // n_pieces)
    for i in range(0, len(words), size):
        piece = words[i : i + size]
        yield piece[0][0], piece[-1][1]
