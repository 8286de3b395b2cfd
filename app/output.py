"""What docqa prints on stdout: answers for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import click

from docqa.app.terminal import one_line
from docqa.engine.exports.control_characters import clean
from docqa.engine.exports.files import new_file
from docqa.engine.exports.record_json import record_json as record_json
from docqa.engine.library.record import Record, RecordedEvidence

N_SHOWN = 5
"""Passages shown to a person, and all that are cited; JSON has every one."""
WRAP_COLUMNS = 88
UNSUPPORTED = "Unsupported: the answer cites none of the evidence. Do not rely on it."

_UNSAFE = re.compile("[\x7f-\x9f\ud800-\udfff]")


def print_json(value: Any) -> None:
    """One JSON value, indented."""
    click.echo(to_json(value))


def print_json_line(value: Any) -> None:
    """One JSON value on one line, at once: another program may wait for it."""
    click.echo(to_json(value, indent=None))
    sys.stdout.flush()


def export_lines(values: Iterable[Any], out: Path | None, *, overwrite: bool = False) -> None:
    """JSON Lines, to a file or to stdout. A file appears whole or not at all.

    Raises:
        ExportError: When the file exists and may not be replaced, or cannot be written.
    """
    if out is None:
        for value in values:
            click.echo(to_json(value, indent=None))
        return
    with (
        new_file(out, overwrite=overwrite) as partial,
        partial.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(to_json(value, indent=None) + "\n" for value in values)


def to_json(value: Any, indent: int | None = 2) -> str:
    """JSON that is readable, and safe on a terminal: control characters are escaped."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    text = json.dumps(value, ensure_ascii=not encoding.startswith("utf"), indent=indent)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_record(record: Record) -> None:
    """An answer for a person: what it says, then the passages it stands on."""
    answer = "\n".join(one_line(line) for line in record.answer.splitlines())
    if record.abstained:
        click.echo(click.style("No answer. ", fg="yellow", bold=True) + answer)
    else:
        click.echo(click.style(answer, bold=True))
    print_support(record)


def print_support(record: Record) -> None:
    """The passages an answer stands on; where there are none, that it has none."""
    if record.abstained:
        _print_passages("Closest passages", record, record.evidence[:N_SHOWN])
        return
    if record.unsupported:
        click.echo(click.style(f"\n{UNSUPPORTED}", fg="yellow", bold=True))
    cited = [evidence for evidence in record.evidence if evidence.cited]
    _print_passages("Cited", record, cited)
    rest = [evidence for evidence in record.evidence if not evidence.cited]
    _print_passages("Also found", record, rest[: max(N_SHOWN - len(cited), 0)])


class AnswerPrinter:
    """Prints an answer, on a terminal while it is written.

    Use it as a context manager: an error then begins on a line of its own.
    """

    def __init__(self, clear: Callable[[], None], *, is_silent: bool) -> None:
        """
        Args:
            clear: Wipes a progress line that is in the way.
            is_silent: Nothing is printed: the answer goes into JSON.
        """
        self._clear = clear
        self._is_live = not is_silent and sys.stdout.isatty()
        self._first: str | None = None
        self._is_streaming = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._is_streaming:
            click.echo()

    def on_text(self, text: str) -> None:
        """Print a piece. The first waits for the second: what comes in one piece, an abstention
        for one, is printed when it is known what it is."""
        if not self._is_live:
            return
        if self._first is None:
            self._first = text
            return
        if not self._is_streaming:
            self._is_streaming = True
            self._clear()
            text = self._first + text
        click.secho(clean(text), bold=True, nl=False)

    def finish(self, record: Record) -> None:
        """Print what is not printed yet."""
        if not self._is_streaming:
            print_record(record)
            return
        click.echo()
        print_support(record)


def _print_passages(title: str, record: Record, passages: Sequence[RecordedEvidence]) -> None:
    if not passages:
        return
    click.echo(f"\n{click.style(title, underline=True)}")
    for evidence in passages:
        place = f"{one_line(record.title_of(evidence.document_id))}, {evidence.place}"
        rank = f"{evidence.rank:>3}. "
        hop = f", {ordinal(evidence.hop)} reading" if evidence.hop > 1 else ""
        click.echo(f"{rank}{click.style(place, fg='cyan')}  (score {evidence.score:.3f}{hop})")
        if evidence.heading:
            _print_indented(f"§ {evidence.heading}")
        if evidence.header:
            _print_indented(f"columns: {evidence.header}")
        _print_indented(evidence.text)


def in_words(n_readings: int) -> str:
    """How often the documents were read."""
    return "twice" if n_readings == 2 else f"{n_readings} times"


def ordinal(hop: int) -> str:
    """Which reading."""
    return "second" if hop == 2 else f"{hop}rd" if hop == 3 else f"{hop}th"


def _print_indented(text: str) -> None:
    indent = " " * 5
    click.echo(
        textwrap.fill(
            one_line(text),
            WRAP_COLUMNS,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
    )


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns for a person; numbers to the right."""
    table = [[one_line(str(cell)) for cell in row] for row in rows]
    numeric = [
        bool(table) and all(re.fullmatch(r"[\d,.%-]*", row[i]) for row in table)
        for i in range(len(header))
    ]
    widths = [max(map(len, column)) for column in zip(header, *table, strict=True)]
    for number, row in enumerate([list(header), *table]):
        line = "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        click.echo(click.style(line, underline=True) if number == 0 else line)


def print_page_text(text: str) -> None:
    """A page as it was read. On a terminal control characters become spaces; offsets hold."""
    # click takes colours out of what goes into a file: what a document holds is no colour
    click.echo(clean(text) if sys.stdout.isatty() else text, color=True)
