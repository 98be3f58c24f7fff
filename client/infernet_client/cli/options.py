"""Options that commands share; each decorator passes what its options amount to."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from infernet_client.cli.inputs import (
    AddressParameter,
    AmountParameter,
    KeyParameter,
    OutputFileParameter,
)
from infernet_client.cli.output import Output
from infernet_client.node import NodeClient
from infernet_client.router import ROUTER_URL, RouterClient
from infernet_client.transport import http_url
from infernet_protocol.subscription import ZERO_ADDRESS

NODE_URL = "http://127.0.0.1:4000"
"""Where a local node listens unless it is told otherwise."""

F = TypeVar("F", bound=Callable[..., Any])


class UrlParameter(click.ParamType):
    """An HTTP URL; ``http://`` may be left out."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return http_url(str(value))
        except ValueError:
            self.fail("not an HTTP address; write it like http://127.0.0.1:4000", param, ctx)


class HeaderParameter(click.ParamType):
    """A header as ``Name: value``; the value may be a secret and is never shown."""

    name = "header"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, colon, content = str(value).partition(":")
        if not colon or not name.strip() or not content.strip() or "\n" in content:
            self.fail("not a header; write it like 'Authorization: Bearer ...'", param, ctx)
        return name.strip(), content.strip()


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach nodes and routers, whichever they are."""

    headers: dict[str, str]
    proxy: str | None

    def node(self, url: str) -> NodeClient:
        return NodeClient(url, headers=self.headers, proxy=self.proxy, raw_results=True)

    def router(self, url: str) -> RouterClient:
        return RouterClient(url, headers=self.headers, proxy=self.proxy)


def connection_options(command: F) -> F:
    """Adds ``--header`` and ``--proxy``; passes ``connection``."""

    def connection(header: Sequence[tuple[str, str]], proxy: str | None) -> Connection:
        return Connection(dict(header), proxy)

    return _passing(
        command,
        "connection",
        connection,
        click.option(
            "-H",
            "--header",
            type=HeaderParameter(),
            multiple=True,
            metavar="NAME:VALUE",
            help="Header to send with every request, e.g. for authentication. Repeatable.",
        ),
        click.option(
            "--proxy",
            type=UrlParameter(),
            envvar="INFERNET_PROXY",
            show_envvar=True,
            help="HTTP proxy to go through.",
        ),
    )


node_url_option = click.option(
    "--url",
    type=UrlParameter(),
    envvar="SERVER_URL",
    default=NODE_URL,
    show_default=True,
    show_envvar=True,
    help="Address of the node.",
)
router_url_option = click.option(
    "--url",
    type=UrlParameter(),
    envvar="ROUTER_URL",
    default=ROUTER_URL,
    show_default=True,
    show_envvar=True,
    help="Address of the router.",
)
node_instead_option = click.option(
    "-n", "--node", type=UrlParameter(), help="Ask this node instead of the router."
)


def node_options(command: F) -> F:
    """Adds ``--url`` of a node and the connection options; passes ``node``."""

    def node(url: str, connection: Connection) -> NodeClient:
        return connection.node(url)

    return _passing(command, "node", node, node_url_option, connection_options)


def router_options(command: F) -> F:
    """Adds ``--url`` of a router and the connection options; passes ``router``."""

    def router(url: str, connection: Connection) -> RouterClient:
        return connection.router(url)

    return _passing(command, "router", router, router_url_option, connection_options)


def _json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, also on a terminal.")(
        command
    )


def output_options(command: F) -> F:
    """Adds ``--output`` and ``--json``; passes ``out``."""
    path = click.option(
        "-o",
        "--output",
        "path",
        type=OutputFileParameter(),
        default="-",
        metavar="FILE",
        help="File to write to.  [default: standard output]",
    )
    return _passing(command, "out", Output, path, _json_option)


def json_option(command: F) -> F:
    """Adds ``--json`` to a command that prints to standard output only; passes ``out``."""

    def standard_output(as_json: bool) -> Output:
        return Output(as_json=as_json)

    return _passing(command, "out", standard_output, _json_option)


input_option = click.option(
    "-i",
    "--input",
    "source",
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
    default="-",
    metavar="FILE",
    help="JSON file with the container's input; comments are allowed.  [default: standard input]",
)
rpc_url_option = click.option(
    "--rpc-url",
    envvar="RPC_URL",
    required=True,
    show_envvar=True,
    help="JSON-RPC endpoint of the chain.",
)


def wallet_options(command: F) -> F:
    """Adds the endpoint and the signing key; passes ``rpc_url`` and ``private_key``."""
    command = click.option(
        "-pk",
        "--private-key",
        type=KeyParameter(),
        envvar="PRIVATE_KEY",
        required=True,
        show_envvar=True,
        help="Key that signs, or a file that holds it: 64 hex digits or a V3 keystore.",
    )(command)
    return rpc_url_option(command)


def address_option(*names: str, help: str, **more: Any) -> Callable[[F], F]:
    """An option that takes an address."""
    return click.option(*names, type=AddressParameter(), metavar="ADDRESS", help=help, **more)


wallet_option = address_option("-w", "--wallet", required=True, help="The Infernet wallet.")
token_option = address_option(
    "-t", "--token", default=ZERO_ADDRESS, help="ERC20 token.  [default: ether]"
)
amount_option = click.option(
    "-a",
    "--amount",
    type=AmountParameter(),
    required=True,
    help="Wei or the token's smallest unit; or with a unit of ether, such as '1.5 gwei'.",
)


def _passing(command: F, name: str, build: Callable[..., Any], *options: Callable[[Any], Any]) -> F:
    """Replaces the parameters of some options by the one value that they amount to."""
    parameters = inspect.signature(build).parameters

    @functools.wraps(command)
    def with_value(**keywords: Any) -> Any:
        own = {parameter: keywords.pop(parameter) for parameter in parameters}
        return command(**{name: build(**own)}, **keywords)

    wrapped: Any = with_value
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]
