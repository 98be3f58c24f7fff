"""What the node reads of a block."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from eth_utils.crypto import keccak

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
    gas_used: int | None = None
    """Of all transactions; ``None`` where the endpoint does not say."""
    logs_bloom: int = 0
    """Bloom filter of the addresses and topics of its logs; 0 where there are none, or where
    the chain computes no filter."""

    def may_have_logs_of(self, address: str) -> bool:
        """Whether a contract may have logged in this block; ``False`` is certain.

        Args:
            address: 20 bytes in hex with ``0x``.
        """
        if self.gas_used == 0:
            return False
        mask = _bloom_mask(address)
        return self.logs_bloom == 0 or self.logs_bloom & mask == mask

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
                gas_used=int(block["gasUsed"], 16) if "gasUsed" in block else None,
                logs_bloom=int(block.get("logsBloom", "0x0"), 16),
            )
        except (KeyError, TypeError, ValueError):
            raise TransportError("the endpoint sent a malformed block") from None


@cache
def _bloom_mask(address: str) -> int:
    """The three bits of a 2048-bit filter that stand for an address (Yellow Paper, 4.3.1)."""
    hashed = keccak(hexstr=address)
    mask = 0
    for at in (0, 2, 4):
        mask |= 1 << (int.from_bytes(hashed[at : at + 2], "big") % 2048)
    return mask
