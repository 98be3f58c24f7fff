"""Creates the contracts and records where they are.

The registry holds the addresses of the other five before they exist: they follow from the
deployer's nonce, and are compared afterwards. A fresh Anvil and its third account give the
documented development addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import rlp
from eth_typing import ChecksumAddress
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from web3.types import TxReceipt

from infernet_protocol import deployments
from infernet_protocol.deployments import Deployed
from scripts import artifacts
from scripts.chain import Sender
from scripts.errors import ScriptError

CONTAINER = "tgi_client_inference_service"
"""Container that example consumers ask unless they are told otherwise."""
GETTERS = {
    "EIP712Coordinator": "COORDINATOR",
    "Inbox": "INBOX",
    "Reader": "READER",
    "Fee": "FEE",
    "WalletFactory": "WALLET_FACTORY",
}
"""Contracts in order of deployment after the registry, each with its getter there."""


@dataclass(frozen=True, slots=True)
class Creation:
    """A contract that was just created."""

    name: str
    address: ChecksumAddress
    receipt: TxReceipt


def create_address(deployer: str, nonce: int) -> ChecksumAddress:
    """Returns the address of the contract that ``deployer`` creates with ``nonce`` (CREATE)."""
    encoded = rlp.encode([to_canonical_address(deployer), nonce])
    return to_checksum_address(keccak(encoded)[-20:])


def create(by: Sender, name: str, *args: object) -> Creation:
    """Deploys one contract of this project."""
    artifact = artifacts.load(name)
    factory = by.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    receipt = by.send(factory.constructor(*args), f"deploying {name}")
    address = receipt["contractAddress"]
    assert address is not None, "a mined creation has an address"
    return Creation(name, address, receipt)


def deploy_core(by: Sender, fee_recipient: str, fee: int) -> Iterator[Creation]:
    """Deploys registry, coordinator, inbox, reader, fee and wallet factory, in this order.

    Args:
        fee_recipient: first owner of the fee contract.
        fee: protocol fee in hundredths of a percent, 0 to 65535.

    Raises:
        ScriptError: if an address is not the one the registry was given, which
            happens when the account sends something else meanwhile.
    """
    nonce = by.web3.eth.get_transaction_count(by.address, "pending")
    expected = {
        name: create_address(by.address, nonce + offset)
        for offset, name in enumerate(GETTERS, start=1)
    }
    registry = create(by, "Registry", *expected.values())
    yield registry
    for name, address in expected.items():
        args = (fee_recipient, fee) if name == "Fee" else (registry.address,)
        created = create(by, name, *args)
        if created.address != address:
            raise ScriptError(
                f"{name} is at {created.address}, but the registry names {address}: another "
                "transaction of this account came between; deploy again"
            )
        yield created


def record(created: list[Creation], chain_id: int, directory: Path) -> Path:
    """Writes what was created into the chain's deployment file."""
    return deployments.save(
        chain_id,
        {
            item.name: Deployed(
                address=item.address,
                block=item.receipt["blockNumber"],
                txHash="0x" + item.receipt["transactionHash"].hex(),
                abiHash=artifacts.load(item.name).abi_hash,
                version=artifacts.version(),
            )
            for item in created
        },
        directory,
    )
