"""What is asked of an Ethereum JSON-RPC endpoint."""

from dataclasses import dataclass
from typing import Any

MAX_BATCH = 100
"""Requests in one HTTP body; common providers refuse more."""


@dataclass(frozen=True, slots=True)
class Request:
    """One JSON-RPC request, e.g. ``Request("eth_chainId")``."""

    method: str
    params: tuple[Any, ...] = ()
