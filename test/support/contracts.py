"""Puts this project's contracts on an Anvil, as forge built them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rlp
from eth_abi.abi import encode
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from test.support.anvil import Anvil

OUT = Path(__file__).parent.parent.parent / "out"
CORE = ("EIP712Coordinator", "Inbox", "Reader", "Fee", "WalletFactory")
"""In order of deployment after the Registry, which is told their addresses."""


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
    expected = [_create_address(deployer, nonce + offset) for offset in range(1, 6)]
    registry = create(anvil, deployer, "Registry", ["address"] * 5, expected)
    addresses = {"Registry": registry}
    for name in CORE:
        if name == "Fee":
            created = create(anvil, deployer, name, ["address", "uint16"], [deployer, fee])
        else:
            created = create(anvil, deployer, name, ["address"], [registry])
        addresses[name] = created
    assert list(addresses.values())[1:] == expected
    return addresses


def _create_address(deployer: str, nonce: int) -> str:
    encoded: bytes = rlp.encode([to_canonical_address(deployer), nonce])
    return to_checksum_address(keccak(encoded)[-20:])
