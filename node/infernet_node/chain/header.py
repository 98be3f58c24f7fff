"""What the node reads of a block."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from infernet_node.chain.rpc_errors import TransportError


@dataclass(frozen=True, slots=True)
class Header:
    """A block header."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    """UNIX seconds: the chain's own clock, the only one contracts know."""
    base_fee: int | None
    """Wei per gas; ``None`` on chains without EIP-1559."""

    @classmethod
    def from_rpc(cls, block: Any) -> Self:
        """Reads the result of ``eth_getBlockByNumber``.

        Raises:
            TransportError: if the endpoint does not have the block.
        """
        if not isinstance(block, Mapping):
            raise TransportError("the endpoint does not know the block yet")
        base_fee = block.get("baseFeePerGas")
        try:
            return cls(
                number=int(block["number"], 16),
                hash=str(block["hash"]),
                parent_hash=str(block["parentHash"]),
                timestamp=int(block["timestamp"], 16),
                base_fee=None if base_fee is None else int(base_fee, 16),
            )
        except (KeyError, TypeError, ValueError):
            raise TransportError("the endpoint sent a malformed block") from None
