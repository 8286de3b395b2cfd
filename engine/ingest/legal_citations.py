"""Abbreviations of legal citations, after which a citation goes on: `62 Stat. 991`, `2d Cir. 1969`.

Most are words or names as well ("Reg came."), so what follows decides.
"""

from __future__ import annotations

import re

_COURTS = "adm app cir cl ct dist civ crim del proc evid"
_LAWS = "ann ch code cong const div doc n p pt pub rec reg rel res rul sess stat subch subpt subtit"
_REPORTERS = "bull cal cum fed ops rev ser supp treas"
_CITED = frozenset(f"{_COURTS} {_LAWS} {_REPORTERS}".split())
_SIGNED = re.compile(r"[\[(“\"]?(?:\d|§|[B-HJ-Z]\b(?!\.\s[A-Z][a-z])|A[,;)\]])")
"""What a citation counts by: a number, or the letter of a division."""
_SHORT = re.compile(r"[A-Z][a-z]{0,5}")
_NEXT = re.compile(
    r"[\[(]?(?:(?:Plan )?Nos?\.\s[\w-]{0,5}\d|L\.\s(?:No|\d)|(?:19|20)\d\d\)"
    r"|(?:Ct|Cir|Dist|Stat|Supp|Cong|Sess|Doc|Reg|Rec|Rel)\.\s)"
)
"""What stands in the middle of a citation only: its year, `No. 5`, other abbreviations."""


def goes_on_citing(word: str, text: str, after: int) -> bool:
    """Whether a citation goes on after an abbreviation's full stop.

    Args:
        word: The abbreviation, without its stop.
        text: The text it stands in.
        after: Where the next word begins.
    """
    word = word.rpartition("-")[2]
    if word.lower() in _CITED and _SIGNED.match(text, after):
        return True
    return _SHORT.fullmatch(word) is not None and _NEXT.match(text, after) is not None
