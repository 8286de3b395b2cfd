"""Characters that steer what shows a text, instead of being shown."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # everything but tab and new line
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters, marks that turn the writing direction, and lone surrogates."""


def clean(text: str) -> str:
    """Text of a document with every control character replaced by a space.

    A document may hold escape sequences that retitle a terminal, move its cursor or worse. One
    character stays one character, so offsets still hold.
    """
    return _CONTROL.sub(" ", text)
