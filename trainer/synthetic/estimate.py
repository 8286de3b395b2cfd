"""What a run will take, before anybody is asked."""

from __future__ import annotations

from collections.abc import Iterable

from docqa.engine.generators.language_model.model import estimate
from docqa.trainer.calls.call import Call
from docqa.trainer.calls.plan import Plan
from docqa.trainer.synthetic.drops import Unusable
from docqa.trainer.synthetic.strategies import CONNECTION, QUESTION, WAYS, Attempt, number_of

REASON_WORDS = 60
QUESTION_WORDS = 25


def plan_stages(strategy: str, attempts: Iterable[Attempt]) -> dict[str, Plan]:
    """The calls of each stage, should every reply be of use.

    The prompts of later stages hold what the model writes in the earlier ones; in its place stand
    a long reason, a long question and the farthest sentence.
    """
    plans: dict[str, Plan] = {}
    for attempt in attempts:
        making = WAYS[strategy](attempt)
        try:
            call = next(making)
            while True:
                counted = estimate(call.messages)
                plan = plans.get(call.stage, Plan())
                plans[call.stage] = plan.with_call(counted, call.n_tokens, is_done=False)
                call = making.send(_stand_in(call, attempt))
        except Unusable:
            continue
    return plans


def _stand_in(call: Call, attempt: Attempt) -> str:
    """A reply such as the way needs to go on; the last one ends it."""
    if call.stage == CONNECTION:
        numbers = ", ".join(str(number_of(one.id)) for one in attempt.document.sentences)
        return f"{numbers}: {'reason ' * REASON_WORDS}"
    return f"QUESTION: {'word ' * QUESTION_WORDS}?" if call.stage == QUESTION else ""
