"""The `docqa` command. Only click is imported here; each command imports what it needs."""

from __future__ import annotations

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
from docqa.app.commands.train import train
from docqa.app.diagnostics import run


class DocqaGroup(click.Group):
    """A group whose errors become one line on stderr and an exit code of docqa."""

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


@click.group(cls=DocqaGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="docqa", message="docqa %(version)s")
def cli() -> None:
    """Answers questions about long documents, on this machine, with page citations.

    \b
    docqa ask "What was the total revenue?" report.pdf
    docqa ask "And the year before?"            asks the same document again
    """


for command in (ask, ingest, library, history, doctor, config, bench, train, completion):
    cli.add_command(command)


def main() -> None:
    """The console script."""
    cli(prog_name="docqa")


if __name__ == "__main__":
    main()
