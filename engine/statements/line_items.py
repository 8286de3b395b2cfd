"""The lines of financial statements: what readers call them, what rows do, what follows from them.

The table is assets/line_items.toml.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from docqa.engine.columns import cell_spans

_NO_LABEL = re.compile(r"\([^)]*\)|[\d$%*†:]+")
_SIGN = re.compile(r"less|add|plus", re.IGNORECASE)
_SHARES = re.compile(r"\bshares\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LineItem:
    """A line of the financial statements."""

    key: str
    rows: re.Pattern[str]
    """Matches the whole label of its row, as `plain_label` gives it."""
    names: tuple[str, ...]
    loose: frozenset[str]
    """Those of the names that mean other things as well."""
    spent: bool
    """Whether it is money that goes out, which some statements put in brackets."""
    statement: str
    """`income`, `balance sheet` or `cash flow`; empty for what stands in notes."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How a figure follows from lines."""

    formula: str
    """With `a`, `b` and `c` for the lines in their order."""
    unit: str
    """`%`, `times`, `days`; empty for an amount."""
    keys: tuple[str, ...]
    """Those lines."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure that follows from several lines."""

    names: tuple[str, ...]
    ways: tuple[tuple[str, ...], ...]
    """Ways to compute it: the keys of the lines each needs."""
    loose: frozenset[str]
    sums: tuple[Sum, ...]
    """One for each way; none where what follows is more than a sum of one year's figures."""


def label_of(row: str) -> str:
    """What a row of a table is called, without the label that stands over it.

    A row under `Cost of revenues:` is a part of it; one of shares that says `Diluted` tells only
    by what stands over it that it is no figure per share.
    """
    cell = row[slice(*cell_spans(row)[0])]
    over, _, own = cell.rpartition(": ")
    label = plain_label(own)
    counts_shares = label in ("basic", "diluted") and _SHARES.search(over)
    return plain_label(cell) if counts_shares or _SIGN.fullmatch(over) else label


def plain_label(cell: str) -> str:
    """A label without what differs between filings: brackets, footnotes, figures, marks."""
    return " ".join(_NO_LABEL.sub(" ", cell.lower()).split()).strip(" ,.—-")


@cache
def line_items() -> dict[str, LineItem]:
    """The lines by their keys."""
    return {
        one["key"]: LineItem(
            one["key"],
            re.compile("|".join(f"(?:{row})" for row in one["rows"])),
            tuple(one["names"]),
            frozenset(one.get("loose", ())),
            one.get("spent", False),
            one.get("statement", ""),
        )
        for one in _table()["item"]
    }


@cache
def ratios() -> tuple[Ratio, ...]:
    """What follows from the lines."""
    return tuple(
        Ratio(
            tuple(one["names"]),
            tuple(map(tuple, one["items"])),
            frozenset(one.get("loose", ())),
            tuple(
                Sum(formula, one.get("unit", ""), tuple(way))
                for formula, way in zip(one.get("sums", ()), one["items"], strict=False)
            ),
        )
        for one in _table()["ratio"]
    )


def _table() -> dict[str, Any]:
    source = files("docqa.assets") / "line_items.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))
