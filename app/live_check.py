"""What is really live with some settings, tried by `docqa doctor` in a process of its own.

Loading a model takes seconds and hundreds of megabytes: the terminal application asks another
process, and stays as light and quick as it was.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docqa.app.config import ENV_PREFIX

TIMEOUT_SECONDS = 90.0


@dataclass(frozen=True)
class LiveCheck:
    """What a question would use."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]
    """What is chosen and not there, each with what to do."""


async def check_live(values: Mapping[str, str]) -> LiveCheck:
    """Try settings without keeping them.

    Args:
        values: Settings by name, as they are typed.
    """
    chosen = {f"{ENV_PREFIX}{key.upper()}": value for key, value in values.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "docqa.app.cli",
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


def read_report(report: Mapping[str, Any]) -> LiveCheck:
    """The few facts a reader chooses by, out of the report of `docqa doctor`."""
    retriever, generator = report["retriever"], report["generator"]
    lines = []
    if "problem" not in retriever:
        lines.append(
            f"{retriever['name']} on {retriever['device']}: {retriever['why_this_device']}"
        )
        if retriever.get("parameters"):
            lines.append(
                f"checkpoint {retriever['checkpoint']}: {retriever['parameters'] / 1e6:.1f} M "
                f"parameters, {retriever['bytes'] / 1e6:.0f} MB, {retriever['dtype']}, "
                f"{retriever['compute_path']}"
            )
        recall = retriever.get(f"recall_{retriever['name']}")
        if recall:
            lines.append(f"finds {recall}")
    if "problem" not in generator:
        model = generator.get("model")
        window = generator.get("context_window")
        facts = [generator["name"], *([str(model)] if model else ["no language model"])]
        if isinstance(window, int):
            facts.append(f"reads {window:,} tokens")
        lines.append("answers by " + ", ".join(facts))
    return LiveCheck(tuple(lines), tuple(map(str, report["missing"])))
