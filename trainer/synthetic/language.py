"""Which language a text is in. The identifier knows 97 languages and comes with its model."""

from __future__ import annotations

import difflib
import re

from docqa.engine.errors import ConfigError

ANY_LANGUAGE = "any"
PIECE_CHARS = 500
MIN_SHARE = 0.8
"""Least share of a text's pieces that must be in the language; names and tables mislead."""

_WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def check_language(language: str) -> None:
    """Say early that a language is not known.

    Raises:
        ConfigError: When it is none of the identifier's, nor `any`.
    """
    from py3langid.langid import rank

    known = [ANY_LANGUAGE, *sorted(code for code, _ in rank(""))]
    if language not in known:
        near = difflib.get_close_matches(language[:2], known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Take two letters, such as en."
        raise ConfigError(f"No language {language!r}.", hint)


def is_in_language(text: str, language: str) -> bool:
    """Whether a text is in a language by the share of its pieces that are.

    Args:
        text: Any length. Numbers and marks are passed over; without words it is in none.
        language: ISO 639-1, `en`; every text is in `any`.
    """
    return language == ANY_LANGUAGE or language_share(text, language) >= MIN_SHARE


def language_share(text: str, language: str) -> float:
    """The share of a text's pieces that are in a language; 0 where there are no words."""
    from py3langid.langid import classify  # its model takes half a second to load

    words = " ".join(_WORDS.findall(text))
    pieces = [words[i : i + PIECE_CHARS] for i in range(0, len(words), PIECE_CHARS)]
    if len(pieces) > 1 and len(pieces[-1]) < PIECE_CHARS // 2:
        pieces.pop()
    return sum(classify(one)[0] == language for one in pieces) / len(pieces) if pieces else 0.0
