"""Labels inside a table that name the rows below them, for rows that say little of themselves.

`Federal` stands below `Current:` and again below `Deferred:`, and `2023` below `Revenue` and below
`Segment assets`. Such a row gets the label before its own: `Current: Federal`. A row that says what
it is keeps its label as it is, for it is found and known by it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docqa.engine.ingest.layout import Row, is_number
from docqa.engine.ingest.tables.headers import UNITS

_YEAR = re.compile(r"(?:fiscal |FY\s?)?(?:19|20)\d\d|thereafter", re.IGNORECASE)
_SAYS_LITTLE = re.compile(
    r"(?:sub-?)?totals?(?: (?:current|deferred))?|others?(?:, net)?|federal|foreign|domestic|state"
    r"|local|state and local|u\.?s\.?|non-u\.?s\.?|united states|international|basic|diluted"
    r"|current|non-?current|deferred|short-term|long-term|gross|net|low|high|average|minimum"
    r"|maximum|(?:less|more) than (?:one|12|twelve) (?:year|months).*",
    re.IGNORECASE,
)
_NOTE_MARKS = re.compile(r"(?:\s*\((?:\d{1,2}|[a-z])\)|[*†‡])+$")
_BARE_PERIOD = re.compile(
    r"(?:fiscal |calendar )?(?:years?|periods?|quarters?)(?: end(?:ed|ing))?:?", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]{2}")
_MAX_CHARS = 80
"""A longer line is prose."""
_INDENT_EM = 0.35
"""So many font sizes further right a row stands below a label."""


@dataclass(slots=True)
class _Label:
    """A label with the rows below it still to come."""

    row: Row
    text: str
    above: _Label | None
    """The label of a higher level that stands over it."""
    is_indented: bool | None = None
    """Whether the rows stand further right; None before the first of them."""


def name_rows(rows: Sequence[Row], headers: Sequence[int | None]) -> None:
    """Put the label that stands over a row before its own where that says little.

    Args:
        rows: Of one table, top to bottom.
        headers: For each row the index of the one that names its columns.
    """
    labels = _labels_over(rows, headers)
    under: dict[str, set[int]] = {}  # the labels that a row's own label stands under
    alike: dict[str, set[int]] = {}  # the labels that say the same
    for row, label in zip(rows, labels, strict=True):
        if len(row.cells) > 1:
            under.setdefault(_own(row), set()).add(id(label))
        while label is not None:
            alike.setdefault(label.text, set()).add(id(label))
            label = label.above
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        own = _own(row)
        if label is None or not any(is_number(cell.text) for cell in row.cells[1:]):
            continue
        is_figure = is_number(own) and headers[i] is not None
        is_repeated = len(under[own]) > 1 and _WORD.search(own) is not None
        if _says_little(own) or is_figure or is_repeated:
            name = label.text
            above = label.above
            while above is not None and (_says_little(label.text) or len(alike[label.text]) > 1):
                name = f"{above.text}: {name}"
                label, above = above, above.above
            row.cells[0].text = f"{name}: {row.cells[0].text}"


def _labels_over(rows: Sequence[Row], headers: Sequence[int | None]) -> list[_Label | None]:
    """For each row with figures the label that stands over it."""
    own = [row for row in rows if len(row.cells) > 1]
    values = min((row.cells[1].x0 for row in own), default=0.0)
    # What begins beyond them all names a column.
    end = max((row.cells[0].x1 for row in own), default=0.0)
    of = {k for k in headers if k is not None and len(rows[k].cells) > 1}
    over: list[_Label | None] = []
    label: _Label | None = None
    for i, row in enumerate(rows):
        found = None
        if i in of:
            label = None
        elif len(row.cells) > 1:
            label = found = _still_over(label, row)
        elif _is_label(row, min(values, end + 2 * row.size)):
            while label is not None and label.row.x0 > row.x0 - _INDENT_EM * row.size:
                label = label.above
            label = _Label(row, _bare(row), label)
        elif not _NOTE_MARKS.fullmatch(text := row.cells[0].text) and not text[0].islower():
            label = None
        over.append(found)
    return over


def _is_label(row: Row, values: float) -> bool:
    """Whether a line may name the rows below it."""
    text = row.cells[0].text
    return (
        len(text) <= _MAX_CHARS
        and row.x0 < values - 2 * row.size
        and (_WORD.search(text) is not None or _YEAR.fullmatch(text) is not None)
        and not text[0].islower()
        and not text.endswith(".")
        and (text.endswith(":") or UNITS.match(text) is None)
        and text.count("(") == text.count(")")
        and _BARE_PERIOD.fullmatch(text) is None
    )


def _still_over(label: _Label | None, row: Row) -> _Label | None:
    """The label that a row stands under, of those that the row above it stands under."""
    while label is not None:
        is_indented = row.x0 > label.row.x0 + _INDENT_EM * row.size
        own = _own(row)
        if label.is_indented is None:
            label.is_indented = is_indented
            if is_indented or label.row.cells[0].text.endswith(":") or _YEAR.fullmatch(own):
                return label
        elif is_indented:
            return label
        elif not label.is_indented and row.x0 > label.row.x0 - _INDENT_EM * row.size:
            is_named = label.row.cells[0].text.endswith(":")
            if _YEAR.fullmatch(own) or (is_named and own and not own.startswith("total")):
                return label
        label = label.above
    return None


def _own(row: Row) -> str:
    """A row's own label, in small letters."""
    return _bare(row).lower()


def _bare(row: Row) -> str:
    """The label of a row without a colon and the marks of notes."""
    return _NOTE_MARKS.sub("", row.cells[0].text.rstrip(" :")).rstrip(" :")


def _says_little(label: str) -> bool:
    return bool(_YEAR.fullmatch(label) or _SAYS_LITTLE.fullmatch(label))
