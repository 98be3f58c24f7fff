"""Shows configured values without the secrets that may be in them."""

import json
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
_LONGEST = 300
_SECRET_NAME = re.compile(r"headers|cookies|auth|token(?!s)|secret|passw|key", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=//)[^/@\s]*@")
_FIRST_SECRET_ARGUMENT, _RETRY_PARAMS = 2, 4
"""Positions among the workflow's arguments: headers, cookies, and what has no secrets again."""


def shown(value: Any) -> str:
    """Returns a value as JSON text, header values, cookies, tokens and the like masked.

    Text that was meant to be JSON, but is not, is shown up to its first object: what comes
    after may be anything.
    """
    if isinstance(value, str):
        return _without_user_info(value.partition("{")[0] + ("{…" if "{" in value else ""))
    return json.dumps(_masked(value), ensure_ascii=False)[:_LONGEST]


def _masked(value: Any) -> Any:
    match value:
        case str():
            return _without_user_info(value)
        case list():
            return [_masked_argument(index, item) for index, item in enumerate(value)]
        case Mapping():
            return {
                name: _all_masked(item) if _SECRET_NAME.search(name) else _masked(item)
                for name, item in value.items()
            }
        case _:
            return value


def _masked_argument(index: int, value: Any) -> Any:
    # An object is headers or cookies wherever it stands: the place may be the mistake.
    if index < _FIRST_SECRET_ARGUMENT and not isinstance(value, Mapping):
        return _masked(value)
    return _all_masked(value, shows_numbers=index == _RETRY_PARAMS)


def _all_masked(value: Any, *, shows_numbers: bool = False) -> Any:
    match value:
        case list():
            return [_all_masked(item, shows_numbers=shows_numbers) for item in value]
        case Mapping():
            return {
                name: _all_masked(item, shows_numbers=shows_numbers) for name, item in value.items()
            }
        case None | bool():
            return value
        case int() | float() if shows_numbers:
            return value
        case _:
            return MASK


def _without_user_info(text: str) -> str:
    return _USER_INFO.sub(f"{MASK}@", text)[:_LONGEST]
