"""A chain as scripts use it: connect, send, wait, and say plainly what went wrong."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_account.datastructures import SignedTransaction
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.abi import function_abi_to_4byte_selector
from eth_utils.address import is_address, to_checksum_address
from requests.exceptions import RequestException
from web3 import Web3
from web3.exceptions import ContractCustomError, ContractLogicError, TimeExhausted, Web3Exception
from web3.providers.rpc.utils import ExceptionRetryConfiguration
from web3.types import TxParams, TxReceipt

from infernet_protocol.contract_errors import error_name
from scripts.errors import ScriptError
from scripts.proxies import ask_loopback_directly

RPC_TIMEOUT = 10
"""Seconds for one JSON-RPC request."""
READS = ExceptionRetryConfiguration(
    errors=[RequestException],
    retries=3,
    backoff_factor=0.25,
    method_allowlist=[
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_getBalance",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getTransactionReceipt",
    ],
)
"""What is asked again when an endpoint stumbles; web3's own list has sending on it."""
MINING_TIMEOUT = 120
"""Seconds for a transaction to be mined."""

DEVELOPMENT_POLL, POLL = 0.2, 2.0
"""Seconds between two looks at a chain: a local one, and one that others pay for."""


def connect(rpc_url: str, chain_id: int | None = None) -> Web3:
    """Connects to a chain and makes sure that it is there.

    Raises:
        ScriptError: if nothing answers, or it is not the chain that was asked for.
    """
    ask_loopback_directly()
    provider = Web3.HTTPProvider(
        rpc_url, request_kwargs={"timeout": RPC_TIMEOUT}, exception_retry_configuration=None
    )
    web3 = Web3(provider)
    try:
        actual = web3.eth.chain_id
    except (RequestException, Web3Exception, ValueError) as error:
        raise ScriptError(
            f"no Ethereum RPC answers at {shown_url(rpc_url)} ({type(error).__name__}): "
            "start one with `make up`, or name another with --rpc-url"
        ) from None
    if chain_id is not None and actual != chain_id:
        raise ScriptError(
            f"{shown_url(rpc_url)} is on chain {actual}, not {chain_id}: "
            "check --rpc-url and --chain-id"
        )
    # Only now: where nothing is, asking again is time lost.
    provider.exception_retry_configuration = READS
    return web3


def shown_url(url: str) -> str:
    """Returns scheme, host and port of a URL: all else of an endpoint's may be a secret."""
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    return scheme + mark + re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]


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


def reason(error: Exception, abi: Iterable[Mapping[str, Any]] = ()) -> str:
    """Returns why a call was refused, by the name of the contract's error where it is known.

    Args:
        abi: of the called contract, for errors of its own.
    """
    if isinstance(error, RequestException):
        # Its text holds the endpoint's URL, and that often a key.
        return f"no answer from the endpoint ({type(error).__name__})"
    if isinstance(error, ContractCustomError) and error.data:
        data = bytes.fromhex(str(error.data).removeprefix("0x"))
        own = (entry["name"] for entry in abi if _is_error(entry, data[:4]))
        return error_name(data) or next(own, f"custom error 0x{data.hex()}")
    if error.args and isinstance(error.args[0], dict):
        return str(error.args[0].get("message", error))
    return str(error.args[0]) if error.args else type(error).__name__


def _reverting(call: Any, error: Exception, abi: Iterable[Mapping[str, Any]]) -> str:
    text = reason(error, abi)
    # Whoever lacks the function gives no reason; a creation has no address yet.
    if text != "execution reverted" or not hasattr(call, "address"):
        return text
    return f"{text} without a reason; is {call.address} the contract that you mean?"


def _is_error(entry: Any, selector: bytes) -> bool:
    return entry["type"] == "error" and function_abi_to_4byte_selector(entry) == selector


@dataclass(frozen=True, slots=True)
class Sender:
    """Signs with one account and sends one transaction at a time."""

    web3: Web3
    account: LocalAccount

    @property
    def address(self) -> ChecksumAddress:
        return self.account.address

    def send(self, call: Any, what: str, *, value: int = 0) -> TxReceipt:
        """Sends a contract call or constructor and waits until it is mined.

        Args:
            call: what web3 returns for ``contract.functions.f(...)`` or ``.constructor(...)``.
            what: the deed, for error messages: ``"deploying Registry"``.
            value: wei to send along.

        Raises:
            ScriptError: if it would revert, reverts, or is not mined in time.
        """
        try:
            return self._mined(self._signed(call, value), what)
        except (ContractCustomError, ContractLogicError) as error:
            # Creations have an abi, calls a contract_abi.
            abi = call.contract_abi if hasattr(call, "contract_abi") else call.abi
            raise ScriptError(f"{what} would revert: {_reverting(call, error, abi)}") from None
        except (Web3Exception, RequestException, ValueError) as error:
            raise ScriptError(f"{what}: {self._explain(error)}") from None

    def _signed(self, call: Any, value: int) -> SignedTransaction:
        nonce = self.web3.eth.get_transaction_count(self.address, "pending")
        transaction: TxParams = call.build_transaction(
            {"from": self.address, "nonce": nonce, "value": value}
        )
        return self.account.sign_transaction(transaction)  # type: ignore[arg-type]

    def _mined(self, signed: SignedTransaction, what: str) -> TxReceipt:
        eth, name = self.web3.eth, f"transaction {Web3.to_hex(signed.hash)}"
        try:
            eth.send_raw_transaction(signed.raw_transaction)
            receipt = eth.wait_for_transaction_receipt(signed.hash, MINING_TIMEOUT, 0.1)
        except TimeExhausted:
            raise ScriptError(f"{what}: {name} was not mined within {MINING_TIMEOUT} s") from None
        except RequestException as error:
            raise ScriptError(
                f"{what}: {reason(error)}; {name} may have been sent all the same, "
                "so look for its receipt before sending another"
            ) from None
        if receipt["status"] != 1:
            raise ScriptError(f"{what}: {name} was reverted")
        return receipt

    def _explain(self, error: Exception) -> str:
        text = reason(error)
        if "insufficient funds" in text.lower():
            balance = self.web3.from_wei(self.web3.eth.get_balance(self.address), "ether")
            return f"out of funds: {self.address} holds {balance} ether; send it some first"
        return text


def wait_for(probe: Callable[[], Any], *, seconds: float, every: float) -> Any:
    """Calls ``probe`` until it returns something true; returns that, or ``None`` when time is up.

    Args:
        seconds: how long to wait at most.
        every: seconds between two calls.
    """
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() >= deadline:
            return None
        time.sleep(every)
    return found
