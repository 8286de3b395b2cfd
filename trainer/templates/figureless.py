"""Questions that no figure answers, put to the rows of tables that name what they are about.

`How does the company buy fuel?` shares its telling word with the row `Fuel | 14,963`. All real
questions that are labelled with a row ask for its figures, so that a reader trained on them alone
takes a row for an answer to whatever is asked of its label.
"""

from __future__ import annotations

import random

MOST_WORDS = 7
"""A label with more words is a sentence, of which nobody asks as a whole."""
WORDINGS = (
    "How does {company} account for {label}?",
    "How is {label} determined?",
    "How does {company} manage {label}?",
    "How does {company} buy {label}?",
    "How can {label} be reduced?",
    "How do changes in {label} affect {company}?",
    "How does {label} work?",
    "Who decides on {label}?",
    "Who is responsible for {label}?",
    "Who audits {label}?",
    "Who supplies {label} to {company}?",
    "Who bears the risk of {label}?",
    "With whom does {company} share {label}?",
    "Where is {label} explained?",
    "Where does {company} hold {label}?",
    "Where does {label} come from?",
    "Why did {label} change?",
    "Why did {label} rise?",
    "Why did {label} fall?",
    "Why is {label} important to {company}?",
    "What explains the change in {label}?",
    "What drives {label}?",
    "What is included in {label}?",
    "What does {company} mean by {label}?",
    "What are the terms of {label}?",
    "What is the policy on {label}?",
    "What risks does {company} see in {label}?",
    "Which method is used to measure {label}?",
    "Which law governs {label}?",
    "Which of the subsidiaries report {label}?",
    "Is {label} insured?",
    "Is {label} subject to regulation?",
    "Are there limits on {label}?",
    "Does {company} hedge {label}?",
    "Does {company} depend on {label}?",
    "Can {company} refuse {label}?",
    "Must {company} disclose {label}?",
    "Describe {label}.",
    "reasons for change in {label}",
    "accounting policy {label}",
)
_COMPANIES = ("the company", "the company", "the group", "it")


def ask_no_figure(label: str, chance: random.Random) -> str | None:
    """A question about a row's label that none of its figures answers; None for a long label.

    Args:
        label: As `docqa.engine.statements.line_items.label_of` gives it.
        chance: Draws the wording.
    """
    if not label or len(label.split()) > MOST_WORDS:
        return None
    return chance.choice(WORDINGS).format(company=chance.choice(_COMPANIES), label=label)
