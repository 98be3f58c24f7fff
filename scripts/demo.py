"""``make demo`` and ``make up``: a contract asks a model, and the answer arrives on chain."""

import contextlib
import json
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from types import FrameType

import click
import requests
from rich.console import Console

from infernet_protocol import deployments
from scripts.accounts import REQUESTER, anvil_account
from scripts.chain import Sender, connect, shown_url
from scripts.chat import Chat, ask, show
from scripts.deployment import CONTAINER
from scripts.errors import ScriptError
from scripts.loglines import renderer
from scripts.processes import port_or_free
from scripts.proxies import ask_loopback_directly
from scripts.runs import own_folder, turn
from scripts.stack import ROOT, Ports, Stack
from scripts.terminal.command import SETTINGS, ScriptCommand
from scripts.terminal.values import QUESTION as QUESTION_TEXT

QUESTION = "Can shrimp actually fry rice fr?"
CHAIN_PORT = 8545
"""Where the scripts look for a local chain."""
COLOURS = {"anvil": "yellow", "tgi": "magenta", "service": "cyan", "node": "green"}


def on_terminate(number: int, frame: FrameType | None) -> None:
    """Lets ``with`` blocks stop the children before we end."""
    raise KeyboardInterrupt


def usable_tgi(url: str) -> str:
    """Checks that a TGI server is ready at the address.

    Raises:
        click.BadParameter: if it is no address, or no server is there, or it is not ready.
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(
            f"{shown_url(url)} does not begin with http:// or https://", param_hint="TGI_URL"
        )
    try:
        status = requests.get(f"{url.rstrip('/')}/health", timeout=5).status_code
    except requests.RequestException as error:
        raise click.BadParameter(
            f"no TGI server answers at {shown_url(url)} ({type(error).__name__})",
            param_hint="TGI_URL",
        ) from None
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise click.BadParameter(
            f"the TGI server at {shown_url(url)} answers but is not ready", param_hint="TGI_URL"
        )
    if status != HTTPStatus.OK:
        raise click.BadParameter(
            f"{shown_url(url)} answers /health with HTTP {status}: is it a TGI server?",
            param_hint="TGI_URL",
        )
    return url


def choose_ports(tgi: bool) -> Ports:
    """Returns the usual ports, or free ones where they are in use.

    Args:
        tgi: whether the mock TGI server needs one.
    """
    return Ports(
        chain=port_or_free(CHAIN_PORT, "Anvil"),
        tgi=port_or_free(8080, "the mock TGI server") if tgi else 0,
        service=port_or_free(3000, "the service"),
        node=port_or_free(4000, "the node"),
    )


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


def invite(stack: Stack) -> None:
    """Says what a second terminal can do with the stack."""
    python = shlex.quote(os.path.relpath(sys.executable))
    request = [python, "scripts/request.py", *rpc_option(stack), shlex.quote(QUESTION)]
    body = json.dumps({"containers": [CONTAINER], "data": {"text": QUESTION}})
    click.echo(f"\nready, logs are in {stack.folder}; Ctrl-C stops everything\n")
    click.echo("In a second terminal, ask from a contract, or ask the node directly:\n")
    click.echo(f"    {' '.join(request)}")
    click.echo(f"    curl -X POST {stack.node_url}/api/jobs \\")
    click.echo("        -H 'Content-Type: application/json' \\")
    click.echo(f"        -d {shlex.quote(body)}")
    click.echo(f"    curl '{stack.node_url}/api/jobs?id=...'    # the id that it answered\n")


def rpc_option(stack: Stack) -> list[str]:
    """Returns how a script is told the chain, where it would not find it by itself."""
    return [] if stack.ports.chain == CHAIN_PORT else ["--rpc-url", stack.rpc_url]


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
    render = renderer(name)
    with log.open(errors="replace") as lines:
        partial = ""
        while True:
            partial += lines.readline()
            if partial.endswith("\n"):
                shown = render(partial.removesuffix("\n"))
                if shown is not None:
                    click.echo(f"{label} {shown}")
                partial = ""
            else:
                time.sleep(0.1)


@click.command(cls=ScriptCommand, context_settings=SETTINGS)
@click.option(
    "--question",
    type=QUESTION_TEXT,
    envvar="DEMO_QUESTION",
    show_envvar=True,
    default=QUESTION,
    help="What the contract asks.",
)
@click.option(
    "--tgi-url",
    metavar="URL",
    envvar="DEMO_TGI_URL",
    show_envvar=True,
    help="A running TGI server to use instead of the mock.",
)
@click.option("--timeout", default=60.0, help="Seconds to wait for the answer.")
@click.option("--up", is_flag=True, help="Leave everything running and show the logs.")
def cli(question: str, tgi_url: str | None, timeout: float, up: bool) -> None:
    """Starts a local Infernet and asks a question from a contract."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_terminate)
    ask_loopback_directly()
    console = Console(stderr=True)
    running_tgi = usable_tgi(tgi_url) if tgi_url else None
    folder = own_folder(ROOT / ".run", "up" if up else "demo")
    try:
        with contextlib.ExitStack() as at_the_end:
            with turn():
                stack = Stack(
                    choose_ports(tgi=running_tgi is None),
                    folder,
                    # What stays up is found by scripts/request.py without being told where.
                    deployments=ROOT / deployments.DIRECTORY if up else folder / "deployments",
                    tgi_url=running_tgi,
                )
                at_the_end.enter_context(stack)
                start(stack, console)
            if up:
                invite(stack)
                follow(stack)
            ask_once(stack, question, timeout, console)
    except KeyboardInterrupt:
        click.echo("\nstopped", err=True)
        sys.exit(0 if up else 130)


if __name__ == "__main__":
    cli()
