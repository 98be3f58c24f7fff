"""Shows subscriptions and deliveries as they happen."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from web3.contract import Contract

from infernet_protocol.subscription import Subscription
from scripts.terminal.command import SETTINGS, ScriptCommand
from scripts.terminal.options import Chain, chain_options, json_option
from scripts.terminal.printing import json_object
from scripts.terminal.text import utc
from scripts.views.board import EVENTS, Board, Happening, Row
from scripts.views.tail import Tail

RECENT = 1_000
"""Blocks that are read first unless --since says otherwise."""
STYLES = {"open": "cyan", "answered": "green", "over": "yellow", "cancelled": "red"}
EDGES = 4
"""Lines of a table that are no rows."""


class Watch:
    """A coordinator's events and the board that they make."""

    def __init__(self, coordinator: Contract, since: int) -> None:
        self.since = since
        self._tail = Tail(coordinator, EVENTS, since)
        self._eth = coordinator.w3.eth
        self._coordinator = coordinator
        self.board = Board(self._read)
        self._time_of_block = lru_cache(maxsize=64)(self._block_time)

    def poll(self) -> Iterator[Happening]:
        """Yields what happened since the last call."""
        for event in self._tail.poll():
            yield self.board.add(event, self._time_of_block(event["blockNumber"]))

    def _read(self, subscription_id: int) -> Subscription:
        call = self._coordinator.functions.getSubscription(subscription_id)
        return Subscription.from_abi(call.call())

    def _block_time(self, number: int) -> int:
        return self._eth.get_block(number)["timestamp"]


def show_line(happened: Happening, as_json: bool) -> None:
    """Prints one event on one line: words and ``name=value`` pairs, or JSON."""
    if as_json:
        facts = asdict(happened)
        more = facts.pop("facts")
        json_object(facts | more)
        return
    pairs = {"id": happened.subscription_id, **happened.facts, "tx": happened.transaction}
    known = (f"{name}={value}" for name, value in pairs.items() if value is not None)
    click.echo(f"{utc(happened.time)} block {happened.block} {happened.event} {' '.join(known)}")


def table(watch: Watch, now: int, height: int) -> Table:
    """Returns the newest subscriptions as a table, the newest last.

    Args:
        now: chain time, UNIX seconds.
        height: how many rows there is room for.
    """
    rows = sorted(watch.board.rows.values(), key=lambda row: row.id)[-height:]
    caption = f"chain time {utc(now)}, events since block {watch.since}"
    if not rows:
        caption = f"no subscription yet; {caption}"
    drawn = Table(
        "id",
        "owner",
        "state",
        "interval",
        "answers",
        "last node",
        "block",
        caption=caption,
        box=None,
    )
    for row in rows:
        drawn.add_row(*_cells(row, now))
    return drawn


def _cells(row: Row, now: int) -> list[str]:
    state = row.state(now)
    style = STYLES.get(state, "dim")
    current = row.interval(now)
    return [
        str(row.id),
        _short(row.subscription.owner),
        f"[{style}]{state}[/]",
        f"{current or '-'}/{row.intervals}",
        f"{row.answers}/{row.wanted}",
        _short(row.last_node) or "-",
        str(row.last_block),
    ]


def _short(address: str) -> str:
    return f"{address[:6]}…{address[-4:]}" if address else ""


def show_table(watch: Watch, chain: Chain, console: Console, once: bool) -> None:
    """Draws the table, again and again unless ``once``."""

    def current() -> Table:
        for _ in watch.poll():
            pass  # the board keeps what it needs
        return table(watch, chain.now, console.height - EDGES)

    if once:
        console.print(current())
        return
    with Live(current(), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(chain.poll_seconds)
            live.update(current(), refresh=True)


def show_lines(watch: Watch, chain: Chain, as_json: bool, once: bool) -> None:
    """Prints events as they come, for ever unless ``once``."""
    while True:
        for happened in watch.poll():
            show_line(happened, as_json)
        if once:
            return
        time.sleep(chain.poll_seconds)


@click.command(cls=ScriptCommand, context_settings=SETTINGS)
@chain_options
@click.option(
    "--since",
    type=click.IntRange(0),
    metavar="BLOCK",
    help="First block to read.",
    show_default=f"the last {RECENT:,} blocks",
)
@click.option("--once", is_flag=True, help="Show what there is and end.")
@json_option
def cli(chain: Chain, since: int | None, once: bool, as_json: bool) -> None:
    """Shows subscriptions and deliveries as they happen, until Ctrl-C.

    On a terminal it is a table of subscriptions; in a pipe, or with --json, a line per event of
    the coordinator: SubscriptionCreated, SubscriptionFulfilled, SubscriptionCancelled and
    ProofVerified.

    \b
    Beside a local stack (`make up`):
        python scripts/watch.py
    Who delivers?
        python scripts/watch.py --once --json | jq -r 'select(.node).node' | sort | uniq -c
    """
    coordinator = chain.contracts.contract("EIP712Coordinator")
    if since is None:
        since = max(chain.contracts.first_block, chain.web3.eth.block_number - RECENT)
    watch = Watch(coordinator, since)
    console = Console()
    if console.is_terminal and not as_json:
        show_table(watch, chain, console, once)
    else:
        show_lines(watch, chain, as_json, once)


if __name__ == "__main__":
    cli()
