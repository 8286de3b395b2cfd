"""The tables beside this file, read: what is asked of statements, and facts in prose."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from docqa.engine.statements.line_items import LineItem, Ratio, line_items, ratios

TABLES = ("filings", "statutes")
"""Files of this folder, without their ending."""
CLOZE = "cloze"
"""Stands for a table where the questions come from the sentences themselves."""
SWAPS = "swaps"
"""And where they come from other questions."""
MAX_PLACES = 25
"""A fact told in more sentences than this tells nothing apart."""


@dataclass(frozen=True, slots=True)
class Term:
    """A line of the financial statements, and what is asked of it."""

    item: LineItem
    asks: tuple[str, ...]
    """Whole questions, with `{company}` and `{year}`."""
    at_a_date: bool
    """A line of a balance sheet: asked for the end of a year, not for a year."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence known by a pattern, and the questions it answers."""

    pattern: re.Pattern[str]
    """Its group `subject`, where it has one, is put into the question."""
    asks: tuple[str, ...]
    limit: int
    """Questions for one document, at most."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One table."""

    terms: tuple[Term, ...]
    ratios: tuple[Ratio, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class TemplateQuestion:
    """A question and the sentences that answer it."""

    question: str
    sentences: tuple[int, ...]
    """Ids, in document order; none where nothing answers."""
    answers: tuple[str, ...] = ()
    """Words of those sentences that answer by themselves, as printed; none where sentences do as a
    whole."""


@cache
def read_rules(name: str) -> Rules:
    """One of the `TABLES`."""
    source = files("docqa.trainer.templates") / f"{name}.toml"
    tables = tomllib.loads(source.read_text(encoding="utf-8"))
    asked = {one["key"]: one for one in tables.get("term", ())}
    items = line_items() if asked else {}
    return Rules(
        terms=tuple(
            Term(
                item,
                tuple(asked.get(key, {}).get("asks", ())),
                asked.get(key, {}).get("at_a_date", False),
            )
            for key, item in items.items()
        ),
        ratios=ratios() if asked else (),
        facts=tuple(
            Fact(re.compile(one["pattern"]), tuple(one["asks"]), one.get("limit", 2))
            for one in tables["fact"]
        ),
    )
