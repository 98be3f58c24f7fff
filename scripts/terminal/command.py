"""Commands that end in a sentence and an exit code, never in the traceback of a library."""

from typing import Any

import click
from requests.exceptions import RequestException
from rich.console import Console
from web3.exceptions import Web3Exception

from scripts.chain import reason
from scripts.errors import ScriptError

SETTINGS = {"show_default": True, "help_option_names": ["-h", "--help"]}
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the signal's number."""


class ScriptCommand(click.Command):
    """A command of a script. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # rich leaves the cursor hidden when it is interrupted while it begins to draw.
            for console in (Console(), Console(stderr=True)):
                console.show_cursor()
            raise click.exceptions.Exit(INTERRUPTED) from None
        except (RequestException, Web3Exception) as error:
            raise ScriptError(f"reading from the chain failed: {reason(error)}") from None


class ScriptGroup(click.Group):
    """A script with several commands."""

    command_class = ScriptCommand
