"""`docqa history export`: questions with their answers, to take away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from docqa.app.options import library_option, password_option

if TYPE_CHECKING:
    from docqa.engine.exports.questions import ExportedQuestion
    from docqa.engine.library.store import Store

FORMATS = ("jsonl", "json", "md", "pdf")
BY_SUFFIX = {".jsonl": "jsonl", ".json": "json", ".md": "md", ".markdown": "md", ".pdf": "pdf"}


@click.command("export")
@click.argument("numbers", nargs=-1, type=int, metavar="[NUMBER]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="jsonl and json: as `docqa ask --json` prints it. md: to read. pdf: a copy of the "
    "document with the evidence highlighted. Default: what --out ends in, or jsonl.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Default: stdout.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option(
    "--document",
    metavar="TITLE|ID",
    default="",
    help="For a pdf: which document, where the evidence is from several.",
)
@password_option
@library_option
def export(
    numbers: tuple[int, ...],
    form: str | None,
    out: Path | None,
    force: bool,
    document: str,
    password: str | None,
    library: str | None,
) -> None:
    """Questions by their NUMBER in `docqa history list`; without one, all of them, oldest first.

    \b
    docqa history export 3 --out answer.md
    docqa history export 3 4 --out marked.pdf     a copy, the evidence highlighted
    """
    form = form or BY_SUFFIX.get(out.suffix.lower() if out else "", "jsonl")
    if form == "pdf" and out is None:
        raise click.UsageError("A PDF needs a file to go to: add --out FILE.")
    from docqa.app.config import load_settings
    from docqa.app.session import open_library

    with open_library(load_settings({"library": library})) as store:
        questions = _questions(store, numbers)
        if not questions:
            click.echo("No question was asked yet.", err=True)
        elif form == "jsonl":
            _write_lines(questions, out, force)
        elif out is None:
            _print(questions, form)
        else:
            _write(store, questions, form, out, force, document, password)


def _write_lines(questions: list[ExportedQuestion], out: Path | None, force: bool) -> None:
    from docqa.app.output import export_lines
    from docqa.engine.exports.record_json import question_object

    export_lines(map(question_object, questions), out, overwrite=force)


def _print(questions: list[ExportedQuestion], form: str) -> None:
    from docqa.app.output import print_json, print_page_text
    from docqa.engine.exports.markdown import questions_markdown
    from docqa.engine.exports.record_json import question_object

    if form == "json":
        print_json([question_object(question) for question in questions])
    else:
        print_page_text(questions_markdown(questions).rstrip("\n"))


def _write(
    store: Store,
    questions: list[ExportedQuestion],
    form: str,
    out: Path,
    force: bool,
    reference: str,
    password: str | None,
) -> None:
    from docqa.app.diagnostics import complain
    from docqa.app.terminal import one_line
    from docqa.engine.exports.write import ExportFormat, export_file
    from docqa.engine.library.source_file import load_kept

    written = export_file(
        questions,
        ExportFormat(form),
        out,
        load=lambda document_id: load_kept(store, document_id),
        reference=reference,
        password=password,
        overwrite=force,
    )
    click.echo(one_line(written.summary), err=True)
    if written.warning:
        complain(written.warning)


def _questions(store: Store, numbers: tuple[int, ...]) -> list[ExportedQuestion]:
    """The questions of these numbers, or all.

    Raises:
        StoreError: When there is none of a number.
    """
    from docqa.engine.exports.questions import ExportedQuestion

    times = store.asked_times()
    return [
        ExportedQuestion(store.record(number), number, times.get(number))
        for number in numbers or sorted(times)
    ]
