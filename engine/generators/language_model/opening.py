"""What a model writes before its answer: thoughts, a label, or that there is none."""

from __future__ import annotations

import re

N_HELD = 32
"""Characters held back at the start until it is clear what they are."""

_THOUGHTS = re.compile(r"\s*<(think|thinking|thought|reasoning)>", re.IGNORECASE)
_LABEL = re.compile(r"\s*(?:[*_#]*answer[*_]*\s*:[*_]*\s*)?", re.IGNORECASE)
_NOT_FOUND = re.compile(r"[\s*_\"'`#>.-]*NOT[ _-]?FOUND\b")
_ONLY_NOT_FOUND = re.compile(r"[\W_]*not[ _-]?found[\W_]*", re.IGNORECASE)


class Opening:
    """Takes a model's text in pieces and passes on the answer in it."""

    def __init__(self) -> None:
        self.not_found = False
        """True when the model says that the evidence does not answer."""
        self.is_thinking = False
        """True while, or if at the end, the model has not come to an answer."""
        self._held = ""
        self._is_open = False
        self._closing = ""

    def feed(self, piece: str) -> str:
        """The part of the answer that can be passed on with this piece."""
        if self._is_open:
            return "" if self.not_found else piece
        self._held += piece
        if not self._has_thought():
            return ""
        thoughts = _THOUGHTS.match(self._held)
        if thoughts:
            self.is_thinking, self._closing = True, f"</{thoughts[1]}>"
            return self.feed("")
        return self._open() if len(self._held.lstrip()) >= N_HELD else ""

    def finish(self) -> str:
        """The rest, at the end of the text."""
        return "" if self._is_open or self.is_thinking else self._open()

    def _has_thought(self) -> bool:
        """Drop the thoughts; False while they go on."""
        if not self.is_thinking:
            return True
        _, closing, rest = self._held.partition(self._closing)
        if closing:
            self.is_thinking, self._held = False, rest
        return bool(closing)

    def _open(self) -> str:
        self._is_open = True
        label = _LABEL.match(self._held)
        text = self._held[label.end() if label else 0 :]
        self.not_found = bool(_NOT_FOUND.match(text) or _ONLY_NOT_FOUND.fullmatch(text))
        return "" if self.not_found else text
