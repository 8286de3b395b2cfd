"""Raised numbers beside figures: the mark of a note, or a power, is no digit of its figure."""

from __future__ import annotations

SUPERSCRIPT = "[⁰¹²³⁴-⁹]"
"""Of a regular expression: a raised digit. None of them is a `\\d`."""
RAISED_SIZE = 0.8
"""Such a digit is smaller than this share of the letters beside it."""
_RAISE = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SET_APART = str.maketrans({raised: f" {digit}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")})


def ends_figure(text: str) -> bool:
    """Whether a digit set behind a text would be read as one of its last figure."""
    bare = text.rstrip()
    return bare[-1:].isdecimal() or (text[-1:] in {".", ","} and text[-2:-1].isdecimal())


def raise_digits(text: str, start: int, end: int) -> str:
    """A text of the same length with the digits from `start` to `end` raised."""
    return text[:start] + text[start:end].translate(_RAISE) + text[end:]


def set_apart(text: str) -> str:
    """A text with its raised digits as digits that no figure runs into."""
    return text if text.isascii() else text.translate(_SET_APART)
