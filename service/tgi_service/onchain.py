"""Questions and answers as bytes of a contract."""

import re
from collections.abc import Mapping
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from infernet_protocol.output import OnchainOutput, encode_text
from tgi_service import strict_json
from tgi_service.errors import InvalidRequestError, OutputTooLongError

_FORMS: Mapping[int, tuple[str, ...]] = {0x20: ("string",), 0x40: ("string", "string")}
"""By the first word, which is where the first string begins."""
_WORD = 32
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


def read_hex(data: Any) -> str:
    """Returns hex text without white space around it and without ``0x``.

    Raises:
        InvalidRequestError: if it is none.
    """
    if not isinstance(data, str):
        raise InvalidRequestError("data must be hex text when source is 0 (on-chain)")
    text = data.strip().removeprefix("0x")
    if not _HEX.fullmatch(text):
        raise InvalidRequestError("data must be hex text of whole bytes, at least one")
    return text


def decode_input(data: bytes) -> tuple[str, dict[str, Any]]:
    """Decodes ``abi.encode(string)`` or ``abi.encode(string, string)``.

    Returns:
        The first string, and the object that the second one holds as JSON.

    Raises:
        InvalidRequestError: if the bytes are neither.
    """
    form = _FORMS.get(int.from_bytes(data[:_WORD]))
    try:
        values = decode(form, data) if form else None
    except (DecodingError, OverflowError, UnicodeDecodeError):
        values = None
    # Encoding is unique: what does not come back the same was something else.
    if form is None or values is None or encode(form, values) != data:
        raise InvalidRequestError("data must be abi.encode(string) of UTF-8 text")
    text, *options = values
    return text, _read_options(options[0]) if options else {}


def encode_output(text: str, raw_input: str, limit: int | None) -> OnchainOutput:
    """Returns the answer for an on-chain destination.

    Args:
        raw_input: hex text of the question, or nothing.
        limit: greatest number of bytes of the encoded answer.

    Raises:
        OutputTooLongError: if it would be longer.
    """
    raw_output = encode_text(text)
    if limit is not None and len(raw_output) > limit:
        raise OutputTooLongError(
            f"the answer has {len(raw_output)} bytes, TGI_INF_MAX_ONCHAIN_OUTPUT_BYTES is {limit}"
        )
    return OnchainOutput(
        raw_input=raw_input,
        processed_input="",
        raw_output=raw_output.hex(),
        processed_output="",
        proof="",
    )


def _read_options(text: str) -> dict[str, Any]:
    try:
        options = strict_json.loads(text)
    except ValueError as error:
        raise InvalidRequestError(f"data: the second string is not valid JSON: {error}") from None
    if not isinstance(options, dict):
        raise InvalidRequestError("data: the second string must be a JSON object")
    return options
