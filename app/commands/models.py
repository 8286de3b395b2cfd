"""`docqa models`: published checkpoints on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from docqa.app.options import json_option, quiet_option
from docqa.engine.paths import expand

if TYPE_CHECKING:
    from docqa.app.diagnostics import Narrator
    from docqa.engine.checkpoints.install import Plan


@click.group()
def models() -> None:
    """Published checkpoints: fetched when you ask for it, checked, kept in your data folder."""


@models.command()
@click.argument("source")
@click.option("--name", default="", metavar="NAME", help="What to call it here.")
@click.option(
    "--revision",
    default="",
    metavar="COMMIT",
    help="Take this one, and hold it: a commit, branch or tag. Default: the one that is "
    "installed, else the newest.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@quiet_option
def pull(source: str, name: str, revision: str, yes: bool, quiet: bool) -> None:
    """Install SOURCE: a name of `docqa models list`, OWNER/NAME on the hub, a folder or a bundle.

    What would be fetched is shown first, with its hashes, and held to from then on. An
    interrupted pull goes on where it ended. A folder called like a name is ./NAME.
    """
    from docqa.app.diagnostics import Narrator
    from docqa.engine.checkpoints.bundle import is_bundle, take_bundle
    from docqa.engine.checkpoints.catalogue import published
    from docqa.engine.checkpoints.install import take_folder
    from docqa.engine.errors import MissingError

    narrator = Narrator(quiet=quiet)
    path = expand(source)
    if published(source) is not None or not path.exists():
        if _is_path(source):
            raise MissingError(
                f"There is no file or folder {source}.",
                "See: docqa models list; any other on the hub is OWNER/NAME.",
            )
        _pull_from_hub(source, name, revision, yes, narrator)
        return
    if revision:
        raise click.UsageError("--revision goes with a name; a folder or bundle has none.")
    if is_bundle(path):
        if name:
            raise click.UsageError("--name goes without a bundle, which brings its names.")
        progress = narrator.transferring(path.name, path.stat().st_size)
        taken = take_bundle(path, progress)
    elif path.is_dir():
        taken = [take_folder(path, name=name)]
    else:
        raise click.UsageError(f"{source} is neither a folder nor a bundle.")
    for folder in taken:
        narrator.say(f"Installed {folder.name} in {folder}.")


def _is_path(source: str) -> bool:
    """Whether something is written as a file or folder: the hub is not asked for that."""
    return source.startswith((".", "/", "~")) or source.lower().endswith(".tar")


def _pull_from_hub(source: str, name: str, revision: str, yes: bool, narrator: Narrator) -> None:
    """Show what would be fetched, ask, and fetch it."""
    from docqa.app.session import is_tty
    from docqa.engine.checkpoints.catalogue import published
    from docqa.engine.checkpoints.install import plan_pull
    from docqa.engine.checkpoints.install import pull as pull_plan
    from docqa.engine.checkpoints.installed import installed_folder
    from docqa.engine.checkpoints.origin import read_origin, verify

    known = published(source)
    repository = known.repository if known else source
    there = installed_folder(name or repository.rsplit("/", 1)[-1])
    if there is not None and not revision and read_origin(there).repository == repository:
        if not verify(there):
            narrator.say(f"{there.name} is installed and as it was: {there}")
            return
        narrator.say(f"{there.name} is damaged and is fetched again.")
    plan = plan_pull(source, name=name, revision=revision)
    _show(plan, narrator)
    if not yes and not is_tty():
        raise click.UsageError(f"Add --yes to pull {_megabytes(plan.n_bytes)} from the hub.")
    if not yes:
        click.confirm(f"Pull {_megabytes(plan.n_bytes)}?", default=True, abort=True, err=True)
    try:
        folder = pull_plan(plan, narrator.transferring(plan.name, plan.n_bytes))
    except KeyboardInterrupt:
        narrator.say("What was fetched is kept: the same command goes on from there.")
        raise
    narrator.say(f"Installed {plan.name} in {folder}.")
    narrator.say(_what_for(folder))


def _show(plan: Plan, narrator: Narrator) -> None:
    narrator.say(f"{plan.repository}, licence {plan.licence}, revision {plan.weights.revision}")
    for source in plan.sources:
        other = "" if source.repository == plan.repository else f" (of {source.repository})"
        narrator.say(f"  {source.name}{other}: {source.n_bytes:,} bytes, {source.digest}")
    if plan.n_bytes_there:
        narrator.say(f"{_megabytes(plan.n_bytes_there)} are here from an earlier pull.")


def _what_for(folder: Path) -> str:
    from docqa.engine.checkpoints.facts import checkpoint_facts

    if checkpoint_facts(folder).is_base:
        return (
            "A base model answers nothing yet. Train one from it: "
            f"docqa train retriever --init {folder.name} --data FILE --out DIR"
        )
    return f"Ask it: docqa ask QUESTION FILE --retriever mamba --checkpoint {folder.name}"


@models.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """The checkpoints that are installed, and those that could be."""
    from docqa.app.model_list import model_entries
    from docqa.app.output import print_json, print_table

    entries = model_entries()
    if as_json:
        print_json(entries)
        return
    print_table(
        ["name", "state", "for", "parameters", "shape", "size", "from", "revision"],
        [
            [
                entry["name"],
                entry["state"],
                entry["for"],
                entry["size"],
                entry.get("shape", ""),
                _megabytes(entry["bytes"]) if "bytes" in entry else "",
                entry["repository"] or ("a folder" if entry["state"] == "installed" else ""),
                entry["revision"][:12],
            ]
            for entry in entries
        ],
    )


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
@quiet_option
def verify(names: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """Hash the files of NAME again; without a name, of all that are installed."""
    from docqa.app.diagnostics import ExitCode, Narrator
    from docqa.app.output import print_json
    from docqa.engine.checkpoints.installed import installed_names
    from docqa.engine.checkpoints.origin import read_origin
    from docqa.engine.checkpoints.origin import verify as verify_folder

    narrator = Narrator(quiet=quiet)
    found: dict[str, list[str]] = {}
    for folder in _installed(names or installed_names()):
        n_bytes = read_origin(folder).n_bytes
        found[folder.name] = verify_folder(folder, narrator.transferring(folder.name, n_bytes))
        narrator.clear()
    if as_json:
        print_json([{"name": name, "problems": problems} for name, problems in found.items()])
    elif not found:
        narrator.say("No checkpoint is installed. See: docqa models list")
    for name, problems in found.items():
        if problems:
            narrator.warn(f"{name}: {'; '.join(problems)}. Mend it: docqa models pull {name}")
        elif not as_json:
            click.echo(f"{name}: as it was installed")
    return ExitCode.FAILED if any(found.values()) else ExitCode.DONE


@models.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Delete the checkpoint NAME, or what an interrupted pull has left of it."""
    from docqa.app.session import is_tty
    from docqa.engine.checkpoints.catalogue import published
    from docqa.engine.checkpoints.install import remove as remove_folder
    from docqa.engine.checkpoints.installed import checked_name, incoming_folder, installed_folder

    known = published(name)
    name = known.name if known else name
    folder = installed_folder(name) or incoming_folder(checked_name(name))
    if not folder.is_dir():
        _installed([name])
    n_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if not yes and not is_tty():
        raise click.UsageError(f"Add --yes to remove {folder.name}.")
    if not yes:
        click.confirm(f"Remove {folder.name} ({_megabytes(n_bytes)})?", abort=True, err=True)
    remove_folder(folder.name)
    click.echo(f"Removed {folder.name}.", err=True)


@models.command()
@click.argument("name")
def path(name: str) -> None:
    """Print the folder of the installed checkpoint NAME."""
    click.echo(str(_installed([name])[0]))


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The bundle, a tar archive; replaced if it exists.",
)
@quiet_option
def bundle(names: tuple[str, ...], out: Path, quiet: bool) -> None:
    """Write installed checkpoints into one file, for machines without a network.

    There, `docqa models pull FILE` takes it in.
    """
    from docqa.app.diagnostics import Narrator
    from docqa.engine.checkpoints.bundle import write_bundle
    from docqa.engine.checkpoints.origin import read_origin

    narrator = Narrator(quiet=quiet)
    folders = list(dict.fromkeys(_installed(names)))
    n_bytes = sum(read_origin(folder).n_bytes for folder in folders)
    write_bundle(folders, out, narrator.transferring(out.name, n_bytes))
    narrator.say(f"Wrote {out}. Elsewhere: docqa models pull {out.name}")


def _installed(names: Sequence[str]) -> list[Path]:
    """The folders of installed checkpoints.

    Raises:
        MissingError: When one is not there.
    """
    from docqa.engine.checkpoints.installed import checkpoint_folder, installed_folder
    from docqa.engine.errors import MissingError

    folders = []
    for name in names:
        folder = installed_folder(name)
        if folder is None:
            checkpoint_folder(name)  # says what is missing, unless a folder is called like that
            raise MissingError(f"{name} is no installed checkpoint.", "See: docqa models list")
        folders.append(folder)
    return folders


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"
