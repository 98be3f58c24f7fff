"""Creates the contracts and records where they are.

The registry holds the addresses of the other five before they exist: they follow from the
deployer's nonce, and are compared afterwards. A fresh Anvil and its third account give the
documented development addresses.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.types import TxReceipt

from infernet_protocol import deployments
from infernet_protocol.deployments import Deployed
from infernet_protocol.registry import planned_addresses
from scripts import artifacts
from scripts.artifacts import Artifact
from scripts.chain import Sender
from scripts.errors import ScriptError

CONTAINER = "tgi_client_inference_service"
"""Container that example consumers ask unless they are told otherwise."""


@dataclass(frozen=True, slots=True)
class Creation:
    """A contract that was just created."""

    name: str
    address: ChecksumAddress
    receipt: TxReceipt
    artifact: Artifact


def create(by: Sender, name: str, *args: object, out: Path = artifacts.OUT) -> Creation:
    """Deploys one contract of this project, from the build in the folder ``out``."""
    artifact = artifacts.load(name, out=out)
    factory = by.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    receipt = by.send(factory.constructor(*args), f"deploying {name}")
    address = receipt["contractAddress"]
    assert address is not None, "a mined creation has an address"
    return Creation(name, address, receipt, artifact)


def deploy_core(
    by: Sender, fee_recipient: str, fee: int, out: Path = artifacts.OUT
) -> Iterator[Creation]:
    """Deploys registry, coordinator, inbox, reader, fee and wallet factory, in this order.

    Args:
        fee_recipient: first owner of the fee contract.
        fee: protocol fee in hundredths of a percent, 0 to 65535.
        out: folder of the build.

    Raises:
        ScriptError: if an address is not the one the registry was given, which
            happens when the account sends something else meanwhile.
    """
    nonce = by.web3.eth.get_transaction_count(by.address, "pending")
    expected = planned_addresses(by.address, nonce)
    registry = create(by, "Registry", *expected.values(), out=out)
    yield registry
    for name, address in expected.items():
        args = (fee_recipient, fee) if name == "Fee" else (registry.address,)
        created = create(by, name, *args, out=out)
        if created.address != address:
            raise ScriptError(
                f"{name} is at {created.address}, but the registry names {address}: another "
                "transaction of this account came between; deploy again"
            )
        yield created


def in_use(web3: Web3, directory: Path) -> str | None:
    """Says why the chain's deployment file must not be lost.

    ``None`` if there is no file, or it is of a local chain that is gone: it names no registry
    that has code.
    """
    chain_id = web3.eth.chain_id
    if not deployments.path_for(chain_id, directory).exists():
        return None
    try:
        registry = deployments.load(chain_id, directory).get("Registry")
    except deployments.DeploymentError as error:
        return str(error)
    if registry is None or not web3.eth.get_code(to_checksum_address(registry.address)):
        return None
    return f"the registry {registry.address} is on chain {chain_id}"


def record_set(
    created: list[Creation], chain_id: int, directory: Path, *, keep_old: bool = False
) -> Path:
    """Writes a new set of contracts, registry included, as the chain's deployment file.

    Nothing of an older file is taken over: its consumers belong to another registry.

    Args:
        keep_old: whether the older file is kept beside it, as ``<chainId>.<n>.json``.
    """
    path = deployments.path_for(chain_id, directory)
    if keep_old:
        path.rename(_unused(path))
    path.unlink(missing_ok=True)
    return record(created, chain_id, directory)


def _unused(path: Path) -> Path:
    numbered = (path.with_suffix(f".{number}.json") for number in itertools.count(1))
    return next(candidate for candidate in numbered if not candidate.exists())


def record(created: list[Creation], chain_id: int, directory: Path) -> Path:
    """Adds what was created to the chain's deployment file."""
    return deployments.save(
        chain_id,
        {
            item.name: Deployed(
                address=item.address,
                block=item.receipt["blockNumber"],
                txHash="0x" + item.receipt["transactionHash"].hex(),
                abiHash=item.artifact.abi_hash,
                version=artifacts.version(),
            )
            for item in created
        },
        directory,
    )
