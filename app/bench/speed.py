"""`docqa bench speed` for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from docqa.app.output import print_table

MEGABYTE = 1_000_000


def print_speed(report: Mapping[str, Any]) -> None:
    """The machine, then a table a question: how fast, how long a wait, how much memory."""
    click.echo(machine_line(report["machine"]))
    for run in report["runs"]:
        click.echo(f"\n{run['shape']}, {run['dtype']} on {run['device']}: {run['path']}")
        print_table(["tokens a second", "", "docqa is"], list(rate_rows(run, report["peers"])))
        click.echo("")
        print_table(["tokens", "seconds", "peak MB"], list(length_rows(run)))
        click.echo("\n" + "; ".join(waits(run)))
        if parts := run.get("microseconds_per_token_and_layer"):
            click.echo("")
            print_table(
                ["µs a token and layer, one thread", ""],
                [[k, f"{v:.2f}"] for k, v in parts.items()],
            )


def machine_line(machine: Mapping[str, Any]) -> str:
    """What it was measured on, and how busy that was."""
    load = machine["load_before"]
    busy = f", load before {load[0]}" if load else ""
    caps = "".join(f", {name}={value}" for name, value in machine["set"].items())
    return (
        f"{machine['gpu'] or machine['processor']}, {machine['cores']} cores, "
        f"{machine['threads']} threads, {machine['instructions']}{caps}{busy}"
    )


def rate_rows(
    run: Mapping[str, Any], peers: list[Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """Each contestant, its rate, and how many times as fast docqa is."""
    ours = run["tokens_per_second"]
    yield "docqa", f"{ours:,.0f}", ""
    bare = run["projections_tokens_per_second"]
    yield (
        f"its linear projections alone, {run['dtype']}",
        f"{bare:,.0f}",
        f"{run['ratio_to_projections']:.2f} times their time",
    )
    if wide := run.get("unquantised_tokens_per_second"):
        yield f"without int8, {run['dtype']}", f"{wide:,.0f}", f"{ours / wide:.1f} times as fast"
    plain = run["torch_tokens_per_second"]
    yield "plain torch", f"{plain:,.0f}", f"{ours / plain:.1f} times as fast"
    for peer in peers:
        if peer["shape"] != run["shape"]:
            continue
        if "missing" in peer:
            yield peer["name"], "", peer["missing"]
        else:
            rate = f"{peer['tokens_per_second']:,.0f}"
            name = f"{peer['name']} {peer['version']}, {peer['dtype']}"
            yield name, rate, f"{peer['ours_is_times']:.1f} times as fast"


def length_rows(run: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Time and memory of each length."""
    for one in run["lengths"]:
        peak = one["peak_memory_bytes"]
        yield (
            f"{one['tokens']:,}",
            f"{one['seconds']:.2f}",
            "unknown" if peak is None else f"{peak / MEGABYTE:,.0f}",
        )


def waits(run: Mapping[str, Any]) -> Iterator[str]:
    """What a reader waits for."""
    growth = run["memory_growth_bytes"]
    if growth is not None:
        yield f"memory grows by {growth / MEGABYTE:.0f} MB from the shortest to the longest"
    yield f"first evidence after {run['first_evidence_seconds']:.2f} s"
    if run["cancel_seconds"] is not None:
        yield (
            f"cancelled after {run['cancel_seconds']:.2f} s "
            f"(longest {run['longest_cancel_seconds']:.2f} s)"
        )
