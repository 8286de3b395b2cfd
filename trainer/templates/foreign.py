"""Questions that belong to another document, put to this one as if they were about it.

`What is Rocket Companies' servicing asset in 2023?` becomes `What is AbbVie's servicing asset in
2021?`, of which AbbVie's report of that year has no row. What comes near it there is what a reader
must not take for an answer. A question counts only where a telling word of it stands nowhere in the
document, so that the document hardly answers it.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace

from docqa.engine.words import question_stems, stems
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion

TITLE = re.compile(r"^(?P<company>.+?) Form (?P<form>10-[KQ]) fiscal (?P<year>20\d\d)$")
"""As the titles of the filings are written."""
_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")


def ask_foreign(
    document: LabelledDocument,
    other: LabelledDocument,
    share: float,
    chance: random.Random,
) -> list[LabelledQuestion]:
    """Questions without evidence.

    Args:
        document: That is asked.
        other: Whose questions they are.
        share: Of the number of the document's own questions, at most.
        chance: Draws them.
    """
    known = {*stems(document.title), *stems(document.text)}
    most = round(share * len(document.questions))
    drawn = chance.sample(other.questions, min(most, len(other.questions)))
    asked = [(one, moved(one.question, other.title, document.title)) for one in drawn]
    return [
        replace(one, question=question, answers=(), evidence=(), answerable=False)
        for one, question in asked
        if not known.issuperset(question_stems(question))
    ]


def moved(question: str, title: str, to_title: str) -> str:
    """A question on one filing, asked of another: its company and as many years before its end.

    A question on anything else stays what it is.
    """
    old, new = TITLE.match(title), TITLE.match(to_title)
    if old is None or new is None:
        return question
    later = int(new["year"]) - int(old["year"])
    dated = _YEAR.sub(lambda year: str(int(year[0]) + later), question)
    return dated.replace(old["company"], new["company"])
