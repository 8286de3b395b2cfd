"""Questions for one line of the financial statements by its name: for its figure or its growth.

`Sales` and `profit` mean many things (`sales of vessels`, `profit sharing`). Where the whole
question asks for the figure of a line or for its growth, they mean the line. A ratio is that of the
company only where the question has no word that may name a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from docqa.engine.statements.line_items import line_items, ratios
from docqa.engine.words import MONTHS

_CHANGE = (
    r"(?:grow|grew|grown|rise|rose|risen|increased?|climb(?:ed)?|fall|fell|fallen|declined?"
    r"|decreased?|drop(?:ped)?|shrink|shrank|changed?|growth)"
)
_WHOSE = r"(?:the company(?:['’]s)?|its|their|the|total|net|overall|annual|consolidated)"
_OPENS = rf"(?:^\W*|\b(?:did|has|have|does|do|of|in|is|was)\s+|\b{_WHOSE}\s+)(?:{_WHOSE}\s+)*?"
"""What may stand before the line: `did the company's …`, not `did domestic …`."""
_WHEN = (
    r"(?:[\s,]+(?:in|from|for|during|over|between|since|by|to|and|of|as|at|on|with|than|the|a|an|its|how|much"
    r"|fiscal|FY|years?|end(?:ed|ing)?|last|prior|previous|preceding|compared|versus|vs\.?|against"
    r"|year-over-year|year-on-year|yoy|percent(?:age)?|terms|(?:FY)?\d{4}|\d\d?"
    rf"|{'|'.join(MONTHS)}))*"
)
"""What may stand behind the line and its change: no country, and no kind of customer."""
_MADE = (
    r"(?:\s+(?:did|does|has)\s+(?:the company|it|they|we)"
    r"\s+(?:make|have|earn|report|record|generate|achieve|post|made|had|earned|reported))?"
)
_ABOUT_ELSE = re.compile(
    r"\b(?:segments?|divisions?|quarters?|q[1-4]|months?|same-store|comparable|organic|currency"
    r"|expected|forecast|guidance|average|years|why|drove|drivers?|driven|due|because|reasons?|caused?"
    r"|explains?|led|contributed|which|driving|responsible)\b",
    re.IGNORECASE,
)
"""Asks for a part of the company or year, for several years, for what may come, or for reasons."""
_OF_THE_WHOLE = frozenset(
    # how it is asked for, and of whom
    "a an the this that what what's how much many high large big low good strong is are was"
    " were be been has have had do does did can could would you your me we i tell give show find"
    " state say calculate calculated compute computed determine work worked out please company"
    " firm business group corporation issuer filer it its they their our whole entire overall"
    " total consolidated reported own"
    # what it does
    " ratio margin rate percentage percentages percent value level figure number amount multiple"
    " terms times days worth stand stood amount amounted come came reach reached run report make"
    " made earn earned generate generated produce produced achieve achieved post posted record"
    " recorded left grow grew grown growth rise rose risen increase increased climb climbed"
    " improve improved improvement fall fell fallen decline declined decrease decreased drop"
    " dropped shrink shrank worsen worsened weaken weakened change changed difference develop"
    " developed evolve evolved higher lower better worse larger smaller greater less more than"
    " above below positive negative"
    # when
    " in from for during over between since until by to and or of as at on with per about fiscal"
    " year years year-end years-end annual annually end ended ending close date period last"
    " prior previous preceding latest current recent most compared comparison versus vs against"
    " relative year-over-year year-on-year yoy then now jan feb mar apr jun jul aug sep sept oct"
    " nov dec"
    # how it is worked out, and where it stands
    " taken defined measured using based plus minus after before divided less both respectively"
    " purposes cash sales debt equity assets receivables inventory payables income revenues"
    " full calendar fye today exact exactly approximate approximately expressed stated which"
    " report annual filing 10-k financial statement statements balance sheet cash flow according"
    " round rounded answer decimal places place one two".split()
).union(MONTHS)
"""Words that ask for a ratio of the whole company; any other may name a segment, product, region,
quarter or kind of ratio, or ask for the reasons."""
_WORD = re.compile(r"[^\W_]+(?:[-’'][^\W_]+)*")
_TWELVE_MONTHS = re.compile(r"\b(?:twelve|12)[ -]months?\b", re.IGNORECASE)
_NO_WORD = re.compile(r"(?:FY?)?'?\d+(?:[.,-]\d+)*(?:st|nd|rd|th)?", re.IGNORECASE)
"""A year, or a day."""


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A line that a question asks for."""

    name: str
    """What the question calls it."""
    end: int
    """Where the name ends in the question."""
    grows: bool
    """Whether its growth is asked for, rather than its figure."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The lines that are called so."""
        return _keys_by_name()[self.name.lower()]

    @property
    def is_loose(self) -> bool:
        """Whether the name means other things elsewhere."""
        loose = {name.lower() for key in self.keys for name in line_items()[key].loose}
        return self.name.lower() in loose


def asked_line(question: str) -> AskedLine | None:
    """The line a question asks for; None where it asks for something else, or for a part of it.

    Args:
        question: With "the company" for the name of the company (`about_the_company`).
    """
    found = _asked().search(question)
    if found is None or _ABOUT_ELSE.search(question):
        return None
    way = next(way for way, name in found.groupdict().items() if name)
    return AskedLine(found[way], found.end(way), way != "figure")


def words_of_a_part(question: str, names: Iterable[str] = ()) -> tuple[str, ...]:
    """The words of a question for a ratio that ask for more than that of the whole company.

    Args:
        question: With "the company" for the name of the company (`about_the_company`).
        names: Words that name the company as well, in lower case.
    """
    known = _OF_THE_WHOLE.union(names)
    words = (
        re.sub(r"['’]s?$", "", word.lower())
        for word in _WORD.findall(_known_names().sub(" ", _TWELVE_MONTHS.sub(" ", question)))
    )
    return tuple(
        word
        for word in words
        if not known.issuperset(word.split("-"))
        and word not in known
        and not _NO_WORD.fullmatch(word)
    )


@cache
def _known_names() -> re.Pattern[str]:
    """Finds the names of ratios, and of the lines that they are made of."""
    tables = (ratios(), line_items().values())
    loose = {name for table in tables for one in table for name in one.loose}
    names = {name for table in tables for one in table for name in one.names}
    either = "|".join(map(re.escape, sorted(names - loose, key=len, reverse=True)))
    return re.compile(rf"(?<![\w&])(?:{either})(?![\w&])", re.IGNORECASE)


@cache
def _keys_by_name() -> dict[str, tuple[str, ...]]:
    """The lines of statements by what they are called, in lower case."""
    keys: dict[str, tuple[str, ...]] = {}
    for one in line_items().values():
        if one.statement:
            for name in one.names:
                keys[name.lower()] = (*keys.get(name.lower(), ()), one.key)
    return keys


@cache
def _asked() -> re.Pattern[str]:
    """Finds the line in a question: what grew, the growth of what, or how much it was."""
    names = "|".join(map(re.escape, sorted(_keys_by_name(), key=len, reverse=True)))
    return re.compile(
        rf"{_OPENS}(?P<subject>{names})s?{_WHEN}\s+{_CHANGE}{_WHEN}\W*$"
        rf"|\b(?:{_CHANGE}|rate|decrease|decline)\s+(?:in|of)\s+(?:{_WHOSE}\s+)*?(?P<object>{names})s?"
        rf"{_WHEN}\W*$"
        rf"|^\W*(?:was|were|is|are)\s+(?:{_WHOSE}\s+)*?(?P<compared>{names})s?{_WHEN}"
        rf"\s+(?:higher|lower|larger|smaller|greater|bigger){_WHEN}\W*$"
        rf"|^\W*(?:(?:what|how\s+(?:much|high|large))\s+)?(?:(?:was|were|is|are)\s+)?(?:{_WHOSE}\s+)*?"
        rf"(?P<figure>{names})s?{_MADE}{_WHEN}\W*$",
        re.IGNORECASE,
    )
