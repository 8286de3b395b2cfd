"""The `docqa` command. Only click is imported here; each command imports what it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from docqa.app.commands.ask import ask
from docqa.app.commands.bench import bench
from docqa.app.commands.completion import completion
from docqa.app.commands.config import config
from docqa.app.commands.doctor import doctor
from docqa.app.commands.history import history
from docqa.app.commands.ingest import ingest
from docqa.app.commands.library import library
from docqa.app.commands.models import models
from docqa.app.commands.train import train
from docqa.app.diagnostics import noticing_reader_left, prepare_output, run


class DocqaGroup(click.Group):
    """A group whose errors become one line on stderr and an exit code of docqa."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        with noticing_reader_left():
            return super().make_context(*arguments, **extra)

    def invoke(self, context: click.Context) -> Any:
        with noticing_reader_left():
            return super().invoke(context)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, then exit with the code."""
        code = run(
            lambda: super(DocqaGroup, self).main(
                args, prog_name, complete_var, standalone_mode=False, **extra
            )
        )
        if standalone_mode:
            sys.exit(code)
        return code


@click.group(
    cls=DocqaGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(package_name="docqa", message="docqa %(version)s")
@click.option("--serve", is_flag=True, help="Open the application in a browser of this machine.")
@click.option("--port", type=click.IntRange(0, 65535), help="With --serve; 0 = any free one.")
@click.option("--library", metavar="FILE", help="The library the application opens.")
@click.pass_context
def cli(context: click.Context, serve: bool, port: int | None, library: str | None) -> int | None:
    """Answers questions about long documents, on this machine, with page citations.

    Without a command, the terminal application opens.

    \b
    docqa ask "What was the total revenue?" report.pdf
    docqa ask "And the year before?"            goes on with the same document
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    if context.invoked_subcommand is not None:
        _refuse_options(serve, port, library)
        return None
    if port is not None and not serve:
        raise click.UsageError("--port goes with --serve.")
    if serve:
        from docqa.app.tui.serve import DEFAULT_PORT
        from docqa.app.tui.serve import serve as serve_app

        arguments = ["--library", library] if library else []
        return serve_app(arguments, DEFAULT_PORT if port is None else port)
    from docqa.app.config import load_settings
    from docqa.app.tui.application import run_app

    return run_app(load_settings({"library": library}))


def _refuse_options(serve: bool, port: int | None, library: str | None) -> None:
    """The options of the application mean nothing before a command: say so, do not ignore them."""
    if serve or port is not None:
        raise click.UsageError("--serve and --port go without a command.")
    if library:
        raise click.UsageError("--library goes after the command: docqa COMMAND --library FILE")


for command in (ask, ingest, library, history, models, doctor, config, bench, train, completion):
    cli.add_command(command)


def main() -> None:
    """The console script."""
    prepare_output()
    cli(prog_name="docqa")


if __name__ == "__main__":
    main()
