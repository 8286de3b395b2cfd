"""What calls of a language model will take, for a person and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docqa.trainer.calls.plan import Plan, Price


def plan_line(stage: str, plan: Plan, price: Price | None) -> str:
    """One stage, before it begins: `question: 120 calls, 20 done before; …`."""
    done = f", {plan.n_done:,} done before" if plan.n_done else ""
    if not plan.n_left:
        return f"{stage}: {plan.n_calls:,} calls{done}."
    tokens = plan.prompt_tokens
    parts = [
        f"{stage}: {plan.n_calls:,} calls{done}; to read {tokens.at_least:,} to "
        f"{tokens.at_most:,} tokens, to write {plan.answer_tokens:,} at most"
    ]
    if price is not None:
        least, most = plan.cost(price)
        parts.append(f"cost {least:,.2f} to {most:,.2f}")
    return "; ".join(parts) + "."


def print_plans(plans: Mapping[str, Plan], price: Price | None, *, as_json: bool) -> None:
    """All stages, on stdout: that of a dry run."""
    from docqa.app.output import print_json, print_table

    records = [plan_record(stage, plan, price) for stage, plan in plans.items()]
    if as_json:
        print_json({"stages": records})
        return
    names = ["stage", "calls", "tokens to read", "to write at most"]
    rows = [
        [
            one["stage"],
            f"{one['calls']:,}",
            " to ".join(f"{n:,}" for n in one["prompt_tokens"]),
            f"{one['answer_tokens']:,}",
            *([] if price is None else [" to ".join(f"{n:,.2f}" for n in one["cost"])]),
        ]
        for one in records
    ]
    print_table(names if price is None else [*names, "cost"], rows)


def plan_record(stage: str, plan: Plan, price: Price | None) -> dict[str, Any]:
    """One stage, for programs."""
    record: dict[str, Any] = {
        "stage": stage,
        "calls": plan.n_calls,
        "done": plan.n_done,
        "prompt_tokens": [plan.prompt_tokens.at_least, plan.prompt_tokens.at_most],
        "longest_prompt_tokens": plan.longest_prompt_tokens,
        "answer_tokens": plan.answer_tokens,
    }
    return record if price is None else {**record, "cost": list(plan.cost(price))}
