"""Hashes under which the Coordinator files what it knows.

Every key is ``keccak256(abi.encode(...))`` with 32-byte padding, never packed.
"""

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_utils.crypto import keccak

UINT16_MAX = 2**16 - 1
UINT32_MAX = 2**32 - 1
UINT256_MAX = 2**256 - 1


def container_id(containers: str | Sequence[str]) -> bytes:
    """Returns the 32-byte ``containerId`` of an ordered pipeline.

    Args:
        containers: container names in order of execution, or the same joined by commas.

    Raises:
        ValueError: if no container is named, or one name is empty or holds a comma.
    """
    names = containers.split(",") if isinstance(containers, str) else list(containers)
    if not names or not all(names):
        raise ValueError("containers: at least one name is needed, and none may be empty")
    if any("," in name for name in names):
        raise ValueError("containers: a name must not contain a comma, it separates names")
    return keccak(encode(["string"], [",".join(names)]))


def interval_key(subscription_id: int, interval: int) -> bytes:
    """Key of ``Coordinator.redundancyCount``."""
    return keccak(encode(["uint32", "uint32"], [subscription_id, interval]))


def response_key(subscription_id: int, interval: int, node: str) -> bytes:
    """Key of ``Coordinator.nodeResponded`` and ``Coordinator.proofRequests``."""
    return keccak(
        encode(["uint32", "uint32", "address"], [subscription_id, interval, node.lower()])
    )


def delegation_key(owner: str, nonce: int) -> bytes:
    """Key of ``EIP712Coordinator.delegateCreatedIds``."""
    return keccak(encode(["address", "uint32"], [owner.lower(), nonce]))
