"""JSON of strangers: integers of any practical length exact, depth and numbers bounded.

pydantic's parser keeps 256-bit integers, refuses more than 200 levels of nesting, lone
surrogates and ``NaN``, and is several times as fast as the standard library's.
"""

from typing import Any

from pydantic_core import from_json, to_json


class JsonTextError(ValueError):
    """The text is not JSON that can be passed on; says why and where."""


def parse(text: bytes) -> Any:
    """Returns the value of a UTF-8 JSON text; :func:`serialise` takes every such value.

    Raises:
        JsonTextError: with line and column (from 1) of the fault.
    """
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise JsonTextError(f"not JSON: {error}") from None
    _refuse_infinity(value)
    return value


def serialise(value: Any) -> bytes:
    """Returns the UTF-8 JSON text of a value, without superfluous blanks."""
    return to_json(value)


def _refuse_infinity(value: Any) -> None:
    """Refuses what ``1e400`` is read as: there is no way to hand it on as a number."""
    text = to_json(value)
    if b"Infinity" not in text:
        return
    # The word may as well stand within a string; only a parser can tell.
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError:
        raise JsonTextError("a number is too large for JSON; send it as text") from None
