"""`docqa doctor`: what is installed and what is really live."""

from __future__ import annotations

from typing import Any

import click

from docqa.app.options import generator_options, json_option, library_option, model_options


@click.command()
@model_options
@generator_options
@library_option
@json_option
def doctor(as_json: bool, **flags: Any) -> int:
    """What is installed and what a question would use.

    Ends with exit code 3 when something that is chosen is missing.
    """
    from docqa.app.checkup import checkup
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import ExitCode
    from docqa.app.output import print_json
    from docqa.app.terminal import one_line

    report = checkup(load_settings(flags))
    if as_json:
        print_json(report)
    else:
        for section, facts in report.items():
            if not isinstance(facts, dict):
                continue
            click.echo(click.style(section, bold=True))
            width = max(map(len, facts))
            for name, value in facts.items():
                shown = "—" if value is None else one_line(_shown(value))
                click.echo(f"  {name.replace('_', ' '):<{width}}  {shown}")
        for problem in report["missing"]:
            click.echo(click.style(f"missing: {one_line(problem)}", fg="red"))
        if not report["missing"]:
            click.echo(click.style("Nothing is missing.", fg="green"))
    return ExitCode.MISSING if report["missing"] else ExitCode.DONE


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
