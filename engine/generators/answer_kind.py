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
from docqa.engine.generators.scale import above_table, scale_of
from docqa.engine.reader import AnswerSpan
from docqa.engine.sentences import CELL_SEPARATOR
from docqa.engine.types import Document, SentenceKind
from docqa.engine.wording import in_words_of
from docqa.engine.words import question_stems, stems

_ASKS_WHY = re.compile(r"\b(?:why|reasons?)\b", re.IGNORECASE)
_ASKS_NO_FIGURE = re.compile(
    r"\b(?:who|whom|where)\b|\bhow\s+(?:do|does|can|should)\b"
    r"|^\W*(?:do|does|did|is|are|was|were|has|have|had|can|could|may(?!\s+\d)|might|must|shall|should|will"
    r"|would)\b",
    re.IGNORECASE,
)
_ASKS_MORE = re.compile(
    r"\b(?:what|which|when|how\s+(?!(?:do|does|can|should)\b)\w+)\b", re.IGNORECASE
)
"""Asks for something besides, which may well be a figure."""
_ASKS_WHO = re.compile(r"\bwho\b|\bwhom\b", re.IGNORECASE)
_ASKS_WHICH = re.compile(
    r"\bwhich\b(?!(?:\s+[\w-]+){0,2}?\s+(?:years?|dates?|days?|months?|quarters?|periods?|amounts?|"
    r"numbers?|figures?|percentages?|rates?|prices?|items?|sections?|forms?|rules?|pages?)\b)",
    re.IGNORECASE,
)
"""Asks to choose among things that have names."""
_ASKS_SHARE = re.compile(
    r"\b(?:what|which)\s+share\s+of\b|\bhow\s+many\s+(?:percent\b|per\s+cent\b|percentage\b)"
    r"|\b(?:what|which)\s+(?:(?:is|was|are|were)\s+)?(?:(?:the|an?)\s+)?(?:\w+\s+)?"
    r"(?:percentage|percent|per\s+cent|proportion)\b"
    r"|\bwhat\s+(?:is|was|are|were)\b[^?]{0,60}\bmarket\s+share\b",
    re.IGNORECASE,
)
_SAYS_SHARE = re.compile(
    r"%|\b(?:percent\w*|per\s+cent|shares?\s+of|proportion|points?|rates?|ratio|margin)\b"
    r"|\b(?:half|halves|thirds?|quarters?|fifths?|tenths?|majority|all|none)\b",
    re.IGNORECASE,
)
_CHANGES = (
    r"(?:grow|grew|grown|growth|ris(?:e|es|en|ing)|rose|increas(?:e|es|ed|ing)|climb(?:s|ed|ing)?"
    r"|falls?|fell|fallen|declin(?:e|es|ed|ing)|decreas(?:e|es|ed|ing)|drop(?:s|ped)?|shr[aiu]nk"
    r"|chang(?:e|es|ed)|improv(?:e|es|ed)|reduc(?:e|es|ed|tion))"
)
_ASKS_CHANGE = re.compile(
    r"\bhow\s+(?:much|many)(?:\s+\w+)?\s+(?:more|less|fewer|higher|lower|greater|smaller)\b"
    r"(?!\s+(?:can|could|may|might|must|will)\b)"
    r"|\bby\s+how\s+(?:much|many)\b"
    rf"|\bhow\s+(?:much|many)\b[^?;,]{{0,80}}?\b(?:did|has|have|had|does|do)\b[^?;,]{{0,80}}?"
    rf"\b{_CHANGES}\b(?!\s+(?:in|of|to)\s+the\b)"
    r"(?=\W*$|[,;]|\s+(?:in|from|by|between|over|during|since|for|compared|versus|vs|as|last|this|at"
    r"|year|and|due|because)\b)",
    re.IGNORECASE,
)
_SAYS_CHANGE = re.compile(
    rf"\b(?:{_CHANGES}|variance|differences?|higher|lower|more|less|fewer|up|down|compared)\b|%",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\bhow\s+many\s+((?:[\w’'.-]+\s+){0,4}?[\w’'.-]+)(?:\s+\([^)]*\))*\s+"
    r"(?:did|does|do|is|are|was|were|has|have|had|will|would|can|could|may|might|must|shall|should"
    r"|in|at|on|of|by|per|from|for|to|under|with|there|that|who|which)\b",
    re.IGNORECASE,
)
_NUMBER = r"(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_COUNTED_ON = re.compile(
    rf"[^.;:]{{1,80}}?(?:, (?:and )?| and ){_NUMBER} "
    r"(?!(?:hundred|thousand|million|billion|percent)\b)[a-z]",
    re.IGNORECASE,
)
"""More of what was counted: `12 barges`, and behind it `, four tugs and two ferries`."""
_DONE = re.compile(
    r"how\s+many\b[^?;,]*?\b(?:is|are|was|were|(?:has|have|had)\s+been)\s+(?P<done>\w{2,}ed)\b",
    re.IGNORECASE,
)
"""What was done to all that is counted."""
_ASKS_WHAT_COMES = re.compile(r"\bwhen\s+(?:will|shall|must|should)\b", re.IGNORECASE)
_TOLD_ON = re.compile(r"\W*(?:on|as of|in|since|during)\s+", re.IGNORECASE)
"""Before the day on which a sentence says that something happened, or will."""
_FIRST_VERB = re.compile(
    r"\b(?:(?P<comes>will|shall|must|would)|\w{2,}ed|was|were|had|began|made|took)\b", re.IGNORECASE
)
_ASKS_END = re.compile(
    r"^(?!.*\b(?:begins?|commences?|starts?)\b).*"
    r"(?:\b(?:until|till)\s+when\b|\bwhen\b.*\b(?:ends?|expires?|terminates?|run\s+out|lapses?)\b)",
    re.IGNORECASE | re.DOTALL,
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
    r"(?:FY|fiscal|years?|ended|ending|months?|quarters?|first|second|third|fourth|january|february"
    r"|march|april|may|june|july|august|september|october|november|december|\d+)"
)
_WHEN_WORD = re.compile(rf"\b{_WHEN}\b", re.IGNORECASE)
_PERIOD = re.compile(rf"\W*(?:{_WHEN}[\W_]*)+", re.IGNORECASE)
_FILLERS = frozenset(
    stems(
        "much many company total end amount figure level value number agreement contract lease"
        " report"
    )
)
_CHOICE = re.compile(r"\bor\b", re.IGNORECASE)
_PER = re.compile(r"\bper\s+(?!year|annum|month|week|day|quarter)[a-z]", re.IGNORECASE)
_RELATIVE = re.compile(r"\w\s+(?:at|by|for|from|in|of|on|through|to|under|with)\s+$")
_OF_A_WHOLE = re.compile(
    r"\bas\s+an?\s+(?:percentage|percent|%|share|proportion)\s+of\b", re.IGNORECASE
)
_MORE_SHARES = re.compile(r"(?:[\s\d.,]|and|or|to)*(?:%|percent|per cent)", re.IGNORECASE)
_N_NEAR = 4
_A_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_CURRENCIES = frozenset(stems("dollars euros pounds yen francs crowns"))
_MARK = re.compile(r"\([\da-z*†‡]{1,2}\)", re.IGNORECASE)
_SCALES = re.compile(r"\b(?:hundred|thousand|million|billion|trillion|percent)\b", re.IGNORECASE)


def asks_why(question: str) -> bool:
    """Whether a question asks for a reason."""
    return _ASKS_WHY.search(question) is not None


def asks_for_no_figure(question: str) -> bool:
    """Whether a question asks for a reason, or for a way, person, place, yes or no and no more."""
    if asks_why(question):
        return True
    return bool(_ASKS_NO_FIGURE.search(question)) and not _ASKS_MORE.search(question)


def is_of_the_kind(question: str, documents: Mapping[str, Document], span: AnswerSpan) -> bool:
    """Whether words may be an answer, as far as their kind tells.

    Args:
        question: As the user wrote it.
        documents: By id.
        span: The words.
    """
    document = documents[span.evidence.document_id]
    put = _Put.of(document, span)
    if _ASKS_WHAT_COMES.search(question) and put.is_when_something_happened:
        return False
    if _ASKS_END.search(question) and put.is_when_something_begins:
        return False
    if not any(map(str.isalpha, _SCALES.sub("", put.words))):
        return not asks_for_no_figure(question) and _is_the_figure(question, document, put)
    is_choice = _CHOICE.search(question)
    if _ASKS_WHO.search(question) and put.behind[:1] == ":":
        return False
    if not is_choice and _is_asked_itself(in_words_of(document, question), put.words):
        return False
    if not is_choice and _ASKS_WHO.search(question) and _is_named_in(question, put.words):
        return False
    return not _ASKS_SHARE.search(question) or put.says_share


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


def _is_the_figure(question: str, document: Document, put: _Put) -> bool:
    """Whether a figure may be what a question asks for."""
    if _ASKS_SHARE.search(question):
        return put.says_share
    if _ASKS_CHANGE.search(question):
        return _SAYS_CHANGE.search(put.named) is not None
    if not put.is_row:
        counted = _COUNTED.search(question)
        is_one_of_several = counted and _is_one_of_several(counted[1], put.behind)
        done = counted and _DONE.match(question, counted.start())
        is_of_others = done and not {*stems(done["done"])} & {*stems(put.around)}
        return not (_MARK.fullmatch(put.words) or is_one_of_several or is_of_others)
    if _says_nothing_asked(in_words_of(document, question), put):
        return False
    which = _ASKS_WHICH.search(question)
    if which and not _RELATIVE.search(question[: which.start()]):
        return False
    if _PER.search(question) and put.scale:
        return False
    counted = _COUNTED.search(in_words_of(document, question))
    if counted is None or {*stems(counted[1])} & _CURRENCIES:
        return True
    return bool({*question_stems(counted[0][8:])} & {*stems(put.around)})


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
