"""The order in which contracts are created, and the addresses that follow from it.

The Registry holds the addresses of the other five before they exist: CREATE derives an address
from the creator and its nonce.
"""

import rlp
from eth_typing import ChecksumAddress
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

GETTERS = {
    "EIP712Coordinator": "COORDINATOR",
    "Inbox": "INBOX",
    "Reader": "READER",
    "Fee": "FEE",
    "WalletFactory": "WALLET_FACTORY",
}
"""Contracts in order of deployment after the registry, each with its getter there."""


def create_address(creator: str, nonce: int) -> ChecksumAddress:
    """Returns the address of the contract that ``creator`` creates with ``nonce`` (CREATE)."""
    encoded: bytes = rlp.encode([to_canonical_address(creator), nonce])
    return to_checksum_address(keccak(encoded)[-20:])


def planned_addresses(deployer: str, nonce: int) -> dict[str, ChecksumAddress]:
    """Returns where the contracts of :data:`GETTERS` will be, by name and in order.

    Args:
        nonce: with which the deployer creates the registry; the others follow one by one.
    """
    return {
        name: create_address(deployer, nonce + offset)
        for offset, name in enumerate(GETTERS, start=1)
    }
