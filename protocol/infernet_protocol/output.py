"""How a container's answer becomes the three byte strings a consumer receives.

A container answers an on-chain destination with :class:`OnchainOutput`. The node delivers
``input = abi.encode(bytes raw_input, bytes processed_input)``,
``output = abi.encode(bytes raw_output, bytes processed_output)`` and the proof as it is, so
a consumer decodes twice: first the pair, then its raw half.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError


class OnchainOutput(TypedDict):
    """Answer of a container to an on-chain destination: hex text without ``0x``."""

    raw_input: str | None
    processed_input: str | None
    raw_output: str | None
    processed_output: str | None
    proof: str | None


FIELDS = tuple(OnchainOutput.__annotations__)


class Delivery(NamedTuple):
    """Arguments of ``deliverCompute`` that come from a container."""

    input: bytes
    output: bytes
    proof: bytes


@dataclass(eq=False)
class MalformedOutputError(ValueError):
    """A container's on-chain answer holds something that is not hex text."""

    field: str
    value: Any

    def __str__(self) -> str:
        return (
            f"container output: {self.field} must be hex text of whole bytes or null, "
            f"not {str(self.value)[:40]!r}"
        )


def _field(answer: Mapping[str, Any], name: str) -> bytes:
    value = answer[name]
    if value is None:
        return b""
    if not isinstance(value, str):
        raise MalformedOutputError(name, value)
    try:
        return bytes.fromhex(value.strip().removeprefix("0x"))
    except ValueError:
        raise MalformedOutputError(name, value) from None


def delivery_from_answer(answer: Any) -> Delivery:
    """Turns the last container's JSON answer into the arguments of a delivery.

    An answer that lacks any of the five fields of :class:`OnchainOutput` is delivered whole,
    as ``abi.encode(string)`` of its Python text: what nodes before this one did.

    Raises:
        MalformedOutputError: if a field is present but is not hex text.
    """
    if not isinstance(answer, Mapping) or not all(name in answer for name in FIELDS):
        return Delivery(b"", encode_text(str(answer)), b"")
    raw_input, processed_input, raw_output, processed_output, proof = (
        _field(answer, name) for name in FIELDS
    )
    return Delivery(
        encode(["bytes", "bytes"], [raw_input, processed_input]),
        encode(["bytes", "bytes"], [raw_output, processed_output]),
        proof,
    )


def encode_text(text: str) -> bytes:
    """``abi.encode(string)``: the form of a question on chain, and of a raw answer."""
    return encode(["string"], [text])


def decode_text(data: bytes) -> str:
    """Reverses :func:`encode_text`.

    Raises:
        ValueError: if the bytes are not ``abi.encode(string)`` of UTF-8 text.
    """
    try:
        (text,) = decode(["string"], data)
    except (DecodingError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"not abi.encode(string): {error}") from None
    return str(text)


def output_from_text(text: str) -> bytes:
    """Returns the ``output`` that a consumer receives for a text answer."""
    return encode(["bytes", "bytes"], [encode_text(text), b""])


def text_from_delivery(output: bytes) -> str:
    """Reverses :func:`output_from_text`.

    Raises:
        ValueError: if the bytes are not ``abi.encode(bytes, bytes)`` around a text.
    """
    try:
        raw, _ = decode(["bytes", "bytes"], output)
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"not abi.encode(bytes, bytes): {error}") from None
    return decode_text(raw)
