"""Deploys the contracts and writes ``deployments/<chainId>.json``.

The registry holds the addresses of the other five before they exist: they follow from the
deployer's nonce, and are compared afterwards. A fresh Anvil and its third account give the
documented development addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import rlp
from eth_typing import ChecksumAddress
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from rich.console import Console
from rich.table import Table
from web3.types import TxReceipt

from infernet_protocol import deployments
from infernet_protocol.deployments import Deployed
from scripts import artifacts
from scripts.accounts import DEPLOYER
from scripts.chain import Sender, chain_options, connect, contract_address, sender
from scripts.errors import ScriptError

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


def verify(rpc_url: str, chain_id: int | None, directory: Path) -> None:
    """Checks an existing deployment: code present, registry consistent, fee readable.

    Raises:
        ScriptError: naming the first thing that is wrong.
    """
    web3 = connect(rpc_url, chain_id)
    try:
        known = deployments.load(web3.eth.chain_id, directory)
    except deployments.DeploymentError as error:
        raise ScriptError(str(error)) from None
    for name, deployed in known.items():
        contract_address(web3, deployed.address, name)
    if missing := [name for name in ("Registry", *GETTERS) if name not in known]:
        raise ScriptError(f"not in the deployment file: {', '.join(missing)}")
    registry = web3.eth.contract(
        contract_address(web3, known["Registry"].address, "Registry"),
        abi=artifacts.load("Registry").abi,
    )
    for name, getter in GETTERS.items():
        if (named := registry.functions[getter]().call()) != known[name].address:
            raise ScriptError(
                f"the registry names {named} as {name}, the deployment file {known[name].address}"
            )
    fee = web3.eth.contract(
        contract_address(web3, known["Fee"].address, "Fee"), abi=artifacts.load("Fee").abi
    )
    rate, recipient = fee.functions.FEE().call(), fee.functions.FEE_RECIPIENT().call()
    click.echo(
        f"chain {web3.eth.chain_id}: {len(known)} contracts in place, "
        f"fee {rate / 100:.2f} % to {recipient}"
    )


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


def show(created: list[Creation]) -> None:
    """Prints a table on a terminal, and lines of three words in a pipe."""
    console = Console()
    if not console.is_terminal:
        for item in created:
            click.echo(f"{item.name} {item.address} {item.receipt['gasUsed']}")
        return
    table = Table("contract", "address", "block", "gas", box=None)
    for item in created:
        receipt = item.receipt
        table.add_row(
            item.name, item.address, str(receipt["blockNumber"]), f"{receipt['gasUsed']:,}"
        )
    console.print(table)


@click.command(context_settings={"show_default": True})
@chain_options
@click.option(
    "--fee",
    type=click.IntRange(0, 2**16 - 1),
    default=0,
    help="Protocol fee in hundredths of a percent.",
)
@click.option(
    "--fee-recipient", help="Who receives the fee.", default=None, show_default="the deployer"
)
@click.option(
    "--container",
    default="tgi_client_inference_service",
    help="Container that the example consumer ChatConsumer asks.",
)
@click.option("--core-only", is_flag=True, help="Deploy no example consumer.")
@click.option("--verify-only", is_flag=True, help="Check the recorded deployment, send nothing.")
@click.option(
    "--deployments",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=deployments.DIRECTORY,
    help="Folder of the deployment files.",
)
def main(
    rpc_url: str,
    chain_id: int | None,
    keystore: Path | None,
    password_file: Path | None,
    fee: int,
    fee_recipient: str | None,
    container: str,
    core_only: bool,
    verify_only: bool,
    directory: Path,
) -> None:
    """Deploys the contracts and an example consumer, and records their addresses."""
    if verify_only:
        verify(rpc_url, chain_id, directory)
        return
    by = sender(rpc_url, chain_id, keystore, password_file, DEPLOYER)
    created: list[Creation] = []
    for item in deploy_core(by, _recipient(fee_recipient, by), fee):
        created.append(item)
        click.echo(f"deployed {item.name}", err=True)
    if not core_only:
        created.append(create(by, "ChatConsumer", created[0].address, container))
    path = record(created, by.web3.eth.chain_id, directory)
    show(created)
    click.echo(f"recorded in {path}", err=True)


def _recipient(given: str | None, by: Sender) -> str:
    if given is None:
        return by.address
    try:
        return to_checksum_address(given)
    except ValueError:
        raise click.BadParameter(
            f"{given!r} is not an address", param_hint="--fee-recipient"
        ) from None


if __name__ == "__main__":
    main()
