"""Quantities and data in the results of JSON-RPC requests.

An endpoint in trouble may send null, or anything else, where a value belongs. That says nothing
about the chain, and must not be taken for a revert or end the work that asked.
"""

from typing import Any

from infernet_node.chain.rpc_errors import TransportError, or_raise


def quantity(result: Any) -> int:
    """Reads a number.

    Raises:
        RpcError: the request failed, or the endpoint sent something else.
    """
    try:
        return int(or_raise(result), 16)
    except (TypeError, ValueError):
        raise TransportError("the endpoint sent no number where one belongs") from None


def octets(result: Any) -> bytes:
    """Reads data of any length.

    Raises:
        RpcError: the request failed, or the endpoint sent something else.
    """
    text = or_raise(result)
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except (AttributeError, ValueError):
        raise TransportError("the endpoint sent no data where some belong") from None
