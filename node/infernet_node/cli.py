"""``infernet-node``: runs a node, or checks its configuration."""

import asyncio
import hashlib
import os
import secrets
import signal
import sys
from typing import NoReturn

import click
import structlog
import uvloop

from infernet_node import __version__
from infernet_node.chain.history import UnknownSubscriptionError
from infernet_node.config import Config, ConfigError, LoadedConfig, Role, load_config, secrets_of
from infernet_node.config.reference import reference
from infernet_node.doctor import examine
from infernet_node.logs import LogFileError, configure_logging
from infernet_node.node import run_node
from infernet_node.operate import CommandFailedError, command_node
from infernet_node.ports import Command
from infernet_node.server import ListenError
from infernet_node.start_error import StartError
from infernet_node.store.database import StoreError
from infernet_node.supervision import StopRequest
from infernet_node.why import explain

_LOG = structlog.get_logger(__name__)
_SWITCH_SECONDS = 0.0005
_CONFIG = click.option(
    "--config",
    "path",
    type=click.Path(dir_okay=False),
    help="Configuration file; default: INFERNET_CONFIG_PATH, else config.json.",
)
_SETTINGS = {"help_option_names": ["-h", "--help"]}
_ROLE = click.option(
    "--role",
    type=click.Choice([str(role) for role in Role]),
    default=str(Role.RUN),
    help="Which process of a node it is for; default: one that does everything.",
)


class _Interval(click.IntRange):
    """Without it a word would be called "not a valid integer range"."""

    name = "interval"

    def __init__(self) -> None:
        super().__init__(1, 2**32 - 1)


class _Subscription(click.ParamType):
    name = "subscription"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.removeprefix("delegated-").isdecimal():
            self.fail("must be an id, or delegated- and a number", param, ctx)
        return value


_INTERVAL = _Interval()
_SUBSCRIPTION = _Subscription()


@click.group(context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="infernet-node")
def main() -> None:
    """Answers jobs from REST and from a chain with containers."""


@main.command()
@_CONFIG
def run(path: str | None) -> None:
    """Runs a whole node until SIGTERM or SIGINT.

    A second signal does not wait for jobs.
    """
    _run(path, Role.RUN)


@main.command()
@_CONFIG
def api(path: str | None) -> None:
    """Takes requests for a node of several processes. Workers run the jobs."""
    _run(path, Role.API)


@main.command()
@_CONFIG
def worker(path: str | None) -> None:
    """Runs jobs of a node of several processes."""
    _run(path, Role.WORKER)


@main.command()
@_CONFIG
def chain(path: str | None) -> None:
    """Answers requests of the chain.

    Stands by while another process with the key does.
    """
    _run(path, Role.CHAIN)


def _run(path: str | None, role: Role) -> None:
    loaded = _load(path, role)
    config = loaded.config
    try:
        configure_logging(config.log, secrets_of(config))
        for warning in loaded.warnings:
            _LOG.warning("config", warning=warning)
        # SQLite works in a thread of its own, which a busy event loop makes wait this long at
        # each of its steps; the usual 5 ms would be most of the time that a commit takes.
        sys.setswitchinterval(_SWITCH_SECONDS)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run_until_signal(config, role))
    except (StartError, ListenError, LogFileError) as error:
        _fail(str(error))


@main.command()
@_CONFIG
@_ROLE
def check_config(path: str | None, role: str) -> None:
    """Says what is wrong or suspicious in the configuration."""
    loaded = _load(path, Role(role))
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    ids = ", ".join(container.id for container in loaded.config.containers) or "none"
    chain = "on" if loaded.config.chain.enabled else "off"
    click.echo(f"The configuration is valid. Containers: {ids}; chain: {chain}.")


@main.command()
@click.argument("name")
def new_api_key(name: str) -> None:
    """Makes an API key for a client.

    Prints the key, then what the node's environment needs. NAME is the client's.
    """
    key = secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    click.echo(f"{key}\nINFERNET_API_KEYS={name}:{digest}")


@main.command()
@_CONFIG
@click.argument("subscription", type=_SUBSCRIPTION)
@click.argument("interval", type=_INTERVAL, required=False)
def why(path: str | None, subscription: str, interval: int | None) -> None:
    """Says what became of a SUBSCRIPTION.

    It is an id, or delegated-<n> as the log calls it; with INTERVAL, of that one only.
    """
    try:
        click.echo(explain(_load(path, None).config, subscription, interval))
    except (StoreError, UnknownSubscriptionError) as error:
        _fail(str(error))


@main.command()
@_CONFIG
@click.argument("subscription", type=_SUBSCRIPTION)
@click.argument("interval", type=_INTERVAL)
def retry(path: str | None, subscription: str, interval: int) -> None:
    """Has the running node try an INTERVAL again.

    One of a SUBSCRIPTION, that it gave up.
    """
    _command(path, Command.RETRY, subscription, interval)


@main.command()
@_CONFIG
@click.argument("subscription", type=_SUBSCRIPTION)
@click.argument("interval", type=_INTERVAL)
def drop(path: str | None, subscription: str, interval: int) -> None:
    """Has the running node give up an INTERVAL.

    One of a SUBSCRIPTION, whose answer is not sent yet.
    """
    _command(path, Command.DROP, subscription, interval)


def _command(path: str | None, command: Command, subscription: str, interval: int) -> None:
    try:
        config = _load(path, None).config
        click.echo(asyncio.run(command_node(config.server, command, subscription, interval)))
    except CommandFailedError as error:
        _fail(str(error))


@main.command()
@_CONFIG
@_ROLE
def doctor(path: str | None, role: str) -> None:
    """Checks what the node depends on.

    Names what is wrong and its fix, and then ends with exit code 1.
    """
    config = _load(path, Role(role)).config
    findings = asyncio.run(examine(config, os.environ.get("RUNTIME")))
    for finding in findings:
        click.echo(finding.line)
    if any(finding.fix for finding in findings):
        sys.exit(1)


@main.command()
def config_reference() -> None:
    """Prints the page about all keys of the configuration. It is Markdown."""
    click.echo(reference(), nl=False)


async def _run_until_signal(config: Config, role: Role) -> None:
    if role is not Role.RUN:
        # Lines of several processes often end in one place.
        structlog.contextvars.bind_contextvars(role=role)
    stop = StopRequest()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await run_node(config, runtime=os.environ.get("RUNTIME"), stop=stop, role=role)


def _load(path: str | None, role: Role | None) -> LoadedConfig:
    try:
        return load_config(path, os.environ, role)
    except ConfigError as error:
        _fail(str(error))


def _fail(reason: str) -> NoReturn:
    click.echo(f"infernet-node: {reason}", err=True)
    sys.exit(1)
