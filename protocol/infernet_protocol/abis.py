"""ABIs of the contracts, generated from forge's output by ``make abis``."""

import json
from functools import cache
from importlib.resources import files
from typing import Any, cast


@cache
def abi(name: str) -> list[dict[str, Any]]:
    """Returns the ABI of a contract of this project.

    Args:
        name: contract name, e.g. ``"EIP712Coordinator"``.

    Raises:
        LookupError: if no such ABI is shipped.
    """
    source = files("infernet_protocol") / "abi" / f"{name}.json"
    if not source.is_file():
        raise LookupError(f"no ABI named {name!r} is shipped with infernet_protocol")
    return cast(list[dict[str, Any]], json.loads(source.read_text()))
