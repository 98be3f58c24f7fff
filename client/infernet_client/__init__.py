"""Client of Infernet nodes and routers, and of the wallets that pay for their work."""

from infernet_client.cli import cli, main
from infernet_client.error import APIError
from infernet_client.node import NodeClient
from infernet_client.router import RouterClient
from infernet_client.sync import SyncNodeClient

__all__ = ["APIError", "NodeClient", "RouterClient", "SyncNodeClient", "cli", "main"]
