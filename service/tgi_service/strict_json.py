"""JSON as RFC 8259 has it: what is read here can be written again as UTF-8."""

import json
import math
import sys
from typing import Any


def loads(text: str) -> Any:
    """Parses JSON text.

    Raises:
        ValueError: also for ``NaN``, numbers beyond a float, half a surrogate pair, and
            nesting too deep to read.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def is_number(value: Any) -> bool:
    """Tells whether a value is a number, and one that a float can hold: JSON has longer ones."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def is_deeper(value: Any, limit: int) -> bool:
    """Tells whether lists and objects are nested more than ``limit`` times."""
    if not isinstance(value, list | dict):
        return False
    if limit == 0:
        return True
    items = value.values() if isinstance(value, dict) else value
    return any(is_deeper(item, limit - 1) for item in items)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number
