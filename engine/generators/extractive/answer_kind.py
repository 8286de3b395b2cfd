"""Whether words are of the kind that a question asks for.

The reader finds words by what stands around them, and gives an amount where a share is asked for, a
level where a change is, the revenue in a country for "How many employees in ...?". Such words look
like an answer and are none: where the kind does not fit, the sentence is quoted without them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from docqa.engine.columns import cell_spans, column_names
from docqa.engine.ingest.sentences import CELL_SEPARATOR
from docqa.engine.question.asked_kind import (
    CHANGES,
    asks_change,
    asks_end,
    asks_for_no_figure,
    asks_holder,
    asks_of_one,
    asks_share,
    asks_what_comes,
    asks_which,
    asks_who,
    counted_in,
    names_several_asked_for,
    offers_choice,
)
from docqa.engine.question.defined_terms import FORM
from docqa.engine.question.wording import in_words_of
from docqa.engine.reader import AnswerSpan
from docqa.engine.statements.scale import above_table, scale_of
from docqa.engine.types import Document, SentenceKind
from docqa.engine.words import MONTHS, question_stems, stems

_SAYS_SHARE = re.compile(
    r"%|\b(?:percent\w*|per\s+cent|shares?\s+of|proportion|points?|rates?|ratio|margin)\b"
    r"|\b(?:half|halves|thirds?|quarters?|fifths?|tenths?|majority|all|none)\b",
    re.IGNORECASE,
)
_SAYS_CHANGE = re.compile(
    rf"\b(?:{CHANGES}|variance|differences?|higher|lower|more|less|fewer|up|down|compared)\b|%",
    re.IGNORECASE,
)
_NUMBER = r"(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_COUNTED_ON = re.compile(
    rf"[^.;:]{{1,80}}?(?:, (?:and )?| and ){_NUMBER} "
    r"(?!(?:hundred|thousand|million|billion|percent)\b)[a-z]",
    re.IGNORECASE,
)
"""More of what was counted: `12 barges`, and behind it `, four tugs and two ferries`."""
_TOLD_ON = re.compile(r"\W*(?:on|as of|in|since|during)\s+", re.IGNORECASE)
"""Before the day on which a sentence says that something happened, or will."""
_FIRST_VERB = re.compile(
    r"\b(?:(?P<comes>will|shall|must|would)|\w{2,}ed|was|were|had|began|made|took)\b", re.IGNORECASE
)
_ENDS = re.compile(r"\b(?:ends?|expires?|terminates?|lapses?|ceases?)\b", re.IGNORECASE)
_BEGINS = re.compile(
    r"\b(?:commenc\w+|begin\w*|start\w*|(?P<effective>effective)|from|since|dated|as of)"
    r"(?:\s+(?:as\s+of|from|on|the))*\s*$",
    re.IGNORECASE,
)
"""Before a day on which something begins."""
_NAME = re.compile(r"(?<=\w )(?:[A-Z][\w&’'.-]*)(?: (?:[A-Z][\w&’'.-]*|of|on|and|the|de|&))*")
_WHEN = (
    r"(?:FY|fiscal|years?|ended|ending|months?|quarters?|first|second|third|fourth|\d+"
    rf"|{'|'.join(MONTHS)})"
)
_WHEN_WORD = re.compile(rf"\b{_WHEN}\b", re.IGNORECASE)
_PERIOD = re.compile(rf"\W*(?:{_WHEN}[\W_]*)+", re.IGNORECASE)
_FILLERS = frozenset(
    stems(
        "much many company total end amount figure level value number agreement contract lease"
        " report"
    )
)
_OF_A_WHOLE = re.compile(
    r"\bas\s+an?\s+(?:percentage|percent|%|share|proportion)\s+of\b", re.IGNORECASE
)
_MORE_SHARES = re.compile(r"(?:[\s\d.,]|and|or|to)*(?:%|percent|per cent)", re.IGNORECASE)
_N_NEAR = 4
"""Words behind a number among which stands what it counts."""
_A_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_CURRENCIES = frozenset(stems("dollars euros pounds yen francs crowns"))
_FORM = re.compile(rf",? {FORM}\b")
_OFFICES = frozenset(
    stems(
        "executive senior vice president chief officer financial operating accounting legal general"
        " counsel global principal chairman chair board director secretary treasurer controller"
        " manager managing and of the"
    )
)
_LISTS = re.compile(r"[,;&/]|\b(?:and|or)\b", re.IGNORECASE)
"""Between the names of several."""
_MARK = re.compile(r"\([\da-z*†‡]{1,2}\)", re.IGNORECASE)
_SCALES = re.compile(r"\b(?:hundred|thousand|million|billion|trillion|percent)\b", re.IGNORECASE)


def is_of_the_kind(question: str, documents: Mapping[str, Document], span: AnswerSpan) -> bool:
    """Whether words may be an answer, as far as their kind tells.

    Args:
        question: As the user wrote it.
        documents: By id.
        span: The words.
    """
    document = documents[span.evidence.document_id]
    put = _Put.of(document, span)
    read = in_words_of(document, question)
    if asks_what_comes(question) and put.is_when_something_happened:
        return False
    if asks_end(question) and put.is_when_something_begins:
        return False
    if not any(map(str.isalpha, _SCALES.sub("", put.words))):
        return not asks_for_no_figure(question) and _is_the_figure(question, read, put)
    if names_several_asked_for(question) and not _LISTS.search(_FORM.sub("", put.words)):
        return False
    if asks_holder(question) and {*stems(put.words)} <= _OFFICES:
        return False
    is_choice = offers_choice(question)
    if asks_who(question) and put.behind[:1] == ":":
        return False
    if not is_choice and _is_asked_itself(read, put.words):
        return False
    if not is_choice and asks_who(question) and _is_named_in(question, put.words):
        return False
    return not asks_share(question) or put.says_share


@dataclass(frozen=True, slots=True)
class _Put:
    """Words with what says of what they are."""

    words: str
    before: str
    behind: str
    """The rest of a sentence of prose; nothing of a row."""
    is_row: bool
    named: str
    """The label of a row and the name of the column, or all names where it is not plain which; of
    prose the sentence."""
    around: str
    """The same with the whole row, the heading and what introduces the table."""
    above: str
    """Heading and what introduces the table alone."""
    scale: str

    @classmethod
    def of(cls, document: Document, span: AnswerSpan) -> _Put:
        sentence = document.sentences[span.evidence.sentence_id]
        text, words = document.sentence_text(sentence.id), span.text({document.id: document})
        if sentence.kind is not SentenceKind.ROW:
            before, behind = text[: span.start], text[span.end :]
            return cls(words, before, behind, False, text, text, "", "")
        cells = cell_spans(text)
        names = column_names(document, sentence)
        column = sum(end <= span.start for _, end in cells)
        header = "" if sentence.header is None else document.sentence_text(sentence.header)
        name = names[column] if column < len(names) else header
        heading = "" if sentence.heading is None else document.sentence_text(sentence.heading)
        introduced = (document.sentence_text(one.id) for one in above_table(document, sentence))
        above = " | ".join([heading, *introduced])
        named = f"{text[slice(*cells[0])]} | {name}"
        around = " | ".join([text, header, above])
        return cls(
            words,
            "",
            "",
            True,
            named,
            around,
            above,
            scale_of(document, sentence, words, span.start),
        )

    @property
    def says_share(self) -> bool:
        """Whether it is a share, or stands in a row or column of shares."""
        told = f"{self.words} | {self.named}" if self.is_row else self.words
        is_of_list = _MORE_SHARES.match(self.behind) is not None
        return is_of_list or bool(_SAYS_SHARE.search(told) or _OF_A_WHOLE.search(self.above))

    @property
    def is_when_something_happened(self) -> bool:
        """Whether it is the day with which a sentence about the past begins."""
        if not _TOLD_ON.fullmatch(self.before):
            return False
        verb = _FIRST_VERB.search(self.behind)
        return verb is not None and verb["comes"] is None

    @property
    def is_when_something_begins(self) -> bool:
        """Whether it is the day on which something begins, and not an end that takes effect."""
        begins = _BEGINS.search(self.before)
        if begins is None:
            return False
        return begins["effective"] is None or not _ENDS.search(self.before + self.behind)


def _is_the_figure(question: str, read: str, put: _Put) -> bool:
    """Whether a figure may be what a question asks for.

    Args:
        question: As the user wrote it.
        read: In the words of the document.
        put: The figure.
    """
    if asks_share(question):
        return put.says_share
    if asks_change(question):
        return _SAYS_CHANGE.search(put.named) is not None
    if not put.is_row:
        counted = counted_in(question)
        is_one_of_several = counted and _is_one_of_several(counted.what, put.behind)
        is_of_others = counted and not {*stems(counted.done)} <= {*stems(put.around)}
        return not (_MARK.fullmatch(put.words) or is_one_of_several or is_of_others)
    if _says_nothing_asked(read, put):
        return False
    if asks_which(question) or (asks_of_one(question) and put.scale):
        return False
    counted = counted_in(read)
    if counted is None or {*stems(counted.what)} & _CURRENCIES:
        return True
    return bool({*question_stems(counted.asked)} & {*stems(put.around)})


def _is_one_of_several(counted: str, behind: str) -> bool:
    """Whether more of what is counted follows: `12 barges`, then `, four tugs and two ferries`.

    Where the number is of the very word (`310 boats and 4 piers`), only if that comes again, and
    not for another year.
    """
    if not _COUNTED_ON.match(behind):
        return False
    noun = stems(counted)[-1:]
    near = stems(" ".join(behind.split()[:_N_NEAR]))
    if not {*noun} & {*near}:
        return True
    return stems(behind).count(noun[0]) > 1 and not _A_YEAR.search(behind)


def _says_nothing_asked(question: str, put: _Put) -> bool:
    """Whether a row says of whom a question asks, or when, and nothing of what it asks."""
    names = {*stems(" ".join(_NAME.findall(question)))}
    asked = {*question_stems(_WHEN_WORD.sub("", question))}
    said = asked & {*stems(put.around)}
    is_period = _PERIOD.fullmatch(put.named.split(CELL_SEPARATOR)[0]) is not None
    return bool(said or is_period) and said <= names and bool(asked - names - _FILLERS)


def _is_named_in(question: str, words: str) -> bool:
    """Whether a question has all names that words hold: who invented FM is not `FM radio`."""
    names = {*stems(" ".join(re.findall(r"\b[A-Z][\w&’'-]*", words)))}
    return bool(names) and names <= {*stems(question)}


def _is_asked_itself(question: str, words: str) -> bool:
    """Whether words say no more than the question, or spell out its `CFO`."""
    if {*stems(words)} <= {*stems(question)}:
        return True
    initials = "".join(word[0] for word in re.findall(r"\w+", words)).upper()
    return len(initials) > 1 and re.search(rf"\b{initials}\b", question) is not None
