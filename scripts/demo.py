"""``make demo`` and ``make up``: a contract asks a model, and the answer arrives on chain."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click
import requests
from rich.console import Console

from infernet_protocol import deployments
from scripts.accounts import REQUESTER, anvil_account
from scripts.chain import Sender, connect
from scripts.chat import Chat, ask, show
from scripts.deployment import CONTAINER
from scripts.errors import ScriptError
from scripts.processes import port_or_free
from scripts.stack import ROOT, Ports, Stack, fresh_folder

COLOURS = {"anvil": "yellow", "tgi": "magenta", "service": "cyan", "node": "green"}


def on_terminate(number: int, frame: FrameType | None) -> None:
    """Lets ``with`` blocks stop the children before we end."""
    raise KeyboardInterrupt


def usable_tgi(url: str) -> str:
    """Checks that a TGI server answers at the address.

    Raises:
        click.BadParameter: if nothing does.
    """
    try:
        requests.get(f"{url.rstrip('/')}/health", timeout=5)
    except requests.RequestException as error:
        raise click.BadParameter(
            f"no TGI server answers at {url} ({type(error).__name__})", param_hint="TGI_URL"
        ) from None
    return url


def start(stack: Stack, console: Console) -> None:
    """Brings the stack up, saying what it waits for."""
    steps: list[tuple[str, Callable[[], None]]] = [
        (f"Anvil on {stack.rpc_url}, one block a second", stack.start_chain),
        ("contracts deployed", stack.deploy),
        (
            f"TGI server on {stack.tgi_url}"
            if stack.tgi_url
            else f"mock TGI server on http://127.0.0.1:{stack.ports.tgi}",
            stack.start_tgi,
        ),
        (f"service {CONTAINER} on {stack.service_url}", stack.start_service),
        (f"node on {stack.node_url}", stack.start_node),
    ]
    for what, step in steps:
        began = time.monotonic()
        with console.status(f"waiting for: {what}"):
            step()
        seconds = f"{time.monotonic() - began:.1f} s"
        click.echo(f"{click.style('ok', fg='green')}  {what}  {click.style(seconds, dim=True)}")


def ask_once(stack: Stack, question: str, timeout: float, console: Console) -> None:
    """Calls chatWithLLM and prints question, answer, node, blocks, gas and seconds."""
    by = Sender(connect(stack.rpc_url), anvil_account(REQUESTER))
    chat = Chat(by, stack.contracts["ChatConsumer"].address)
    click.echo()
    show(ask(chat, question, timeout, console), as_json=False)


def follow(stack: Stack) -> None:
    """Prints every log line of every server as it comes, until one of them ends.

    Raises:
        ScriptError: when a server ends by itself.
    """
    for process in stack.processes.values():
        threading.Thread(target=_print_lines, args=(process.name, process.log), daemon=True).start()
    while True:
        for process in stack.processes.values():
            if not process.running:
                raise ScriptError(f"{process.name} ended with exit code {process.popen.returncode}")
        time.sleep(0.2)


def _print_lines(name: str, log: Path) -> None:
    label = click.style(f"{name:>7} |", fg=COLOURS[name])
    with log.open(errors="replace") as lines:
        partial = ""
        while True:
            partial += lines.readline()
            if partial.endswith("\n"):
                click.echo(f"{label} {partial}", nl=False)
                partial = ""
            else:
                time.sleep(0.1)


@click.command()
@click.option("--question", default="Can shrimp actually fry rice fr?")
@click.option("--tgi-url", help="A running TGI server to use instead of the mock.")
@click.option("--timeout", default=60.0, help="Seconds to wait for the answer.")
@click.option("--up", is_flag=True, help="Leave everything running and show the logs.")
def cli(question: str, tgi_url: str | None, timeout: float, up: bool) -> None:
    """Starts a local Infernet and asks a question from a contract."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_terminate)
    console = Console(stderr=True)
    ports = Ports(
        chain=port_or_free(8545, "Anvil"),
        tgi=8080 if tgi_url else port_or_free(8080, "the mock TGI server"),
        service=port_or_free(3000, "the service"),
        node=port_or_free(4000, "the node"),
    )
    folder = fresh_folder(ROOT / ".run" / ("up" if up else "demo"))
    stack = Stack(
        ports,
        folder,
        # What stays up is found by scripts/request.py without being told where.
        deployments=ROOT / deployments.DIRECTORY if up else folder / "deployments",
        tgi_url=usable_tgi(tgi_url) if tgi_url else None,
    )
    try:
        with stack:
            start(stack, console)
            if up:
                click.echo(f"\nready, logs are in {folder}; Ctrl-C stops everything\n")
                follow(stack)
            ask_once(stack, question, timeout, console)
    except KeyboardInterrupt:
        click.echo("\nstopped", err=True)
        sys.exit(0 if up else 130)


if __name__ == "__main__":
    cli()
