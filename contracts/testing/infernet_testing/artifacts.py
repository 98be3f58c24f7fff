"""Compiled contracts: the core, which this package brings along, and what compilers write."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from infernet_protocol.abis import abi
from infernet_protocol.registry import GETTERS

CORE = ("Registry", *GETTERS)
"""Contracts whose code is in this package, written there by ``make abis``."""


class ArtifactError(ValueError):
    """A file is no artifact of a compiled contract that can be deployed."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: Sequence[dict[str, Any]]
    code: str
    """Creation code in hex, with ``0x``."""


def core(name: str) -> Artifact:
    """Returns a contract of :data:`CORE`."""
    code = (files("infernet_testing") / "code" / f"{name}.hex").read_text().strip()
    return Artifact(name, abi(name), code)


def load(path: Path | str) -> Artifact:
    """Reads what forge, Hardhat, ape or solc's standard JSON made of a contract.

    Raises:
        ArtifactError: if the file is missing or is no such artifact, the contract is abstract, or
            its libraries are not linked.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text())
        found = content["abi"]
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing: compile the contract first") from None
    except (KeyError, TypeError, ValueError):
        raise ArtifactError(f"{path} is no JSON artifact of a contract: it has no abi") from None
    return Artifact(path.stem, found, _code(content, path))


def _code(content: dict[str, Any], path: Path) -> str:
    # ape: deploymentBytecode.bytecode; forge: bytecode.object; Hardhat: bytecode;
    # solc: evm.bytecode.object.
    code: Any = content.get("deploymentBytecode") or content.get("bytecode")
    code = code or content.get("evm", {}).get("bytecode")
    if isinstance(code, dict):
        code = code.get("bytecode") or code.get("object")
    digits = str(code or "").removeprefix("0x")
    if not digits:
        raise ArtifactError(
            f"{path} has no creation code: is the contract abstract or an interface?"
        )
    if "__" in digits:
        raise ArtifactError(f"{path} has libraries that are not linked: link or inline them")
    return "0x" + digits
