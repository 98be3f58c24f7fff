"""Values that go into hashes and transactions, checked before anything is signed."""

import re
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import is_checksum_address, to_checksum_address

from infernet_client.error import ParameterError

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_KEY = re.compile(r"(0[xX])?[0-9a-fA-F]{64}")


def any_case_address(field: str, value: Any) -> str:
    """Returns an address in EIP-55 form, whatever the case of its digits.

    Raises:
        ParameterError: if it is not ``0x`` and 40 hex digits.
    """
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ParameterError(field, f"{value!r} is not an address: 0x and 40 hex digits")
    return str(to_checksum_address(value))


def has_wrong_checksum(address: str) -> bool:
    """Tells whether an address mixes upper and lower case in a way that is not its checksum."""
    digits = address[2:]
    return digits not in (digits.lower(), digits.upper()) and not is_checksum_address(address)


def checked_address(field: str, value: Any) -> str:
    """Returns an address in EIP-55 form.

    Raises:
        ParameterError: if it is no address, or its mixed case is not its checksum: one
            digit may be wrong, and what is sent there is lost.
    """
    address = any_case_address(field, value)
    if has_wrong_checksum(value):
        raise ParameterError(
            field,
            f"{value} does not match its checksum; a digit is wrong, or write it in lower case",
        )
    return address


def checked_uint(field: str, value: Any, bits: int) -> int:
    """Returns an unsigned integer of at most that many bits.

    Raises:
        ParameterError: if it is no integer, negative or too large.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParameterError(field, f"{value!r} is not an integer")
    if not 0 <= value < 2**bits:
        raise ParameterError(field, f"{value} is outside 0 to 2**{bits} - 1")
    return value


def is_private_key(text: str) -> bool:
    """Tells whether a text has the form of a private key: 64 hex digits, ``0x`` optional."""
    return _KEY.fullmatch(text.strip()) is not None


def account_from_key(private_key: Any) -> LocalAccount:
    """Returns the account of a private key.

    Raises:
        ParameterError: if it is not one. The message never shows it.
    """
    problem = ParameterError("private_key", "not 64 hex digits (0x optional) of a valid key")
    if not isinstance(private_key, str) or not is_private_key(private_key):
        raise problem
    try:
        account: LocalAccount = Account.from_key(private_key.strip())
    except ValueError:  # zero, or not below the order of the curve
        raise problem from None
    return account
