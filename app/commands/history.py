"""`docqa history`: what was asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from docqa.app.commands.export import export
from docqa.app.options import json_option, library_option


@click.group()
def history() -> None:
    """Past questions with their answers and evidence."""


@history.command("list")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most questions."
)
@library_option
@json_option
def list_questions(limit: int, library: str | None, as_json: bool) -> None:
    """The last questions, the newest first."""
    from docqa.app.output import print_json, print_table
    from docqa.app.terminal import fit, one_line

    with _open(library) as store:
        asked = store.questions(n_questions=limit)
    if as_json:
        print_json([dataclasses.asdict(question) for question in asked])
    elif not asked:
        click.echo("No question was asked yet.", err=True)
    else:
        print_table(
            ["number", "asked", "documents", "question", "answer"],
            [
                [
                    question.id,
                    question.asked_at[:16],
                    fit(one_line(", ".join(question.titles)), 30),
                    fit(one_line(question.question), 50),
                    "—" if question.abstained else fit(one_line(question.answer), 50),
                ]
                for question in asked
            ],
        )


@history.command()
@click.argument("number", type=int)
@library_option
@json_option
def show(number: int, library: str | None, as_json: bool) -> None:
    """Question NUMBER as it was answered."""
    from docqa.app.output import print_json, print_record, record_json
    from docqa.app.terminal import one_line

    with _open(library) as store:
        record = store.record(number)
    if as_json:
        print_json(record_json(record))
    else:
        click.echo(click.style(f"{one_line(record.question)}\n", italic=True))
        print_record(record)


history.add_command(export)


def _open(library: str | None) -> Any:
    from docqa.app.config import load_settings
    from docqa.app.session import open_library

    return open_library(load_settings({"library": library}))
