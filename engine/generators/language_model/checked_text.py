"""Checks what a model writes while it writes it: its citations and its quotations.

What comes out has the form that `docqa.engine.generators.base` promises. A piece is held back
only while it might still become a marker or a quotation, so text flows on in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from docqa.engine.generators.base import BRACKETED_NUMBER, OnText
from docqa.engine.generators.language_model.verbatim import find_verbatim

MAX_MARKER_CHARS = 80
MAX_QUOTE_CHARS = 1200
MAX_SINGLE_QUOTE_CHARS = 200
"""Most single marks are apostrophes, so text is not held back long for them."""
MAX_RANGE = 10
"""`[2-5]` is four citations; a wider range is none."""
MIN_QUOTE_WORDS = 3
"""Fewer words in quotation marks are a term: they must stand somewhere in the evidence, but they
are no reason to cite a sentence where the model cites none."""

_SPACE = r"[^\S\n]*"
_NUMBER = rf"\d+(?:{_SPACE}[-–]{_SPACE}\d+)?"
_MARKER = re.compile(
    rf"(?P<open>[\[［【]+){_SPACE}(?:(?:evidence|sentence|source|item|line|no\.?|#){_SPACE})?"
    rf"(?P<numbers>{_NUMBER}(?:{_SPACE}(?:,|;|&|and){_SPACE}{_NUMBER})*)"
    rf"{_SPACE}(?:†[^\]】］\n]*)?(?P<close>[\]］】]+)",
    re.IGNORECASE,
)
_PLAIN_BRACKET = re.compile(r"\[\d+(?=[^\d\s\]］】\"“”„«»‘’'])")
"""`[12.5%]`, which is no marker whatever becomes of the rest."""
_OPENING = "[［【"
_CLOSING_OF = {'"': '"', "“": '”"', "„": '“”"', "«": "»", "‘": "’", "'": "'"}
_SPECIAL = re.compile(rf"[{re.escape(_OPENING + ''.join(_CLOSING_OF))}]")
_STICKS = ".,;:!?)"
"""A removed marker takes the space before it along when one of these follows."""


class CheckedText:
    """Takes the pieces of a model's text and passes on what holds."""

    def __init__(
        self,
        offered: Mapping[int, str],
        *,
        also_quotable: Sequence[str] = (),
        renumber: Callable[[int], int] = int,
        on_text: OnText | None = None,
    ) -> None:
        """
        Args:
            offered: The sentences that may be cited, by the numbers the model saw.
            also_quotable: Texts that may be quoted and not cited: headings, column names.
            renumber: From the number the model saw to the one in the text that comes out.
            on_text: Called with each piece that comes out.
        """
        self.offered = offered
        self.text = ""
        """What came out so far."""
        self.cited: dict[int, list[str]] = {}
        """By the number the model saw, in the order of the text: the words quoted from it."""
        self.n_removed_citations = 0
        self.n_removed_quotes = 0
        self._also_quotable = also_quotable
        self._renumber = renumber
        self._on_text = on_text
        self._held = ""
        self._after_bracket = False

    def feed(self, piece: str) -> None:
        """Take the next piece."""
        self._held += piece
        self._scan(is_end=False)

    def finish(self) -> None:
        """Take the end of the text."""
        self._scan(is_end=True)
        self._held = ""

    def _scan(self, *, is_end: bool) -> None:
        while self._held:
            found = _SPECIAL.search(self._held)
            start = found.start() if found else len(self._held)
            if start:
                start = self._pass_on(start)
            if found is None:
                return
            if found[0] in _OPENING:
                went_on = self._take_bracket(start, is_end)
            else:
                went_on = self._take_quote(start, is_end)
            if not went_on:
                return

    def _pass_on(self, end: int) -> int:
        """Send plain text; the space at its end waits, because a removed marker takes it along.

        Returns:
            How many characters of space are still held.
        """
        plain = self._held[:end].rstrip()
        self._send(plain)
        self._held = self._held[len(plain) :]
        return end - len(plain)

    def _send(self, text: str, *, is_marker: bool = False) -> None:
        if not self.text:
            text = text.lstrip()
        if not text:
            return
        if not is_marker and self._after_bracket and text[0].isdigit():
            text = " " + text  # `["9"]` without its quotation marks must not become `[9]`
        self._after_bracket = not is_marker and text.endswith("[")
        self.text += text
        if self._on_text is not None:
            self._on_text(text)

    def _take_bracket(self, start: int, is_end: bool) -> bool:
        """Deal with the bracket at `start`; False when more text must come first."""
        rest = self._held[start:]
        marker = _MARKER.match(rest)
        if marker is None or marker.end() > MAX_MARKER_CHARS:
            if not is_end and marker is None and _might_become_marker(rest):
                return False
            plain = _PLAIN_BRACKET.match(rest)
            end = plain.end() if plain else 1
            self._send(self._held[:start] + "[" + rest[1:end])
            self._held = rest[end:]
            return True
        n_open, n_close = len(marker["open"]), len(marker["close"])
        end = marker.start("close") + min(n_open, n_close)
        if n_open > n_close and end == len(rest) and not is_end:
            return False
        known, n_unknown = self._known(marker["numbers"])
        following = rest[end : end + 1]
        if known:
            self._send(self._held[:start])
            self._send("".join(f"[{self._cite(one)}]" for one in known), is_marker=True)
        elif not following and not is_end:
            return False
        self.n_removed_citations += n_unknown
        keeps_space = not known and following not in _STICKS and not following.isspace()
        self._held = (self._held[:start] if keeps_space else "") + rest[end:]
        return True

    def _known(self, numbers: str) -> tuple[list[int], int]:
        """The numbers that were offered, and how many others there are."""
        known: list[int] = []
        n_unknown = 0
        for part in re.findall(_NUMBER, numbers):
            first, *last = (int(one[:9]) for one in re.findall(r"\d+", part))
            end = last[0] if last else first
            named = range(first, end + 1) if first <= end < first + MAX_RANGE else range(0)
            known += [one for one in named if one in self.offered and one not in known]
            n_unknown += sum(one not in self.offered for one in named) if named else 1
        return known, n_unknown

    def _cite(self, number: int, quote: str | None = None) -> int:
        quotes = self.cited.setdefault(number, [])
        if quote is not None and quote not in quotes:
            quotes.append(quote)
        return self._renumber(number)

    def _take_quote(self, start: int, is_end: bool) -> bool:
        """Deal with the quotation mark at `start`; False when more text must come first."""
        mark, rest = self._held[start], self._held[start:]
        before = (self.text + self._held[:start])[-1:]
        is_single = mark in "'‘"
        if is_single and len(rest) == 1 and not is_end:
            return False
        is_quote = not _is_no_quote(mark, before, rest)
        end = _closing(mark, rest) if is_quote else None
        if is_quote and end is None and not is_end and _might_close(mark, rest):
            return False
        if not is_quote or (is_single and end is None):
            self._send(self._held[: start + 1])
            self._held = rest[1:]
            return True
        if end is None:
            self.n_removed_quotes += 1
            self._held = self._held[:start] + rest[1:]
            return True
        if is_single and end + 1 == len(rest) and not is_end:
            return False  # an apostrophe or the end of a quotation: the next letter tells
        following = self._following_numbers(rest[end + 1 :], is_end)
        if following is None:
            return False
        self._settle(start, rest[1:end], start + end + 1, following)
        return True

    def _settle(self, start: int, quote: str, end: int, following: list[int]) -> None:
        """Send a quotation whose end is known, or its words when they are not verbatim."""
        if not quote.strip():
            self._held = self._held[:start] + self._held[end:]
            return
        number, words = self._source(quote, following)
        if words is None:
            self.n_removed_quotes += 1
            self._held = self._held[:start] + quote + self._held[end:]
            return
        opening, closing = self._held[start], self._held[end - 1]
        shown = BRACKETED_NUMBER.sub("[ ", f"{opening}{quote}{closing}")
        if number is not None:
            shown_number = self._cite(number, words)
            shown += f" [{shown_number}]" if number not in following else ""
        self._send(self._held[:start] + shown)
        self._held = self._held[end:]

    def _source(self, quote: str, following: list[int]) -> tuple[int | None, str | None]:
        """The sentence a quotation comes from and its words there; words None = from nowhere.

        The sentences that the marker behind it names come first, then all others.
        """
        for number in (*following, *sorted(self.offered)):
            words = find_verbatim(quote, self.offered[number])
            if words is not None:
                names_it = bool(following) or len(quote.split()) >= MIN_QUOTE_WORDS
                return (number if names_it else None), words
        for text in self._also_quotable:
            words = find_verbatim(quote, text)
            if words is not None:
                return None, words
        return None, None

    def _following_numbers(self, rest: str, is_end: bool) -> list[int] | None:
        """The known numbers of a marker right behind a quotation; None when it is not there yet."""
        gap = re.match(r"[.,;:!?]?\s*", rest)
        assert gap is not None
        rest = rest[gap.end() :]
        if not rest:
            return [] if is_end or "\n" in gap[0] else None
        if rest[0] not in _OPENING:
            return []
        marker = _MARKER.match(rest)
        if marker is None:
            return None if not is_end and _might_become_marker(rest) else []
        return self._known(marker["numbers"])[0]


def _might_become_marker(rest: str) -> bool:
    return len(rest) < MAX_MARKER_CHARS and not re.search(r"[\]］】\n]", rest)


def _is_no_quote(mark: str, before: str, rest: str) -> bool:
    """Whether a mark stands for inches, or is an apostrophe."""
    if mark in "'‘":
        return before.isalnum() or not rest[1:2].isalpha()
    return mark == '"' and before.isdigit()


def _might_close(mark: str, rest: str) -> bool:
    return "\n" not in rest and len(rest) < _longest(mark)


def _longest(mark: str) -> int:
    return MAX_SINGLE_QUOTE_CHARS if mark in "'‘" else MAX_QUOTE_CHARS


def _closing(mark: str, rest: str) -> int | None:
    """Where a quotation ends; it stays on its line."""
    for place in range(1, min(len(rest), _longest(mark))):
        if rest[place] == "\n":
            return None
        if rest[place] in _CLOSING_OF[mark]:
            is_apostrophe = mark in "'‘" and rest[place + 1 : place + 2].isalnum()
            if not is_apostrophe:
                return place
    return None
