"""Commands that ask what a node, or a network of nodes, is and has."""

import asyncio

import click

from infernet_client.cli import tables
from infernet_client.cli.failure import CommandFailed
from infernet_client.cli.group import Command
from infernet_client.cli.options import (
    Connection,
    connection_options,
    json_option,
    node_instead_option,
    node_options,
    output_options,
    router_options,
    router_url_option,
)
from infernet_client.cli.output import Output
from infernet_client.node import NodeClient
from infernet_client.router import RouterClient


@click.command(cls=Command)
@node_options
@json_option
def health(node: NodeClient, out: Output) -> None:
    """Tell whether a node is healthy.

    The exit code is 1 if it is not.
    """
    healthy = asyncio.run(node.health())
    status = "healthy" if healthy else "unhealthy"
    out.show_text(status, {"status": status})
    if not healthy:
        raise click.exceptions.Exit(CommandFailed.exit_code)


@click.command(cls=Command)
@node_options
@output_options
def info(node: NodeClient, out: Output) -> None:
    """Show a node's version, chain, containers and load."""
    out.show(asyncio.run(node.get_info()), tables.node_info)


@click.command(cls=Command)
@router_url_option
@node_instead_option
@connection_options
@output_options
def resources(url: str, node: str | None, connection: Connection, out: Output) -> None:
    """Show what containers say about themselves."""
    client = _asked(connection, url, node)
    out.show(asyncio.run(client.get_resources()))


@click.command("check-model", cls=Command)
@router_url_option
@node_instead_option
@click.option("-m", "--model-id", required=True, help="Id of the model.")
@connection_options
@output_options
def check_model(
    url: str, node: str | None, model_id: str, connection: Connection, out: Output
) -> None:
    """Show which containers can serve a model."""
    client = _asked(connection, url, node)
    out.show(asyncio.run(client.check_model_support(model_id)))


@click.command(cls=Command)
@router_options
@output_options
def containers(router: RouterClient, out: Output) -> None:
    """List the containers of a network."""
    out.show(asyncio.run(router.get_containers()), tables.network_containers)


@click.command(cls=Command)
@router_options
@click.option(
    "-c",
    "--container",
    "container_ids",
    multiple=True,
    required=True,
    metavar="ID",
    help="Container that a node must run. Repeatable.",
)
@click.option(
    "-n", "count", type=click.IntRange(min=0), default=3, show_default=True, help="At most so many."
)
@click.option(
    "--skip", type=click.IntRange(min=0), default=0, show_default=True, help="Skip so many."
)
@output_options
def find(
    router: RouterClient, container_ids: tuple[str, ...], count: int, skip: int, out: Output
) -> None:
    """Find nodes of a network that run containers."""
    out.show(asyncio.run(router.get_nodes_by_container_ids(container_ids, count, skip)))


def _asked(connection: Connection, router: str, node: str | None) -> NodeClient | RouterClient:
    return connection.node(node) if node else connection.router(router)
