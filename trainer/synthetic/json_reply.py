"""Finds the JSON in a reply of a language model that was asked for none."""

from __future__ import annotations

import json
import re
from typing import Any


def find_json(text: str) -> Any:
    """The JSON object or list that a text is, or the first object in it; None where there is none.

    A list of numbers inside of prose is none: `[12] The fleet …` begins with one.
    """
    body = text.strip().removeprefix("json").strip()  # what remains of a fence
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = _first_object(body)
    return found if isinstance(found, dict | list) else None


def _first_object(text: str) -> Any:
    """The first object, or list of objects, that is whole, wherever it begins."""
    decoder = json.JSONDecoder()
    for start in re.finditer(r"\[\s*\{|\{", text):
        try:
            return decoder.raw_decode(text, start.start())[0]
        except (ValueError, RecursionError):
            continue
    return None
