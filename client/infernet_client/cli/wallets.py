"""Commands for wallets: create, approve, fund, withdraw."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from infernet_client.cli.amounts import Amount
from infernet_client.cli.group import Command
from infernet_client.cli.options import (
    address_option,
    amount_option,
    json_option,
    token_option,
    wallet_option,
    wallet_options,
)
from infernet_client.cli.output import Output, progress
from infernet_protocol.subscription import ZERO_ADDRESS

if TYPE_CHECKING:
    from web3.types import TxReceipt

    from infernet_client.chain.rpc import RPC


@click.command("create-wallet", cls=Command)
@wallet_options
@address_option(
    "--factory",
    envvar="FACTORY_ADDRESS",
    required=True,
    show_envvar=True,
    help="The WalletFactory contract.",
)
@address_option("--owner", help="Owner of the wallet.  [default: the key's address]")
@json_option
def create_wallet(
    rpc_url: str, private_key: str, factory: str, owner: str | None, out: Output
) -> None:
    """Create an Infernet wallet."""
    from infernet_client.chain.wallet_factory import WalletFactory

    async def created(rpc: "RPC") -> tuple[str, str]:
        wallet_owner = owner or rpc.account.address
        wallet = await WalletFactory(factory, rpc).create_wallet(wallet_owner)
        return wallet.address, wallet_owner

    address, wallet_owner = _on_chain(rpc_url, private_key, created)
    out.show_text(
        f"Success: wallet created.\n\tAddress: {address}\n\tOwner: {wallet_owner}",
        {"address": address, "owner": wallet_owner},
    )


@click.command(cls=Command)
@wallet_options
@wallet_option
@address_option("-s", "--spender", required=True, help="Who may spend: a consumer, or a node.")
@amount_option
@token_option
@json_option
def approve(
    rpc_url: str,
    private_key: str,
    wallet: str,
    spender: str,
    amount: Amount,
    token: str,
    out: Output,
) -> None:
    """Set what a spender may take from a wallet.

    It replaces an earlier amount, and does not add to it.
    """
    from infernet_client.chain.wallet import InfernetWallet

    async def approved(rpc: "RPC") -> "TxReceipt":
        return await InfernetWallet(wallet, rpc).approve(spender, token, amount.units)

    tx = _hash(_on_chain(rpc_url, private_key, approved))
    out.show_text(
        f"Success: approved spender: {spender} for"
        f"\n\tamount: {amount}\n\ttoken: {token}\n\ttx: {tx}",
        {"wallet": wallet, "spender": spender, "amount": amount.units, "token": token, "tx": tx},
    )


@click.command(cls=Command)
@wallet_options
@wallet_option
@amount_option
@token_option
@json_option
def fund(
    rpc_url: str, private_key: str, wallet: str, amount: Amount, token: str, out: Output
) -> None:
    """Send ether or tokens to a wallet."""
    from infernet_client.chain.token import Token
    from infernet_client.chain.transactions import mined

    async def sent(rpc: "RPC") -> "TxReceipt":
        if token.lower() != ZERO_ADDRESS:
            return await Token(token, rpc).transfer(wallet, amount.units)
        transaction: Any = {"to": rpc.get_checksum_address(wallet), "value": amount.units}
        return await mined(rpc, "sending ether", rpc.send_transaction(transaction))

    tx = _hash(_on_chain(rpc_url, private_key, sent))
    out.show_text(
        f"Success: sent\n\tamount: {amount}\n\ttoken: {token}\n\tto wallet: {wallet}\n\ttx: {tx}",
        {"wallet": wallet, "amount": amount.units, "token": token, "tx": tx},
    )


@click.command(cls=Command)
@wallet_options
@wallet_option
@amount_option
@token_option
@json_option
def withdraw(
    rpc_url: str, private_key: str, wallet: str, amount: Amount, token: str, out: Output
) -> None:
    """Send ether or tokens from a wallet to its owner."""
    from infernet_client.chain.wallet import InfernetWallet

    async def withdrawn(rpc: "RPC") -> "TxReceipt":
        return await InfernetWallet(wallet, rpc).withdraw(token, amount.units)

    tx = _hash(_on_chain(rpc_url, private_key, withdrawn))
    out.show_text(
        f"Success: withdrawal of amount: {amount}\n\ttoken: {token}\n\ttx: {tx}",
        {"wallet": wallet, "amount": amount.units, "token": token, "tx": tx},
    )


def _on_chain(rpc_url: str, private_key: str, act: Callable[["RPC"], Awaitable[Any]]) -> Any:
    from infernet_client.chain.rpc import RPC

    async def acting() -> Any:
        async with RPC(rpc_url) as rpc:
            await rpc.initialize_with_private_key(private_key)
            return await act(rpc)

    with progress("Waiting for the transaction to be mined"):
        return asyncio.run(acting())


def _hash(receipt: "TxReceipt") -> str:
    return receipt["transactionHash"].to_0x_hex()
