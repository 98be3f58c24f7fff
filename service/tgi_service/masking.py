"""Shows configured values without the secrets that may be in them."""

import json
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
_LONGEST = 300
_SECRET_NAME = re.compile(r"headers|cookies|auth|token|secret|passw|key", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=//)[^/@\s]*@")
_FIRST_SECRET_ARGUMENT = 2
"""Of the positional arguments of the workflow, headers and cookies come third and fourth."""


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
            return [
                _masked(item) if index < _FIRST_SECRET_ARGUMENT else _all_masked(item)
                for index, item in enumerate(value)
            ]
        case Mapping():
            return {
                name: _all_masked(item) if _SECRET_NAME.search(name) else _masked(item)
                for name, item in value.items()
            }
        case _:
            return value


def _all_masked(value: Any) -> Any:
    match value:
        case str():
            return MASK
        case list():
            return [_all_masked(item) for item in value]
        case Mapping():
            return {name: _all_masked(item) for name, item in value.items()}
        case _:
            return value


def _without_user_info(text: str) -> str:
    return _USER_INFO.sub(f"{MASK}@", text)[:_LONGEST]
