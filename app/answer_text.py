"""An answer as Markdown whose citations are links: `[3]` of a model, `(p. 12)` of a quotation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from docqa.app.terminal import clean
from docqa.engine.exports.markdown import escaped
from docqa.engine.generators.base import MARKER

if TYPE_CHECKING:
    from docqa.engine.record import Record, RecordedEvidence

QUOTING_GENERATOR = "extractive"
"""Writes plain text, a quotation a line; the others write Markdown."""
LINK = "evidence:"
_PLACE = re.compile(r" \(((?:.*, )?p\. (\d+))\)$")
_ACTIVE = re.compile(r"<(?=[A-Za-z/!?])|!(?=\[)|\]\((?!evidence:)")
"""HTML, images, and links that a model made up."""


def linked_answer(record: Record) -> str:
    """The whole answer."""
    if record.generator != QUOTING_GENERATOR:
        return linked_piece(clean(record.answer))
    if record.abstained:
        return escaped(clean(record.answer))
    lines = list(_linked_quotes(record))
    return lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)


def linked_piece(text: str) -> str:
    """A piece of a model's answer; a marker is never cut in two."""
    harmless = _ACTIVE.sub(r"\\\g<0>", text)
    return MARKER.sub(lambda found: f"[\\[{found[1]}\\]]({LINK}{found[1]})", harmless)


def linked_rank(href: str) -> int | None:
    """The rank of the evidence a link leads to; None for any other link."""
    number = href.removeprefix(LINK)
    return int(number) if href.startswith(LINK) and number.isdecimal() else None


def _linked_quotes(record: Record) -> Iterator[str]:
    """The lines of quotations, each with a link where its page stands."""
    cited = [evidence for evidence in record.evidence if evidence.cited]
    for line in clean(record.answer).splitlines():
        place = _PLACE.search(line)
        evidence = _quoted(cited, int(place[2]), line) if place else None
        if place is None or evidence is None:
            yield escaped(line)
            continue
        if not _is_short_answer(line, evidence):  # the line with its sentence is still to come
            cited.remove(evidence)
        words = escaped(line[: place.start()])
        yield f"{words} [({escaped(place[1])})]({LINK}{evidence.rank})"


def _quoted(cited: list[RecordedEvidence], page: int, line: str) -> RecordedEvidence | None:
    """The evidence a line quotes: on that page, the one with most of its words in the line."""
    on_page = [evidence for evidence in cited if evidence.page == page]
    words = set(line.split())
    return max(on_page, key=lambda e: len(words & set(e.text.split())), default=None)


def _is_short_answer(line: str, evidence: RecordedEvidence) -> bool:
    """Whether a line opens with a few words of the sentence, which follows below it."""
    words = " ".join(evidence.quotes[0].split())
    return words != " ".join(evidence.text.split()) and line.startswith(words)
