"""Proxies are for the world outside: what runs on this machine is asked directly."""

import os
from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def without_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns ``NO_PROXY`` and ``no_proxy`` as they are there, with the loopback names added.

    Where only one of the two is set, both get its names: programs differ in which they read.
    """
    upper, lower = environment.get("NO_PROXY", ""), environment.get("no_proxy", "")
    return {"NO_PROXY": _extended(upper or lower), "no_proxy": _extended(lower or upper)}


def ask_loopback_directly() -> None:
    """Keeps this process, and those it starts, from asking a proxy for this machine."""
    os.environ.update(without_loopback(os.environ))


def _extended(names: str) -> str:
    if names.strip() == "*":  # no proxy at all; in a list the asterisk would mean nothing
        return names
    listed = [name for name in (part.strip() for part in names.split(",")) if name]
    return ",".join([*listed, *(name for name in LOOPBACK if name not in listed)])
