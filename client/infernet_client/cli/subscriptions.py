"""The command that signs a subscription and hands it to a node."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from infernet_client import waiting
from infernet_client.cli.group import Command
from infernet_client.cli.inputs import KeyParameter, read_object
from infernet_client.cli.jobs import SECONDS
from infernet_client.cli.options import (
    address_option,
    input_option,
    json_option,
    node_options,
    rpc_url_option,
)
from infernet_client.cli.output import Output, progress
from infernet_client.node import NodeClient

if TYPE_CHECKING:
    from infernet_client.chain.coordinator import Delivery
    from infernet_client.chain.subscription import Subscription


@dataclass(frozen=True, slots=True)
class Request:
    """A subscription to ask for."""

    subscription: "Subscription"
    coordinator: str
    expiry: int
    nonce: int
    private_key: str = field(repr=False)
    data: dict[str, Any]
    deadline: float | None
    """Seconds to wait for its first answer on the chain; ``None`` for not at all."""


@click.command(cls=Command)
@node_options
@rpc_url_option
@address_option(
    "--address",
    envvar="ADDRESS",
    required=True,
    show_envvar=True,
    help="The coordinator contract (EIP712Coordinator).",
)
@click.option(
    "--expiry",
    type=click.IntRange(0, 2**32 - 1),
    required=True,
    help="UNIX seconds at which the signature ends.",
)
@click.option(
    "--key",
    "private_key",
    type=KeyParameter(),
    envvar="PRIVATE_KEY",
    required=True,
    show_envvar=True,
    metavar="FILE",
    help="File with the signer's key: 64 hex digits or a V3 keystore.",
)
@click.option(
    "--params",
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
    required=True,
    metavar="FILE",
    help="JSON file with the subscription; comments are allowed. With active_at 0, intervals are "
    "counted from the latest block.",
)
@input_option
@click.option(
    "--nonce",
    type=click.IntRange(0, 2**32 - 1),
    help="Names the subscription, together with its owner.  [default: 0]",
)
@click.option("--wait", is_flag=True, help="Wait for the first answer on the chain.")
@click.option(
    "--timeout",
    type=SECONDS,
    default=waiting.DEADLINE,
    show_default=True,
    help="With --wait: seconds to wait.",
)
@json_option
def sub(
    node: NodeClient,
    rpc_url: str,
    address: str,
    expiry: int,
    private_key: str,
    params: str,
    source: str,
    nonce: int | None,
    wait: bool,
    timeout: float,
    out: Output,
) -> None:
    """Create a subscription by signature.

    The owner's signer sends no transaction: the node does, with its first answer.
    """
    if params == source == "-":
        raise click.UsageError("--params and --input cannot both be standard input")
    request = Request(
        _subscription(params),
        address,
        expiry,
        _nonce(nonce),
        private_key,
        read_object(source),
        timeout if wait else None,
    )
    asyncio.run(_requested(node, rpc_url, request, out))


def _subscription(params: str) -> "Subscription":
    from infernet_client.chain.checks import has_wrong_checksum
    from infernet_client.chain.subscription import Subscription

    subscription = Subscription.from_mapping(read_object(params))
    if has_wrong_checksum(subscription.owner):
        _warn(f"owner: {subscription.owner} does not match its checksum; check its digits")
    return subscription


def _nonce(nonce: int | None) -> int:
    if nonce is None:
        _warn(
            "--nonce is not given, 0 is used: if this owner has a subscription with nonce 0, "
            "that one is meant and no new one is created"
        )
    return nonce or 0


def _warn(text: str) -> None:
    click.echo(f"Warning: {text}", err=True)


async def _requested(node: NodeClient, rpc_url: str, request: Request, out: Output) -> None:
    from infernet_client.chain.coordinator import Coordinator
    from infernet_client.chain.rpc import RPC

    owner, nonce = request.subscription.owner, request.nonce
    async with RPC(rpc_url) as rpc, node:
        coordinator = Coordinator(request.coordinator, rpc)
        start = None if request.deadline is None else await coordinator.block_number()
        await node.request_delegated_subscription(
            request.subscription,
            rpc,
            request.coordinator,
            request.expiry,
            nonce,
            request.private_key,
            request.data,
        )
        facts: dict[str, Any] = {"owner": owner, "nonce": nonce}
        if start is None or request.deadline is None:
            out.show_text("Success: Subscription created.", facts)
            return
        if not out.as_json:
            out.show("Success: Subscription created.")
        with progress("Waiting for the first answer"):
            delivery = await coordinator.wait_for_delivery(owner, nonce, start, request.deadline)
    out.show_text(_told(delivery), facts | delivery._asdict())


def _told(delivery: "Delivery") -> str:
    return (
        f"Answered: subscription {delivery.subscription_id}\n"
        f"\tnode: {delivery.node}\n"
        f"\ttx: {delivery.tx}"
    )
