"""A chain as scripts use it: connect, send, wait, and say plainly what went wrong."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.address import is_address, to_checksum_address
from requests.exceptions import RequestException
from web3 import Web3
from web3.exceptions import ContractCustomError, ContractLogicError, TimeExhausted, Web3Exception
from web3.types import TxParams, TxReceipt

from infernet_protocol.contract_errors import error_name
from scripts.accounts import choose_account
from scripts.errors import ScriptError

RPC_TIMEOUT = 10
"""Seconds for one JSON-RPC request."""
MINING_TIMEOUT = 120
"""Seconds for a transaction to be mined."""

Command = TypeVar("Command", bound=Callable[..., Any])


def chain_options(command: Command) -> Command:
    """The options that every script on a chain shares."""
    for option in (
        click.option(
            "--rpc-url",
            envvar="RPC_URL",
            default="http://127.0.0.1:8545",
            show_default=True,
            show_envvar=True,
            help="JSON-RPC endpoint of the chain.",
        ),
        click.option(
            "--chain-id", type=int, help="Refuse to act when the endpoint is on another chain."
        ),
        click.option(
            "--keystore",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="V3 keystore file to sign with. Without it PRIVATE_KEY is used, "
            "and on Anvil one of its own accounts.",
        ),
        click.option(
            "--password-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File holding the keystore's password; asked for when missing.",
        ),
    ):
        command = option(command)
    return command


def connect(rpc_url: str, chain_id: int | None = None) -> Web3:
    """Connects to a chain and makes sure that it is there.

    Raises:
        ScriptError: if nothing answers, or it is not the chain that was asked for.
    """
    web3 = Web3(
        Web3.HTTPProvider(
            rpc_url,
            request_kwargs={"timeout": RPC_TIMEOUT},
            # A repeated send is not a repeated read: retries are ours to decide.
            exception_retry_configuration=None,
        )
    )
    try:
        actual = web3.eth.chain_id
    except (RequestException, Web3Exception, ValueError) as error:
        raise ScriptError(
            f"no Ethereum RPC answers at {rpc_url} ({type(error).__name__}): "
            "start one with `make up`, or name another with --rpc-url"
        ) from None
    if chain_id is not None and actual != chain_id:
        raise ScriptError(
            f"{rpc_url} is on chain {actual}, not {chain_id}: check --rpc-url and --chain-id"
        )
    return web3


def contract_address(web3: Web3, address: str, what: str) -> ChecksumAddress:
    """Checks that a contract is at the address.

    Raises:
        ScriptError: if it is not an address, or nothing is deployed there.
    """
    if not is_address(address):
        raise ScriptError(f"{what}: {address!r} is not an address (0x and 40 hex digits)")
    checked = to_checksum_address(address)
    if not web3.eth.get_code(checked):
        raise ScriptError(
            f"{what}: there is no contract at {checked} on chain {web3.eth.chain_id}; "
            "deploy it with scripts/deploy.py, or check the address"
        )
    return checked


def reason(error: Exception) -> str:
    """Returns why a call was refused, by the name of the contract's error where it is known."""
    if isinstance(error, ContractCustomError) and error.data:
        data = bytes.fromhex(str(error.data).removeprefix("0x"))
        return error_name(data) or f"custom error 0x{data.hex()}"
    if error.args and isinstance(error.args[0], dict):
        return str(error.args[0].get("message", error))
    return str(error.args[0]) if error.args else type(error).__name__


@dataclass(frozen=True, slots=True)
class Sender:
    """Signs with one account and sends one transaction at a time."""

    web3: Web3
    account: LocalAccount

    @property
    def address(self) -> ChecksumAddress:
        return self.account.address

    def send(self, call: Any, what: str) -> TxReceipt:
        """Sends a contract call or constructor and waits until it is mined.

        Args:
            call: what web3 returns for ``contract.functions.f(...)`` or ``.constructor(...)``.
            what: the deed, for error messages: ``"deploying Registry"``.

        Raises:
            ScriptError: if it would revert, reverts, or is not mined in time.
        """
        eth = self.web3.eth
        try:
            nonce = eth.get_transaction_count(self.address, "pending")
            transaction: TxParams = call.build_transaction({"from": self.address, "nonce": nonce})
            signed = self.account.sign_transaction(transaction)  # type: ignore[arg-type]
            tx_hash = eth.send_raw_transaction(signed.raw_transaction)
            receipt = eth.wait_for_transaction_receipt(tx_hash, MINING_TIMEOUT, 0.1)
        except (ContractCustomError, ContractLogicError) as error:
            raise ScriptError(f"{what} would revert: {reason(error)}") from None
        except TimeExhausted:
            raise ScriptError(
                f"{what}: transaction 0x{tx_hash.hex()} was not mined within {MINING_TIMEOUT} s"
            ) from None
        except (Web3Exception, RequestException, ValueError) as error:
            raise ScriptError(f"{what}: {self._explain(error)}") from None
        if receipt["status"] != 1:
            raise ScriptError(f"{what}: transaction 0x{tx_hash.hex()} was reverted")
        return receipt

    def _explain(self, error: Exception) -> str:
        text = reason(error)
        if "insufficient funds" in text.lower():
            balance = self.web3.from_wei(self.web3.eth.get_balance(self.address), "ether")
            return f"out of funds: {self.address} holds {balance} ether; send it some first"
        return text


def sender(
    rpc_url: str,
    chain_id: int | None,
    keystore: Path | None,
    password_file: Path | None,
    anvil_index: int,
) -> Sender:
    """Connects and chooses the account, from the values of :func:`chain_options`."""
    web3 = connect(rpc_url, chain_id)
    account = choose_account(
        web3.eth.chain_id,
        keystore=keystore,
        password_file=password_file,
        anvil_index=anvil_index,
    )
    return Sender(web3, account)


def wait_for(
    probe: Callable[[], Any], *, seconds: float, every: float = 0.25, on_wait: Callable[[], None]
) -> Any:
    """Calls ``probe`` until it returns something true; returns that, or ``None`` when time is up.

    Args:
        seconds: how long to wait at most.
        every: seconds between two calls.
        on_wait: called before each pause, e.g. to turn a spinner.
    """
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() >= deadline:
            return None
        on_wait()
        time.sleep(every)
    return found
