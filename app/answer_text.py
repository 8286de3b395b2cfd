"""An answer as Markdown whose citations are links: `[3]` of a model, `(p. 12)` of a quotation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from docqa.engine.exports.control_characters import clean
from docqa.engine.exports.markdown import disarmed, escaped
from docqa.engine.generators.base import MARKER

if TYPE_CHECKING:
    from docqa.engine.library.record import Record, RecordedEvidence

QUOTING_GENERATOR = "extractive"
"""Writes plain text, a quotation a line; the others write Markdown."""
LINK = "evidence:"
_PLACE = re.compile(r" \(((?:.*, )?pp?\. (\d+)(?:–\d+)?)\)$")
_ACTIVE = r"<(?=[A-Za-z/!?])|!(?=\[)|\]\((?!evidence:)"
"""HTML, images, and links that a model made up."""


def linked_answer(record: Record) -> str:
    """The whole answer."""
    if record.generator != QUOTING_GENERATOR:
        return linked_piece(clean(record.answer))
    if record.abstained:
        return escaped(clean(record.answer))
    lines = list(_linked_quotes(record))
    if has_short_answer(record):
        return "\n\n".join(lines)
    return lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)


def has_short_answer(record: Record) -> bool:
    """Whether an answer of quotations opens with a few words of the sentence below it."""
    return any(
        quote.split() != evidence.text.split()
        for evidence in record.evidence
        for quote in evidence.quotes
    )


def linked_piece(text: str) -> str:
    """A piece of a model's answer; a marker is never cut in two."""
    return MARKER.sub(
        lambda found: f"[\\[{found[1]}\\]]({LINK}{found[1]})", disarmed(text, _ACTIVE)
    )


def linked_rank(href: str) -> int | None:
    """The rank of the evidence a link leads to; None for any other link."""
    number = href.removeprefix(LINK)
    return int(number) if href.startswith(LINK) and number.isdecimal() else None


def _linked_quotes(record: Record) -> Iterator[str]:
    """The lines of quotations, each with a link where its page stands."""
    cited = [evidence for evidence in record.evidence if evidence.cited]
    is_short = has_short_answer(record)
    for number, line in enumerate(clean(record.answer).splitlines()):
        place = _PLACE.search(line)
        evidence = _quoted(cited, int(place[2]), line) if place else None
        if place is None or evidence is None:
            yield escaped(line)
            continue
        if not is_short:  # there, both lines are of one sentence
            cited.remove(evidence)
        words = escaped(line[: place.start()])
        shown = f"**{words}**" if is_short and number == 0 else words
        yield f"{shown} [({escaped(place[1])})]({LINK}{evidence.rank})"


def _quoted(cited: list[RecordedEvidence], page: int, line: str) -> RecordedEvidence | None:
    """The evidence a line quotes: on that page, the one with most of its words in the line."""
    on_page = [evidence for evidence in cited if evidence.page == page]
    words = set(line.split())
    return max(on_page, key=lambda e: len(words & set(e.text.split())), default=None)
