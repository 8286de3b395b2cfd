"""What one question scored, from what a run file holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docqa.trainer.answers.asking import ANSWER, SLICE
from docqa.trainer.answers.judging import JUDGE, answer_of, plain_verdict, refuses
from docqa.trainer.answers.measures import best, exact_match, f1, subspan_match
from docqa.trainer.answers.replies import decision
from docqa.trainer.answers.run_file import Asked, RunRecord

MEASURES = (
    "accuracy",
    "f1",
    "exact_match",
    "subspan_match",
    "evidence_recall",
    "reciprocal_rank",
    "refused",
    "refused_rightly",
)
"""In the order they are reported. `refused`: of the questions that have an answer, lower is
better; `refused_rightly`: of those that have none."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A question with its measures, each in [0, 1]; what cannot be measured is left out."""

    asked: Asked
    answer: str | None
    """None where a model has not answered."""
    verdict: str
    """The judge's words; empty where none was asked."""
    measures: Mapping[str, float]


def score_run(run: RunRecord) -> list[Scored]:
    """Every question of a run with its measures."""
    replies = {key: text for (stage, key), text in run.replies.items() if stage == ANSWER}
    open_keys = {
        key.rpartition("/")[0] if stage == SLICE else key
        for stage, key in run.open_calls
        if stage in (ANSWER, SLICE)
    }
    has_judge = run.settings.get("judge", "none") != "none"
    scored = []
    for asked in run.questions:
        is_whole = run.is_finished and asked.key not in open_keys
        answer = answer_of(asked, replies, is_whole=is_whole)
        verdict = run.replies.get((JUDGE, asked.key))
        measures = measure(asked, answer, verdict, has_judge=has_judge)
        scored.append(Scored(asked, answer, verdict or "", measures))
    return scored


def measure(
    asked: Asked, answer: str | None, verdict: str | None, *, has_judge: bool
) -> dict[str, float]:
    """The measures of one answer.

    Words are compared only where an answer is asked for in words: choices are left out of F1 and
    its like, as the paper leaves them out.

    Args:
        asked: The question.
        answer: None where a model has not answered yet.
        verdict: What the judge wrote; None where it was not asked.
        has_judge: Whether the run has one.
    """
    measures: dict[str, float] = {}
    if asked.evidence_recall is not None:
        measures["evidence_recall"] = asked.evidence_recall
    if asked.reciprocal_rank is not None:
        measures["reciprocal_rank"] = asked.reciprocal_rank
    if answer is None:
        return measures
    measures["refused" if asked.is_answerable else "refused_rightly"] = float(
        refuses(asked, answer)
    )
    right = is_right(asked, answer, verdict, has_judge=has_judge)
    if right is not None:
        measures["accuracy"] = float(right)
    if asked.is_answerable and asked.answers and asked.answer_kind != "choice":
        said = "" if refuses(asked, answer) else answer
        measures["f1"] = best(f1, said, asked.answers)
        measures["exact_match"] = best(exact_match, said, asked.answers)
        measures["subspan_match"] = best(subspan_match, said, asked.answers)
    return measures


def is_right(asked: Asked, answer: str, verdict: str | None, *, has_judge: bool) -> bool | None:
    """Whether an answer is right; None where nobody can say.

    Without a judge only choices count, and one that cannot be read off is wrong: to count of the
    other answers those alone that show what they are would make the average of a few refusals.
    With a judge, a verdict that cannot be read is none in favour of the answer.
    """
    right = plain_verdict(asked, answer)
    if not has_judge:
        return bool(right) if asked.choices else None
    if right is None and verdict is not None:
        right = decision(verdict) is True
    return right
