"""The last border before the terminal: no line of the screen holds what steers a terminal."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from docqa.engine.exports.control_characters import clean


class CleanLines(LineFilter):
    """Takes control characters out of what widgets draw.

    Widgets clean what they show; this catches what one of them forgets. What has no width goes,
    so that the rest of the line stays where it was.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments without control characters in their words."""
        return [
            segment
            if segment.control or clean(segment.text) == segment.text
            else Segment(_without_controls(segment.text), segment.style)
            for segment in segments
        ]


def _without_controls(text: str) -> str:
    return "".join(
        "" if cleaned != character and not cell_len(character) else cleaned
        for character, cleaned in zip(text, clean(text), strict=True)
    )
