"""Questions about what a sentence tells, found by its pattern."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator

from docqa.engine.types import SentenceKind
from docqa.trainer.dataset import LabelledDocument
from docqa.trainer.templates.rules import MAX_PLACES, Fact, TemplateQuestion


def ask_facts(
    document: LabelledDocument, facts: tuple[Fact, ...], company: str, chance: random.Random
) -> Iterator[TemplateQuestion]:
    """Questions for the facts that a document tells, with all sentences that tell them.

    Args:
        document: The text.
        facts: What to look for.
        company: Stands for `{company}`.
        chance: Chooses wordings and, where a fact is told of many subjects, subjects.
    """
    texts = [
        (one.id, document.document.sentence_text(one.id))
        for one in document.document.sentences
        if one.kind is not SentenceKind.HEADING
    ]
    for fact in facts:
        told: defaultdict[str, list[int]] = defaultdict(list)
        for sentence, text in texts:
            if match := fact.pattern.search(text):
                told[(match.groupdict().get("subject") or "").strip(" ,‘’\u202f")].append(sentence)
        subjects = [one for one, places in told.items() if len(places) <= MAX_PLACES]
        # without a subject there is one group, put in several ways
        n_ways = 1 if fact.pattern.groupindex else fact.limit
        for subject in chance.sample(subjects, min(fact.limit, len(subjects))):
            for wording in chance.sample(fact.asks, min(n_ways, len(fact.asks))):
                question = wording.format(company=company, subject=subject)
                yield TemplateQuestion(question, tuple(told[subject]))
