"""Contracts as forge built them: ABI and bytecode."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from scripts.errors import ScriptError

ROOT = Path(__file__).parent.parent
OUT = ROOT / "out"
"""The default build: quick, for development and tests."""
RELEASE = ROOT / ".build" / "release" / "out"
"""The build of forge's `release` profile: what is deployed and whose gas is measured."""

BUILDS = {"default": OUT, "release": RELEASE}
"""Folders by the name of the build."""

SHIPPED = (
    "EIP712Coordinator",
    "Fee",
    "Inbox",
    "Reader",
    "Registry",
    "Wallet",
    "WalletFactory",
    "ChatConsumer",
    "DelegatedChat",
    "ScheduledChat",
)
"""Contracts that Python, and ape, know by name."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    """Creation code in hex, with ``0x``."""

    @property
    def abi_hash(self) -> str:
        """keccak256 of the ABI as compact JSON, with ``0x``."""
        text = json.dumps(self.abi, separators=(",", ":"), sort_keys=True)
        return "0x" + keccak(text=text).hex()


def load(name: str, source: str | None = None, out: Path = OUT) -> Artifact:
    """Reads a contract's artifact.

    Args:
        name: contract name, e.g. ``"EIP712Coordinator"``.
        source: file that declares it, where that is not ``<name>.sol``.
        out: folder of the build, :data:`OUT` or :data:`RELEASE`.

    Raises:
        ScriptError: if it has not been built.
    """
    path = out / (source or f"{name}.sol") / f"{name}.json"
    try:
        artifact = json.loads(path.read_text())
        return Artifact(name, artifact["abi"], artifact["bytecode"]["object"])
    except FileNotFoundError:
        raise ScriptError(
            f"the contract {name} is not built ({path} is missing): run "
            f"`make {'release' if out == RELEASE else 'contracts'}`"
        ) from None
    except (KeyError, ValueError):
        raise ScriptError(f"{path} is no whole build: run `forge build --force`") from None


def build_release() -> None:
    """Brings :data:`RELEASE` up to date, which is a matter of a second where nothing changed.

    Raises:
        ScriptError: if forge is not there, or refuses the sources.
    """
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    forge = shutil.which("forge", path=search)
    if forge is None:
        raise ScriptError("forge is needed for the release build: run `make setup`")
    done = subprocess.run(
        [forge, "build", "--quiet", "contracts"],
        cwd=ROOT,
        # The compiler of foundry.toml is a script for node.
        env={**os.environ, "FOUNDRY_PROFILE": "release", "PATH": search},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ScriptError(f"forge could not build the contracts: {done.stdout.strip()[-2000:]}")


def version() -> str:
    """Returns the version of this project, as deployments record it."""
    return package_version("infernet-tgi")
