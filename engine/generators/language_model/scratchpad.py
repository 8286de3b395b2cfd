"""The parts of a scratchpad: copied evidence, the question once more, the answer.

After Scratchpad-RAG (seed 002): a model that first copies the sentences it needs answers better
from a long context. The copies are checked, and only the last part is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from docqa.engine.generators.language_model.verbatim import find_verbatim

_ANSWER = re.compile(r"^[\s#*_>-]*(?:final\s+)?answer[\s*_]*(?P<end>:|\n)", re.I | re.M)
_QUESTION = re.compile(r"^[\s#*_>-]*question[\s*_]*(?::|$)", re.I | re.M)
_COPY = re.compile(r"^[\s*>•-]*\[+\s*(\d{1,9})\s*\]+[\s:]*(.+)$", re.M)
_MARKS = "\"“”„«»'‘’ "


class Scratchpad:
    """Takes a model's text in pieces and passes on its last part."""

    def __init__(self) -> None:
        self.pad = ""
        """What stands before the answer."""
        self._in_answer = False
        self._ends_emphasis = False

    def feed(self, piece: str) -> str:
        """The part of the answer that can be passed on with this piece."""
        if self._in_answer:
            return self._without_emphasis(piece)
        self.pad += piece
        found = _ANSWER.search(self.pad)
        if found is None:
            return ""
        self._in_answer = True
        self._ends_emphasis = found["end"] == ":"
        self.pad, rest = self.pad[: found.start()], self.pad[found.end() :]
        return self._without_emphasis(rest)

    def _without_emphasis(self, piece: str) -> str:
        """The stars that close a heading `**ANSWER:**` belong to it."""
        if not self._ends_emphasis or not piece:
            return piece
        rest = piece.lstrip("*_")
        self._ends_emphasis = not rest
        return rest

    def finish(self) -> str:
        """At the end: all of it, when the model wrote an answer and no scratchpad."""
        if self._in_answer:
            return ""
        self._in_answer = True
        self.pad, rest = "", self.pad
        return rest


def checked_copies(pad: str, offered: Mapping[int, str]) -> tuple[dict[int, list[str]], int]:
    """The lines of the scratchpad that are verbatim.

    Args:
        pad: What stands before the answer.
        offered: The sentences by their numbers.

    Returns:
        The words that were copied, by number, and how many lines were not verbatim. A line that
        stands under another number than the one it names counts for where it stands.
    """
    question = _QUESTION.search(pad)
    copies: dict[int, list[str]] = {}
    n_wrong = 0
    for line in _COPY.finditer(pad[: question.start()] if question else pad):
        named, words = int(line[1]), line[2].strip().strip(_MARKS)
        for number in ([named] if named in offered else []) + sorted(offered):
            verbatim = find_verbatim(words, offered[number])
            if verbatim is not None:
                copies.setdefault(number, []).append(verbatim)
                break
        else:
            n_wrong += 1
    return copies, n_wrong
