"""Puts this project's contracts on an Anvil, as forge built them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from infernet_protocol.registry import planned_addresses
from test.support.anvil import Anvil

OUT = Path(__file__).parent.parent.parent / "out"


def bytecode(name: str, source: str | None = None) -> str:
    """Creation code in hex with ``0x``.

    Args:
        source: the file that declares it, where that is not ``<name>.sol``.
    """
    artifact = json.loads((OUT / (source or f"{name}.sol") / f"{name}.json").read_text())
    return str(artifact["bytecode"]["object"])


def create(
    anvil: Anvil,
    deployer: str,
    name: str,
    types: Sequence[str] = (),
    arguments: Sequence[Any] = (),
    source: str | None = None,
) -> str:
    """Creates one contract from an account of Anvil's and returns its address."""
    code = bytecode(name, source) + encode(types, arguments).hex()
    hash_ = anvil.rpc("eth_sendTransaction", {"from": deployer, "data": code, "gas": hex(2**24)})
    anvil.mine()
    receipt = anvil.rpc("eth_getTransactionReceipt", hash_)
    assert receipt["status"] == "0x1", f"creating {name} failed"
    return to_checksum_address(receipt["contractAddress"])


def create_core(anvil: Anvil, deployer: str, fee: int = 0) -> dict[str, str]:
    """Creates Registry, Coordinator and the rest; returns addresses by name.

    Args:
        fee: of the protocol, in hundredths of a percent.
    """
    nonce = int(anvil.rpc("eth_getTransactionCount", deployer, "latest"), 16)
    expected = planned_addresses(deployer, nonce)
    registry = create(anvil, deployer, "Registry", ["address"] * 5, list(expected.values()))
    addresses = {"Registry": registry}
    for name in expected:
        if name == "Fee":
            created = create(anvil, deployer, name, ["address", "uint16"], [deployer, fee])
        else:
            created = create(anvil, deployer, name, ["address"], [registry])
        addresses[name] = created
    assert addresses == {"Registry": registry, **expected}
    return addresses
