"""What is really live with some settings, tried by `docqa doctor` in a process of its own.

Loading a model takes seconds and hundreds of megabytes: the terminal application asks another
process, and stays as light and quick as it was.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docqa.app.config import ENV_PREFIX, origins
from docqa.app.own_process import DOCQA
from docqa.engine.errors import ConfigError

TIMEOUT_SECONDS = 90.0


@dataclass(frozen=True)
class LiveCheck:
    """What a question would use."""

    facts: tuple[tuple[str, str], ...]
    """What is live, each with a word for it."""
    problems: tuple[str, ...]
    """What is chosen and not there, each with what to do."""


async def check_live(values: Mapping[str, str]) -> LiveCheck:
    """Try settings without keeping them.

    Args:
        values: Settings by name, as they are typed.
    """
    chosen = {f"{ENV_PREFIX}{key.upper()}": value for key, value in _changed(values).items()}
    process = await asyncio.create_subprocess_exec(
        *DOCQA,
        "doctor",
        "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **chosen},
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    except TimeoutError:
        return LiveCheck((), (f"The check took over {TIMEOUT_SECONDS:.0f} s.",))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return read_report(json.loads(out))
    except ValueError:
        lines = err.decode(errors="replace").strip().splitlines() or ["docqa doctor said nothing."]
        return LiveCheck((), (lines[-1],))


def _changed(values: Mapping[str, str]) -> dict[str, str]:
    """The values that do not hold anyway: the others are found where they stand, so that it counts
    who names the server."""
    try:
        held = {key: str(one.value) for key, one in origins().items()}
    except ConfigError:  # a file was broken meanwhile; the check will say so
        held = {}
    return {key: value for key, value in values.items() if value != held.get(key)}


def read_report(report: Mapping[str, Any]) -> LiveCheck:
    """The few facts a reader chooses by, out of the report of `docqa doctor`."""
    retriever, generator = report["retriever"], report["generator"]
    facts = []
    if "problem" not in retriever:
        why = retriever["why_this_device"]
        facts.append(("reads", f"{retriever['name']} on {retriever['device']} ({why})"))
        if retriever.get("parameters"):
            size = f"{retriever['parameters'] / 1e6:.1f} M parameters"
            weight = f"{retriever['bytes'] / 1e6:.0f} MB, {retriever['dtype']}"
            facts.append(("weights", f"{retriever['checkpoint']}, {size}, {weight}"))
            facts.append(("path", str(retriever["compute_path"])))
        recall = retriever.get(f"recall_{retriever['name']}")
        if recall:
            facts.append(("finds", str(recall)))
    if "problem" not in generator:
        model = generator.get("model")
        parts = [str(generator["name"]), str(model) if model else "no language model"]
        window = generator.get("context_window")
        if isinstance(window, int):
            parts.append(f"reads {window:,} tokens")
        facts.append(("answers", ", ".join(parts)))
    return LiveCheck(tuple(facts), tuple(map(str, report["missing"])))
