"""The name of :mod:`infernet_client.node` in the first generation of this package."""

from infernet_client.node import NodeClient

__all__ = ["NodeClient"]
