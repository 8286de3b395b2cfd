"""Why a reply, or what was made of it, is of no use: counted, so that a bad model is seen."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why an attempt at a question ended."""

    # Nothing was asked.
    TOO_SHORT = "excerpt too short"
    # The reply could not be read.
    EMPTY = "empty reply"
    ONLY_THOUGHTS = "only thoughts"
    REFUSAL = "refusal"
    NO_NUMBERS = "no numbers found"
    UNKNOWN_NUMBERS = "only numbers that were not offered"
    NO_REASON = "no reason given"
    NO_QUESTION = "no question found"
    # It could be read, and is not used.
    NONE = "says there is none"
    TOO_NEAR = "connection too near"
    BOILERPLATE = "boilerplate"
    TOO_LONG = "question too short or too long"
    POINTS_AT_TEXT = "question points at the text"
    ONE_PLACE = "evidence in one place only"
    ALL_NAMED = "all sentences named"

    @property
    def is_unreadable(self) -> bool:
        """Whether it is about the form of a reply rather than its content."""
        return self in _UNREADABLE


_UNREADABLE = {
    Reason.EMPTY,
    Reason.ONLY_THOUGHTS,
    Reason.REFUSAL,
    Reason.NO_NUMBERS,
    Reason.UNKNOWN_NUMBERS,
    Reason.NO_REASON,
    Reason.NO_QUESTION,
}


class Unusable(Exception):
    """An attempt ends here; no error, the next one goes on."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason
