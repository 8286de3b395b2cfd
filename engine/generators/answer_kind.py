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
from docqa.engine.types import Document, SentenceKind
from docqa.engine.wording import in_words_of
from docqa.engine.words import question_stems, stems

_ASKS_WHY = re.compile(r"\b(?:why|reasons?)\b", re.IGNORECASE)
_ASKS_NO_FIGURE = re.compile(
    r"\b(?:who|whom|where)\b|\bhow\s+(?:do|does|can|should)\b"
    r"|^\W*(?:do|does|is|are|can|must)\b",
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
    r"(?:percentage|percent|per\s+cent|proportion)\b",
    re.IGNORECASE,
)
_SAYS_SHARE = re.compile(
    r"%|\b(?:percent\w*|per\s+cent|shares?\s+of|proportion|points?|rates?|ratio|margin)\b"
    r"|\b(?:half|halves|thirds?|quarters?|fifths?|tenths?|majority|all|none)\b",
    re.IGNORECASE,
)
_CHANGES = (
    r"(?:grow|grew|grown|growth|rises?|rose|risen|increas\w*|climb\w*|falls?|fell|fallen|declin\w*"
    r"|decreas\w*|drop\w*|shr[aiu]nk|chang\w*|improv\w*|reduc\w*)"
)
_ASKS_CHANGE = re.compile(
    r"\bhow\s+(?:much|many)(?:\s+\w+)?\s+(?:more|less|fewer|higher|lower|greater|smaller)\b"
    r"|\bby\s+how\s+(?:much|many)\b"
    rf"|\bhow\s+(?:much|many)\b[^?;,]*\b(?:did|has|have|had|does|do)\b[^?;,]*\b{_CHANGES}\b"
    r"(?!\s+(?:in|of|to)\s+the\b)",
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
_ASKS_WHAT_COMES = re.compile(r"\bwhen\s+(?:will|shall|must|should)\b", re.IGNORECASE)
_TOLD_ON = re.compile(r"\W*(?:on|as of|in|since|during)\s+$", re.IGNORECASE)
"""Before the day on which a sentence says that something happened."""
_ASKS_END = re.compile(
    r"\b(?:until|till)\s+when\b|\bwhen\b.*\b(?:end|ends|expires?|terminates?|run\s+out|lapses?)\b",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"\b(?:commenc\w+|begin\w*|start\w*|effective|from|since|dated|as of)"
    r"(?:\s+(?:as\s+of|from|on|the))*\s*$",
    re.IGNORECASE,
)
"""Before a day on which something begins."""
_NAME = re.compile(r"(?<=\w )(?:[A-Z][\w&’'.-]*)(?: (?:[A-Z][\w&’'.-]*|of|on|and|the|de|&))*")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_PER = re.compile(r"\bper\s+[a-z]", re.IGNORECASE)
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
    if _ASKS_WHAT_COMES.search(question) and put.before and _TOLD_ON.fullmatch(put.before):
        return False
    if _ASKS_END.search(question) and _BEGINS.search(put.before):
        return False
    if not any(map(str.isalpha, _SCALES.sub("", put.words))):
        return not asks_for_no_figure(question) and _is_the_figure(question, document, put)
    if _ASKS_WHO.search(question):
        return not _is_asked_itself(in_words_of(document, question), put.words)
    return not _ASKS_SHARE.search(question) or not re.search(r"\d", put.words) or put.says_share


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
    scale: str

    @classmethod
    def of(cls, document: Document, span: AnswerSpan) -> _Put:
        sentence = document.sentences[span.evidence.sentence_id]
        text, words = document.sentence_text(sentence.id), span.text({document.id: document})
        if sentence.kind is not SentenceKind.ROW:
            before, behind = text[: span.start], text[span.end :]
            return cls(words, before, behind, False, text, text, "")
        cells = cell_spans(text)
        names = column_names(document, sentence)
        column = sum(end <= span.start for _, end in cells)
        header = "" if sentence.header is None else document.sentence_text(sentence.header)
        name = names[column] if column < len(names) else header
        heading = "" if sentence.heading is None else document.sentence_text(sentence.heading)
        above = (document.sentence_text(one.id) for one in above_table(document, sentence))
        named = f"{text[slice(*cells[0])]} | {name}"
        around = " | ".join([text, header, heading, *above])
        return cls(words, "", "", True, named, around, scale_of(document, sentence, words))

    @property
    def says_share(self) -> bool:
        """Whether it is a share, or stands in a row or column of shares."""
        told = f"{self.words} | {self.named}" if self.is_row else self.words
        return _SAYS_SHARE.search(told) is not None


def _is_the_figure(question: str, document: Document, put: _Put) -> bool:
    """Whether a figure may be what a question asks for."""
    if _ASKS_SHARE.search(question):
        return put.says_share
    if _ASKS_CHANGE.search(question):
        return _SAYS_CHANGE.search(put.named) is not None
    if not put.is_row:
        is_one_of_several = _COUNTED.search(question) and _COUNTED_ON.match(put.behind)
        return not _MARK.fullmatch(put.words) and not is_one_of_several
    if _shares_names_alone(in_words_of(document, question), put.around):
        return False
    if _ASKS_WHICH.search(question) or (_PER.search(question) and put.scale):
        return False
    counted = _COUNTED.search(in_words_of(document, question))
    return counted is None or bool({*question_stems(counted[0][8:])} & {*stems(put.around)})


def _shares_names_alone(question: str, around: str) -> bool:
    """Whether a row says of whom a question asks, and nothing of what it asks of them."""
    names = {*stems(" ".join(_NAME.findall(question)))}
    asked = {*question_stems(_YEAR.sub("", question))}
    said = asked & {*stems(around)}
    return bool(said) and said <= names and bool(asked - names)


def _is_asked_itself(question: str, words: str) -> bool:
    """Whether words say no more than the question, or spell out its `CFO`."""
    if {*stems(words)} <= {*stems(question)}:
        return True
    initials = "".join(word[0] for word in re.findall(r"\w+", words))
    return len(initials) > 1 and re.search(rf"\b{initials}\b", question, re.IGNORECASE) is not None
