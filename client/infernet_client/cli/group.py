"""The frame of all commands: spelling of options, exit codes, tracebacks only on request."""

import difflib
import traceback
from typing import Any

import click

from infernet_client.cli.failure import CommandFailed, explanation

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells count it: 128 + SIGINT."""
_DEBUG = "infernet_client.debug"


def _set_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().meta[_DEBUG] = True


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_set_debug,
        help="Show the traceback of an error.",
    )


class Command(click.Command):
    """A command that knows ``--debug``."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.params.append(_debug_option())


class Group(click.Group):
    """Turns errors into one line and an exit code, and takes ``--rpc_url`` for ``--rpc-url``."""

    command_class = Command

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.params.append(_debug_option())
        self.context_settings["token_normalize_func"] = lambda token: token.replace("_", "-")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if close := difflib.get_close_matches(args[0], self.commands):
                error.message += f" Did you mean {' or '.join(close)}?"
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except (KeyboardInterrupt, click.Abort):
            click.echo("Error: interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except Exception as error:
            if ctx.find_root().meta.get(_DEBUG):
                click.echo(traceback.format_exc(), err=True, nl=False)
            raise CommandFailed(explanation(error)) from error
