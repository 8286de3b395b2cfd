"""What kind of words a question asks for: a person, a share, a change, a count, a reason, a day."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
_ASKS_HOLDER = re.compile(
    r"\bwho(?:\s+(?:is|was|are|were)|['’]s)\b[^?]*\b(?:officers?|president|chair\w*|counsel|secretary"
    r"|treasurer|controller|directors?|C[EFOT]O)\b",
    re.IGNORECASE,
)
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
CHANGES = (
    r"(?:grow|grew|grown|growth|ris(?:e|es|en|ing)|rose|increas(?:e|es|ed|ing)|climb(?:s|ed|ing)?"
    r"|falls?|fell|fallen|declin(?:e|es|ed|ing)|decreas(?:e|es|ed|ing)|drop(?:s|ped)?|shr[aiu]nk"
    r"|chang(?:e|es|ed)|improv(?:e|es|ed)|reduc(?:e|es|ed|tion))"
)
"""Words for a change of something."""
_ASKS_CHANGE = re.compile(
    r"\bhow\s+(?:much|many)(?:\s+\w+)?\s+(?:more|less|fewer|higher|lower|greater|smaller)\b"
    r"(?!\s+(?:can|could|may|might|must|will)\b)"
    r"|\bby\s+how\s+(?:much|many)\b"
    rf"|\bhow\s+(?:much|many)\b[^?;,]{{0,80}}?\b(?:did|has|have|had|does|do)\b[^?;,]{{0,80}}?"
    rf"\b{CHANGES}\b(?!\s+(?:in|of|to)\s+the\b)"
    r"(?=\W*$|[,;]|\s+(?:in|from|by|between|over|during|since|for|compared|versus|vs|as|last|this|at"
    r"|year|and|due|because)\b)",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\bhow\s+many\s+((?:[\w’'.-]+\s+){0,4}?[\w’'.-]+)(?:\s+\([^)]*\))*\s+"
    r"(?:did|does|do|is|are|was|were|has|have|had|will|would|can|could|may|might|must|shall|should"
    r"|in|at|on|of|by|per|from|for|to|under|with|there|that|who|which)\b",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"how\s+many\b[^?;,]*?\b(?:is|are|was|were|(?:has|have|had)\s+been)\s+(?P<done>\w{2,}ed)\b",
    re.IGNORECASE,
)
"""What was done to all that is counted."""
_ASKS_WHAT_COMES = re.compile(r"\bwhen\s+(?:will|shall|must|should)\b", re.IGNORECASE)
_UNTIL_WHEN = re.compile(r"\b(?:until|till)\s+when\b", re.IGNORECASE)
_WHEN = re.compile(r"\bwhen\b", re.IGNORECASE)
_END = re.compile(r"\b(?:ends?|expires?|terminates?|run\s+out|lapses?)\b", re.IGNORECASE)
_BEGIN = re.compile(r"\b(?:begins?|commences?|starts?)\b", re.IGNORECASE)
_SEVERAL = re.compile(
    r"^\W*(?:(?:and|in|on|at|to|for|from|with|by)\s+)?(?:please\s+)?"
    r"(?:which|what|list|name|enumerate|who\s+(?:are|were))\b(?:\s+(?:are|were|all|of))*"
    r"(?:\s+(?:the|its|their|our|any|all|some|[\w&.-]+['’]s?))*"
    r"(?:\s+(?:names|types|kinds|examples)\s+of(?:\s+(?:the|its|their))?)?"
    r"(?:\s+(?!(?:is|are|was|were|do|does|did|has|have|had|the|an?|of|in|on|at|to|for|by|and|that|who"
    r"|names|types|kinds|examples)\b)[\w&’'-]+){0,3}?"
    r"\s+(?P<what>(?-i:[A-Za-z][a-z-]+)(?<![siu])s|people|men|women|children)\b(?!['’])"
    r"(?P<plain>(?=\s+(?:are|were|do|did|have|had|does|is|has|will|would|shall|should|can|could|may|might"
    r"|must)\b|\W*$))?",
    re.IGNORECASE,
)
"""Asks for more than one of what has a plural: `which companies`, `who are the parties`; plainly,
where no verb in -s may be taken for it, as in `which law governs it`."""
_ASKS_ONE = re.compile(
    r"\b(?:(?:high|low|large|small|bigg|few|great|fast|slow|long|short|old|new|clos|earli|lat)e?st"
    r"|best|worst|most|least|one|percent(?:age)?|share|proportion|number|amount|how|when|year|date)\b"
    r"|\b(?:which|what)\s+of\s+(?:the|its|their)\s+(?:\w+\s+){1,3}?(?:is|was|has|does)\b",
    re.IGNORECASE,
)
"""Asks for one of several, or for a figure or a day."""
_NO_THINGS = frozenset(
    "years quarters months weeks days dates periods amounts numbers figures percentages rates"
    " prices revenues sales expenses costs earnings assets liabilities proceeds profits losses"
    " dividends payments expenditures receivables payables margins returns headquarters was has"
    " does its happens means news needs".split()
)
"""What is no number of things with names."""
_NEVER_ONE = frozenset(
    "parties members directors officers signatories competitors subsidiaries companies".split()
)
"""What one name never answers for, however it is asked."""
_CHOICE = re.compile(r"\bor\b", re.IGNORECASE)
_PER = re.compile(r"\bper\s+(?!year|annum|month|week|day|quarter)[a-z]", re.IGNORECASE)
_RELATIVE = re.compile(r"\w\s+(?:at|by|for|from|in|of|on|through|to|under|with)\s+$")


@dataclass(frozen=True, slots=True)
class Counted:
    """What a question asks the number of."""

    what: str
    """`full-time employees`."""
    asked: str
    """The same with the words behind it, up to the next verb."""
    done: str
    """What was done to them (`fired`); empty where nothing was, or not by a plain verb."""


def asks_why(question: str) -> bool:
    """Whether a question asks for a reason."""
    return _ASKS_WHY.search(question) is not None


def asks_for_no_figure(question: str) -> bool:
    """Whether a question asks for a reason, or for a way, person, place, yes or no and no more."""
    if asks_why(question):
        return True
    return bool(_ASKS_NO_FIGURE.search(question)) and not _ASKS_MORE.search(question)


def asks_who(question: str) -> bool:
    """Whether a question asks for a person or company."""
    return _ASKS_WHO.search(question) is not None


def asks_holder(question: str) -> bool:
    """Whether a question asks who holds an office."""
    return _ASKS_HOLDER.search(question) is not None


def asks_which(question: str) -> bool:
    """Whether a question asks to choose among things that have names."""
    which = _ASKS_WHICH.search(question)
    return which is not None and not _RELATIVE.search(question[: which.start()])


def asks_share(question: str) -> bool:
    """Whether a question asks for a share of something."""
    return _ASKS_SHARE.search(question) is not None


def asks_change(question: str) -> bool:
    """Whether a question asks by how much something changed."""
    return _ASKS_CHANGE.search(question) is not None


def asks_of_one(question: str) -> bool:
    """Whether a question asks what something is for one of many: `per share`."""
    return _PER.search(question) is not None


def asks_what_comes(question: str) -> bool:
    """Whether a question asks when something will happen."""
    return _ASKS_WHAT_COMES.search(question) is not None


def asks_end(question: str) -> bool:
    """Whether a question asks when something ends."""
    if _BEGIN.search(question):
        return False
    when = _WHEN.search(question)
    return bool(_UNTIL_WHEN.search(question) or (when and _END.search(question, when.end())))


def offers_choice(question: str) -> bool:
    """Whether a question names what to choose among."""
    return _CHOICE.search(question) is not None


def counted_in(question: str) -> Counted | None:
    """What a question asks the number of, if it does."""
    counted = _COUNTED.search(question)
    if counted is None:
        return None
    done = _DONE.match(question, counted.start())
    asked = counted[0][len("how many") :]
    return Counted(counted[1], asked, done["done"] if done else "")


def several_asked_for(question: str) -> str | None:
    """What a question asks for more than one of (`subcommittees`); None where it asks for one."""
    several = _SEVERAL.search(question)
    if several is None or _ASKS_ONE.search(question) or several["what"].lower() in _NO_THINGS:
        return None
    return several["what"]


def names_several_asked_for(question: str) -> bool:
    """Whether one name is no answer: `which companies are named`, `who are the parties`."""
    several = _SEVERAL.search(question)
    if several is None or several_asked_for(question) is None or offers_choice(question):
        return False
    is_which = asks_which(question) and several["plain"] is not None
    return is_which or several["what"].lower() in _NEVER_ONE
