"""Creates, fills, opens and shows the wallets that consumers pay and nodes earn with."""

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import click
from eth_utils.address import to_checksum_address
from eth_utils.currency import from_wei
from web3.contract import Contract
from web3.types import TxReceipt

from infernet_client.chain.abis import ERC20_ABI
from infernet_client.cli.amounts import Amount
from infernet_protocol.abis import abi
from infernet_protocol.subscription import ZERO_ADDRESS
from scripts.accounts import REQUESTER
from scripts.chain import Sender, contract_address
from scripts.errors import ScriptError
from scripts.terminal.command import SETTINGS, ScriptGroup
from scripts.terminal.options import Chain, chain_options, json_option, signing_options
from scripts.terminal.printing import fields, json_object
from scripts.terminal.values import ADDRESS, AMOUNT
from scripts.views.receipts import Mined
from scripts.views.wallets import Holding, holdings

wallet_option = click.option(
    "-w", "--wallet", type=ADDRESS, metavar="ADDRESS", required=True, help="The Infernet wallet."
)
amount_option = click.option(
    "-a",
    "--amount",
    type=AMOUNT,
    metavar="AMOUNT",
    required=True,
    help="Wei or the token's smallest unit; or with a unit of ether, such as '1.5 gwei'.",
)
token_option = click.option(
    "-t",
    "--token",
    type=ADDRESS,
    metavar="ADDRESS",
    default=ZERO_ADDRESS,
    help="ERC20 token.",
    show_default="ether",
)


def wallet_contract(chain: Chain, address: str) -> Contract:
    """Returns the wallet at an address.

    Raises:
        ScriptError: if it is none that the factory made: the coordinator would not pay from it.
    """
    factory = chain.contracts.contract("WalletFactory")
    if not factory.functions.isValidWallet(address).call():
        raise ScriptError(
            f"--wallet: {address} is no wallet of the factory {factory.address}: "
            "create one with scripts/wallet.py create"
        )
    return chain.web3.eth.contract(address=to_checksum_address(address), abi=abi("Wallet"))


def done(text: str, facts: dict[str, Any], as_json: bool) -> None:
    """Prints the outcome as ``infernet-client`` does: a text, or one JSON object."""
    if as_json:
        json_object(facts)
    else:
        click.echo(text)


def send_token(by: Sender, token: str, to: str, amount: Amount) -> TxReceipt:
    """Sends ERC20 tokens.

    Raises:
        ScriptError: if the token refuses, or moves less: some tokens only return false.
    """
    address = contract_address(by.web3, token, "--token")
    functions = by.web3.eth.contract(address, abi=ERC20_ABI).functions
    before = functions.balanceOf(to).call()
    receipt = by.send(functions.transfer(to, amount.units), f"sending {amount}")
    received = functions.balanceOf(to).call() - before
    if received < amount.units:
        raise ScriptError(f"of {amount} the token {token} moved only {received}")
    return receipt


@click.group(cls=ScriptGroup, context_settings=SETTINGS)
def cli() -> None:
    """Wallets that consumers pay from and nodes are paid into.

    A consumer pays for answers when its subscription names an amount and a wallet, and the
    wallet's owner allows the consumer to spend.

    \b
    A wallet with one ether, of which a consumer may spend a tenth:
        python scripts/wallet.py create
        python scripts/wallet.py fund -w 0x... -a '1 ether'
        python scripts/wallet.py approve -w 0x... -s 0x... -a '0.1 ether'
        python scripts/wallet.py show -w 0x...
    """


@cli.command(context_settings=SETTINGS)
@signing_options
@click.option(
    "--owner",
    type=ADDRESS,
    metavar="ADDRESS",
    help="Who may withdraw and approve.",
    show_default="the signing account",
)
@json_option
def create(chain: Chain, owner: str | None, as_json: bool) -> None:
    """Makes a new wallet."""
    by = chain.sender(REQUESTER)
    owner = owner or by.address
    factory = chain.contracts.contract("WalletFactory")
    receipt = by.send(factory.functions.createWallet(owner), "creating the wallet")
    # Not from a simulation: others create wallets too, and addresses count up.
    (address,) = (
        factory.events.WalletCreated().process_log(log)["args"]["wallet"]
        for log in receipt["logs"]
        if log["address"] == factory.address
    )
    text = f"Success: wallet created.\n\tAddress: {address}\n\tOwner: {owner}"
    done(text, {"address": address, "owner": owner}, as_json)


@cli.command(context_settings=SETTINGS)
@signing_options
@wallet_option
@amount_option
@token_option
@json_option
def fund(chain: Chain, wallet: str, amount: Amount, token: str, as_json: bool) -> None:
    """Sends ether or tokens of the signing account to a wallet."""
    by = chain.sender(REQUESTER)
    target = wallet_contract(chain, wallet)
    if token == ZERO_ADDRESS:
        receipt = by.send(target.receive, f"sending {amount}", value=amount.units)
    else:
        receipt = send_token(by, token, target.address, amount)
    tx = Mined.of(receipt).transaction
    done(
        f"Success: sent\n\tamount: {amount}\n\ttoken: {token}\n\tto wallet: {wallet}\n\ttx: {tx}",
        {"wallet": wallet, "amount": amount.units, "token": token, "tx": tx},
        as_json,
    )


@cli.command(context_settings=SETTINGS)
@signing_options
@wallet_option
@click.option(
    "-s",
    "--spender",
    type=ADDRESS,
    metavar="ADDRESS",
    required=True,
    help="A consumer that pays, or a node's account that puts up collateral.",
)
@amount_option
@token_option
@json_option
def approve(
    chain: Chain, wallet: str, spender: str, amount: Amount, token: str, as_json: bool
) -> None:
    """Sets what a spender may take from a wallet.

    It replaces an earlier amount, and does not add to it. Only the wallet's owner can.
    """
    by = chain.sender(REQUESTER)
    functions = wallet_contract(chain, wallet).functions
    receipt = by.send(functions.approve(spender, token, amount.units), f"approving {amount}")
    tx = Mined.of(receipt).transaction
    done(
        f"Success: approved spender: {spender} for"
        f"\n\tamount: {amount}\n\ttoken: {token}\n\ttx: {tx}",
        {"wallet": wallet, "spender": spender, "amount": amount.units, "token": token, "tx": tx},
        as_json,
    )


@cli.command(context_settings=SETTINGS)
@signing_options
@wallet_option
@amount_option
@token_option
@json_option
def withdraw(chain: Chain, wallet: str, amount: Amount, token: str, as_json: bool) -> None:
    """Sends ether or tokens from a wallet to its owner. The owner has to sign."""
    by = chain.sender(REQUESTER)
    functions = wallet_contract(chain, wallet).functions
    receipt = by.send(functions.withdraw(token, amount.units), f"withdrawing {amount}")
    tx = Mined.of(receipt).transaction
    done(
        f"Success: withdrawal of amount: {amount}\n\ttoken: {token}\n\ttx: {tx}",
        {"wallet": wallet, "amount": amount.units, "token": token, "tx": tx},
        as_json,
    )


@cli.command(context_settings=SETTINGS)
@chain_options
@wallet_option
@click.option(
    "-t",
    "--token",
    "tokens",
    type=ADDRESS,
    metavar="ADDRESS",
    multiple=True,
    help="ERC20 token to show as well: one that was sent but never approved. Repeatable.",
)
@json_option
def show(chain: Chain, wallet: str, tokens: tuple[str, ...], as_json: bool) -> None:
    """Shows balances, locked amounts and allowances of a wallet. Its owner too."""
    contract = wallet_contract(chain, wallet)
    owner = contract.functions.owner().call()
    held = holdings(contract, chain.contracts.first_block, tokens)
    if as_json:
        listed = [{**asdict(holding), "unlocked": holding.unlocked} for holding in held]
        json_object({"wallet": wallet, "owner": owner, "tokens": listed}, indent=2)
        return
    fields([("wallet", wallet), ("owner", owner)])
    for holding in held:
        fields(_rows(holding))


def _rows(holding: Holding) -> Iterator[tuple[str, str]]:
    unit = ether if holding.token == ZERO_ADDRESS else str
    yield "token", "ether" if holding.token == ZERO_ADDRESS else holding.token
    locked = f", {unit(holding.locked)} of it locked" if holding.locked else ""
    yield "  balance", unit(holding.balance) + locked
    for spender, amount in holding.allowances.items():
        yield "  allowance", f"{unit(amount)} to {spender}"


def ether(wei: int) -> str:
    return f"{Decimal(from_wei(wei, 'ether')):f} ether"


if __name__ == "__main__":
    cli()
