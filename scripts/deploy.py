"""Deploys the contracts and writes ``deployments/<chainId>.json``."""

from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from infernet_protocol.registry import GETTERS
from scripts import artifacts
from scripts.accounts import DEPLOYER
from scripts.contracts import DEPLOYED_BY, AddressBook
from scripts.deployment import CONTAINER, Creation, create, deploy_core, in_use, record_set
from scripts.errors import ScriptError
from scripts.terminal.command import SETTINGS, ScriptCommand
from scripts.terminal.options import Chain, json_option, signing_options
from scripts.terminal.printing import json_object
from scripts.terminal.values import ADDRESS
from scripts.views.receipts import Mined


def verify(book: AddressBook, as_json: bool) -> None:
    """Checks an existing deployment: code present, registry and consumers agree, fee readable.

    Raises:
        ScriptError: naming the first thing that is wrong.
    """
    if missing := [name for name in ("Registry", *GETTERS) if name not in book.addresses]:
        raise ScriptError(f"not in {book.source}: {', '.join(missing)}")
    for name in book.addresses:
        book.address(name)
    registry = book.contract("Registry")
    for name, getter in GETTERS.items():
        if (named := registry.functions[getter]().call()) != book.address(name):
            raise ScriptError(
                f"the registry names {named} as {name}, {book.source} {book.address(name)}"
            )
    for name in DEPLOYED_BY:
        if name in book.addresses and not book.is_served(name):
            raise ScriptError(
                f"{name} at {book.address(name)} was built for another coordinator than "
                f"{book.address('EIP712Coordinator')}: deploy it again with {DEPLOYED_BY[name]}"
            )
    fee = book.contract("Fee")
    rate, recipient = fee.functions.FEE().call(), fee.functions.FEE_RECIPIENT().call()
    chain_id = book.web3.eth.chain_id
    if as_json:
        addresses = {name: book.address(name) for name in book.addresses}
        facts = {"chain_id": chain_id, "fee": rate, "fee_recipient": recipient}
        json_object({**facts, "contracts": addresses}, indent=2)
        return
    click.echo(
        f"chain {chain_id}: {len(book.addresses)} contracts in place, "
        f"fee {rate / 100:.2f} % to {recipient}"
    )


def built(build: str) -> Path:
    """Returns the folder of a build; that of the release is brought up to date."""
    out = artifacts.BUILDS[build]
    if out == artifacts.RELEASE:
        if not out.exists():
            click.echo("building the release, which takes half a minute ...", err=True)
        artifacts.build_release()
    return out


def made(item: Creation) -> Creation:
    """Says at once what was deployed and where: a failure later on must not lose it."""
    click.echo(f"deployed {item.name} at {item.address}", err=True)
    return item


def show(created: list[Creation], as_json: bool) -> None:
    """Prints a table on a terminal, lines of three words in a pipe, or one JSON object."""
    console = Console()
    if as_json:
        listed = {
            item.name: {"address": item.address, **asdict(Mined.of(item.receipt))}
            for item in created
        }
        json_object(listed, indent=2)
        return
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


@click.command(cls=ScriptCommand, context_settings=SETTINGS)
@signing_options
@click.option(
    "--fee",
    type=click.IntRange(0, 2**16 - 1),
    default=0,
    help="Protocol fee in hundredths of a percent.",
)
@click.option(
    "--fee-recipient",
    type=ADDRESS,
    metavar="ADDRESS",
    help="Who receives the fee.",
    show_default="the deployer",
)
@click.option(
    "--container",
    default=CONTAINER,
    help="Container that the example consumer ChatConsumer asks.",
)
@click.option(
    "--build",
    type=click.Choice(list(artifacts.BUILDS)),
    default="release",
    help="Which build: release is brought up to date first; default is the quick one of the tests.",
)
@click.option("--core-only", is_flag=True, help="Deploy no example consumer.")
@click.option(
    "--replace",
    is_flag=True,
    help="Deploy though a deployment is recorded; its file is kept as <chainId>.<n>.json.",
)
@click.option("--verify-only", is_flag=True, help="Check the recorded deployment, send nothing.")
@json_option
def cli(
    chain: Chain,
    fee: int,
    fee_recipient: str | None,
    container: str,
    build: str,
    core_only: bool,
    replace: bool,
    verify_only: bool,
    as_json: bool,
) -> None:
    """Deploys the contracts and an example consumer, and records their addresses.

    \b
    On a local Anvil, signed by its third account:
        python scripts/deploy.py
    On a real chain:
        PRIVATE_KEY=0x... python scripts/deploy.py --rpc-url https://... --chain-id 11155111
    Again, though a deployment is recorded; its file is kept:
        python scripts/deploy.py --replace
    Is everything in its place?
        python scripts/deploy.py --verify-only
    """
    if verify_only:
        verify(chain.contracts, as_json)
        return
    if chain.registry:
        raise click.UsageError("--registry: only with --verify-only; deploying makes a new one")
    by = chain.sender(DEPLOYER)
    recorded = None if chain.connection.private else in_use(chain.web3, chain.directory)
    if recorded and not replace:
        raise ScriptError(
            f"a deployment is recorded in {chain.directory} ({recorded}): pass --replace to keep "
            "its file aside and record a new one, or record elsewhere with --deployments"
        )
    out = built(build)
    created = [made(item) for item in deploy_core(by, fee_recipient or by.address, fee, out)]
    if not core_only:
        registry = created[0].address
        created.append(made(create(by, "ChatConsumer", registry, container, out=out)))
    show(created, as_json)
    if chain.connection.private:
        click.echo("nothing is recorded: the chain ends with this command", err=True)
    else:
        path = record_set(
            created, chain.web3.eth.chain_id, chain.directory, keep_old=recorded is not None
        )
        click.echo(f"recorded in {path}", err=True)


if __name__ == "__main__":
    cli()
