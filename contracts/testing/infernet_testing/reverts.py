"""What revert data says, by name."""

from ast import literal_eval
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_typing import ABIElement
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types

from infernet_protocol.contract_errors import error_name

BUILT_IN: Sequence[Mapping[str, Any]] = (
    {"type": "error", "name": "Error", "inputs": [{"type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"type": "uint256"}]},
)
"""Errors of the language: ``require`` with a text, and failed checks such as an overflow."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a delivery was reverted."""

    name: str
    """The error's name, e.g. ``"IntervalCompleted"``; ``"Error"`` for ``require`` with a text,
    ``"Panic"`` for a failed check; the selector in hex where it is unknown, and ``""`` where there
    is no revert data."""
    args: tuple[Any, ...] = ()
    data: bytes = b""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.args))})" if self.name else "no revert data"


class RevertedError(Exception):
    """A call or transaction was reverted with this data."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


def from_eth_tester(message: str) -> bytes:
    """Returns the revert data in a message of eth-tester's.

    It holds data as Python prints bytes, and of ``require(false, text)`` the text alone.
    """
    if message.startswith(("b'", 'b"')) and message[-1] == message[1]:
        return bytes(literal_eval(message))
    return _selector(BUILT_IN[0]) + encode(["string"], [message])


def _selector(error: Mapping[str, Any]) -> bytes:
    return function_abi_to_4byte_selector(cast(ABIElement, error))


def explain(data: bytes, abi: Iterable[Mapping[str, Any]]) -> Refusal:
    """Names the error that revert data begins with, and decodes its arguments.

    Args:
        abi: of the contracts whose errors may occur; the core's are known.
    """
    for entry in (*BUILT_IN, *abi):
        if entry["type"] == "error" and _selector(entry) == data[:4]:
            return Refusal(entry["name"], _arguments(entry, data), data)
    known = error_name(data)
    return Refusal(known or ("0x" + data[:4].hex() if data else ""), (), data)


def _arguments(error: Mapping[str, Any], data: bytes) -> tuple[Any, ...]:
    try:
        return decode(get_abi_input_types(cast(ABIElement, error)), data[4:])
    except DecodingError:
        return ()
