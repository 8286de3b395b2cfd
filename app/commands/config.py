"""`docqa config`: what holds, and why."""

from __future__ import annotations

import click

from docqa.app.options import json_option


@click.group()
def config() -> None:
    """Settings."""


@config.command()
@json_option
def show(as_json: bool) -> None:
    """All settings with their values and where those come from."""
    from docqa.app.config import load_settings, origins
    from docqa.app.keys import without_login
    from docqa.app.output import print_json, print_table
    from docqa.app.session import server_key

    found = {key: (one.value, one.source) for key, one in origins().items()}
    address, source = found["base_url"]
    found["base_url"] = without_login(address), source
    if as_json:
        print_json(
            {key: {"value": value, "source": source} for key, (value, source) in found.items()}
        )
        return
    key = server_key(load_settings())
    found["(key)"] = ("set, not shown", key.source) if key else ("none", "")
    print_table(["setting", "value", "from"], [[name, *where] for name, where in found.items()])


@config.command()
def path() -> None:
    """The settings files, the strongest first, and whether they exist."""
    from docqa.app.config import config_files
    from docqa.app.output import print_table

    print_table(
        ["file", "exists"],
        [[str(file), "yes" if file.is_file() else "no"] for file in config_files()],
    )


@config.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--project", is_flag=True, help="In ./docqa.toml instead of your own file.")
def set_setting(key: str, value: str, project: bool) -> None:
    """Set KEY to VALUE."""
    from docqa.app.config import project_file, set_value, user_file

    file = project_file() if project else user_file()
    set_value(file, key.replace("-", "_"), value)
    click.echo(f"{key} = {value} in {file}", err=True)
