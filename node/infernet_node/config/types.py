"""Values of the configuration that are more than a number or a text."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from eth_utils.address import is_hex_address, to_checksum_address
from pydantic import AfterValidator, BeforeValidator, PlainSerializer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

IPNetwork = IPv4Network | IPv6Network

_PRIVATE_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_RPC_SCHEMES = ("http", "https", "ws", "wss")
WS_SCHEMES = ("ws://", "wss://")
"""How the URL of a WebSocket begins."""
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def checksum_address(value: str) -> str:
    """Returns an address in EIP-55 form, whatever case it came in.

    Raises:
        ValueError: if it is not 20 bytes of hex.
    """
    if not is_hex_address(value):
        raise ValueError('must be an address, "0x" and 40 hex digits')
    return to_checksum_address(value)


def hex_private_key(value: str) -> str:
    """Returns a secp256k1 private key as ``0x`` and 64 digits.

    Raises:
        ValueError: if it is no such key. The message does not repeat the value.
    """
    if not _PRIVATE_KEY.fullmatch(value) or not 0 < int(value, 16) < _CURVE_ORDER:
        raise ValueError("private_key must be 64 hex digits, with or without 0x")
    return "0x" + value.removeprefix("0x")


def rpc_url(value: str) -> str:
    """Returns the URL of a JSON-RPC endpoint unchanged.

    Raises:
        ValueError: if it is no http, https, ws or wss URL. The message does not repeat it, as
            such URLs often hold an API key.
    """
    try:
        parts = urlsplit(value)
        usable = parts.scheme in _RPC_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL such as http://localhost:8545 (http, https, ws or wss)")
    return value


def _base_url(value: str) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a base URL such as http://10.0.0.5:3000")
    return value.rstrip("/")


def _store_url(value: str) -> str:
    if not value:
        return value
    try:
        make_url(value)
        urlsplit(value)  # by which its scheme and its password are found
    except (ArgumentError, ValueError):
        raise ValueError(
            "must be a URL such as postgresql+asyncpg://user:password@host/database, with [ and ] "
            "in a password written as %5B and %5D"
        ) from None
    return value


def _network(value: Any) -> IPNetwork:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    if not isinstance(value, str):
        raise ValueError('must be an IP address or a network, e.g. "10.0.0.0/8"')  # noqa: TRY004
    try:
        # Host bits are allowed: 10.0.0.7/8 means 10.0.0.0/8.
        return ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError('must be an IP address or a network, e.g. "10.0.0.0/8"') from None


def _lower_address(value: str) -> str:
    return checksum_address(value).lower()


Address = Annotated[str, AfterValidator(checksum_address)]
"""EIP-55 form."""

LowerAddress = Annotated[str, AfterValidator(_lower_address)]
"""Lower case, the form in which owners are compared."""

BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""Without a slash at its end; may be empty."""

StoreUrl = Annotated[str, AfterValidator(_store_url)]
"""In SQLAlchemy's form; may be empty."""

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_KEY_NAME = re.compile(r"[A-Za-z0-9._-]{1,48}")


def _sha256(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError("must be the SHA-256 of the key, 64 hex digits; see new-api-key")
    return value.lower()


def _key_name(value: str) -> str:
    if not _KEY_NAME.fullmatch(value):
        raise ValueError("must be 1 to 48 letters, digits or any of . _ -")
    return value


Sha256 = Annotated[str, AfterValidator(_sha256)]
"""64 hex digits in lower case."""

KeyName = Annotated[str, AfterValidator(_key_name)]
"""Names the owner of jobs, so it is short and plain."""

Network = Annotated[IPNetwork, BeforeValidator(_network), PlainSerializer(str)]
