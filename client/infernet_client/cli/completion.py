"""Completion of commands and options in shells."""

import click
from click.shell_completion import get_completion_class

from infernet_client.cli.group import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the code that completes commands.

    Put it into the start file of SHELL, e.g. ~/.bashrc.
    """
    root = context.find_root()
    script = get_completion_class(shell)
    assert script is not None, "click completes the shells of the choice"
    name = "infernet-client"
    click.echo(script(root.command, {}, name, "_INFERNET_CLIENT_COMPLETE").source())
