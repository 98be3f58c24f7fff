"""The command line ``infernet-client``."""

from importlib.metadata import version

import click

from infernet_client.cli.completion import completion
from infernet_client.cli.group import Group
from infernet_client.cli.jobs import batch, ids, job, results, stream
from infernet_client.cli.nodes import check_model, containers, find, health, info, resources
from infernet_client.cli.subscriptions import sub
from infernet_client.cli.wallets import approve, create_wallet, fund, withdraw

PROGRAM = "infernet-client"


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.",
)
@click.version_option(version("infernet-tgi"), prog_name=PROGRAM)
def cli() -> None:
    """Ask Infernet nodes for compute, and manage the wallets that pay for it."""


for _command in (
    health,
    info,
    resources,
    check_model,
    job,
    batch,
    stream,
    results,
    ids,
    sub,
    create_wallet,
    approve,
    fund,
    withdraw,
    containers,
    find,
    completion,
):
    cli.add_command(_command)


def main() -> int:
    """Runs the command line with the program's arguments and returns 0 when it succeeds.

    Raises:
        SystemExit: with the exit code, when it does not.
    """
    try:
        cli(prog_name=PROGRAM)
    except SystemExit as end:
        if end.code:
            raise
    return 0
