"""Halves of characters, which nothing but Python takes for text."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """The text with a mark for each lone surrogate: neither SQLite nor a tokenizer takes one.

    Python makes them of arguments and file names that are not UTF-8, and of "\\ud800" in JSON.
    """
    return _SURROGATE.sub("\ufffd", text)
