"""`docqa bench fetch`: the published test files, from their public record."""

from __future__ import annotations

from pathlib import Path

import click

from docqa.app.options import json_option, quiet_option


@click.command()
@click.argument("names", nargs=-1, metavar="[FILE]...")
@click.option("--list", "only_list", is_flag=True, help="Only say what the record holds.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("."),
    metavar="DIR",
    help="Where to. Default: this folder.",
)
@click.option("--record", default="13892030", show_default=True, help="Number of the record.")
@click.option(
    "--server", default="https://zenodo.org", show_default=True, help="Where the record is."
)
@json_option
@quiet_option
def fetch(
    names: tuple[str, ...],
    only_list: bool,
    out: Path,
    record: str,
    server: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Download the test FILEs of the paper; without a name, say which there are.

    Sizes and checksums are those the record states, and are checked. A transfer that was broken
    off goes on when the command is given again.
    """
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json, print_table
    from docqa.trainer.fetch import choose_files, fetch_file, is_here, list_files

    narrator = Narrator(quiet=quiet)
    files = list_files(record, server)
    if only_list or not names:
        if as_json:
            print_json(
                [
                    {"name": one.name, "bytes": one.n_bytes, "checksum": one.checksum}
                    for one in files
                ]
            )
        else:
            rows = [[one.name, f"{one.n_bytes:,}", one.checksum] for one in files]
            print_table(["file", "bytes", "checksum"], rows)
        return
    paths = []
    for one in choose_files(files, names):
        if is_here(one, out):
            narrator.say(f"{one.name} is here already, {one.checksum}.")
            paths.append(out / one.name)
            continue
        narrator.say(f"{one.name}: {one.n_bytes:,} bytes, {one.checksum}.")
        paths.append(fetch_file(one, out, narrator.transferring(one.name, one.n_bytes)))
        narrator.clear()
    if as_json:
        print_json([str(path) for path in paths])
    else:
        for path in paths:
            click.echo(path)
