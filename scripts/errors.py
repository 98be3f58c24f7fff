"""What a script tells a person before it ends with exit code 1."""

from typing import IO, Any

import click

from scripts.terminal.text import printable


class ScriptError(click.ClickException):
    """One line that says what went wrong and what to do; red on a terminal."""

    def show(self, file: IO[Any] | None = None) -> None:
        message = printable(self.format_message())
        click.secho(f"Error: {message}", fg="red", file=file, err=file is None)
