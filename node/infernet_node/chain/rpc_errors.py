"""What can go wrong between the node and an Ethereum JSON-RPC endpoint.

Three outcomes must never be mixed up: no answer (unknown, ask again), an answer that refuses
the request (the endpoint's opinion), and a definite end of execution in the EVM (the
chain's opinion, the same wherever it is asked).
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from infernet_protocol.contract_errors import error_name

T = TypeVar("T")

_ERROR_STRING = bytes.fromhex("08c379a0")  # Error(string): revert("...") and require(x, "...")
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256): failed assertion or checked arithmetic

_RATE_LIMIT_CODES = {-32005, -32029, 429}
_EVM_FAILURES = (
    "revert",
    "out of gas",
    "outofgas",
    "invalid opcode",
    "opcodenotfound",
    "evm error",
    "vm execution error",
    "gas required exceeds allowance",
    "stack underflow",
    "stack overflow",
)


class RpcError(Exception):
    """A request to the chain gave no result."""


class TransportError(RpcError):
    """No answer, or none that is JSON-RPC: whether the request took effect is unknown."""


class RefusedError(RpcError):
    """The endpoint answered with a JSON-RPC error object.

    Attributes:
        code: JSON-RPC error code.
        message: the endpoint's words.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"JSON-RPC error {code}: {message}")
        self.code = code
        self.message = message


class RevertError(RpcError):
    """The EVM ended the call without success, which every endpoint would confirm.

    Attributes:
        message: the endpoint's words.
        data: revert data, empty if the call gave none.
    """

    def __init__(self, message: str, data: bytes = b"") -> None:
        self.message = message
        self.data = data
        super().__init__(self.text)

    @property
    def name(self) -> str | None:
        """Name of the contracts' custom error, ``None`` for any other revert."""
        return error_name(self.data)

    @property
    def text(self) -> str:
        """Everything known about the reason, for logs and for matching by substring."""
        reason = self.name or _reason(self.data)
        # Most clients spell the reason out in their own words already.
        said = bool(reason) and reason in self.message
        return ": ".join(part for part in (self.message, "" if said else reason) if part)


def or_raise(result: T | RpcError) -> T:
    """Returns a result of a batch, or raises the error that stands in its place."""
    if isinstance(result, RpcError):
        raise result
    return result


def if_reverted(result: T | RpcError, instead: T) -> T:
    """Returns a result of a batch, or a value in place of a revert, which is an answer too.

    Raises:
        RpcError: the request failed in another way, which says nothing about the chain.
    """
    return instead if isinstance(result, RevertError) else or_raise(result)


def _reason(data: bytes) -> str:
    selector, arguments = data[:4], data[4:]
    try:
        if selector == _ERROR_STRING:
            return str(decode(["string"], arguments)[0])
        if selector == _PANIC:
            return f"panic 0x{decode(['uint256'], arguments)[0]:02x}"
    except (DecodingError, OverflowError, UnicodeDecodeError):
        pass  # a consumer may send anything that begins like an error
    return f"0x{data[:36].hex()}" if data else ""


def from_error_object(error: Any) -> RpcError:
    """Classifies the ``error`` member of a JSON-RPC response."""
    if not isinstance(error, Mapping):
        return TransportError(f"JSON-RPC error is no object: {str(error)[:80]!r}")
    code = error.get("code")
    code = code if isinstance(code, int) else 0
    message = str(error.get("message", ""))
    if code in _RATE_LIMIT_CODES:
        return TransportError(f"rate limited: {message}")
    data = _revert_data(error.get("data"))
    if data or any(words in message.lower() for words in _EVM_FAILURES):
        return RevertError(message, data)
    return RefusedError(code, message)


def _revert_data(data: Any) -> bytes:
    """Finds the bytes where the different Ethereum clients put them."""
    if isinstance(data, Mapping):  # Hardhat and Ganache nest it
        return _revert_data(data.get("data", data.get("result")))
    if not isinstance(data, str):
        return b""
    text = data.removeprefix("Reverted ")  # Nethermind and OpenEthereum
    if not text.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        return b""
