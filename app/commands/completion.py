"""`docqa completion`: a script that completes commands in a shell."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash: docqa completion bash > ~/.local/share/bash-completion/completions/docqa
    zsh:  docqa completion zsh > "${fpath[1]}/_docqa"
    fish: docqa completion fish > ~/.config/fish/completions/docqa.fish
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None
    root = context.find_root().command
    click.echo(complete(root, {}, "docqa", "_DOCQA_COMPLETE").source())
