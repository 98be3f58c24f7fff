"""The two ways to deploy, one by Python and one by forge, each on a chain of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3

from scripts import artifacts
from scripts.artifacts import RELEASE, ROOT
from test.support.anvil import KEYS, Anvil, run_anvil

pytestmark = pytest.mark.e2e

CHAIN_ID = 987_654_321
"""Of no chain that anyone has a deployment of: forge may write into ``deployments`` only."""
BUILD_SECONDS = 600
RECORDED_BY_FORGE = ROOT / "deployments" / f"{CHAIN_ID}.json"
CORE = ["EIP712Coordinator", "Fee", "Inbox", "Reader", "Registry", "WalletFactory"]


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with run_anvil(["--chain-id", str(CHAIN_ID)]) as anvil:
        yield anvil


@pytest.fixture
def recorded_by_forge() -> Iterator[Path]:
    RECORDED_BY_FORGE.unlink(missing_ok=True)
    yield RECORDED_BY_FORGE
    RECORDED_BY_FORGE.unlink(missing_ok=True)


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    output: str
    """Both streams."""


def run(*command: str | Path, **env: str) -> Done:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PRIVATE_KEY": KEYS[2], **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=BUILD_SECONDS,
    )
    return Done(done.returncode, done.stdout)


def by_python(anvil: Anvil, folder: Path, *options: str) -> dict[str, Any]:
    """Deploys with ``scripts/deploy.py``; returns what it recorded."""
    command = (sys.executable, ROOT / "scripts" / "deploy.py", "--rpc-url", anvil.url)
    chain = ("--chain-id", str(CHAIN_ID), "--deployments", folder)
    done = run(*command, *chain, "--core-only", "--fee", "500", *options)
    assert done.returncode == 0, done.output
    recorded: dict[str, Any] = json.loads((folder / f"{CHAIN_ID}.json").read_text())
    return recorded


def by_forge(anvil: Anvil, *options: str) -> Done:
    """Deploys with ``scripts/Deploy.sol`` and the quick build."""
    script = ("forge", "script", "scripts/Deploy.sol:Deploy", "--rpc-url", anvil.url)
    return run(*script, *options)


def test_forge_records_what_python_records(
    anvil: Anvil, recorded_by_forge: Path, tmp_path: Path
) -> None:
    with anvil.undone():
        ours = by_python(anvil, tmp_path, "--build", "default")
    done = by_forge(anvil, "--broadcast")
    assert done.returncode == 0, done.output
    theirs = json.loads(recorded_by_forge.read_text())

    assert sorted(theirs) == sorted(ours) == CORE
    web3 = Web3(Web3.HTTPProvider(anvil.url))
    for name, entry in theirs.items():
        # Neither a transaction nor its block is known before it is sent.
        assert entry.keys() == ours[name].keys() - {"txHash"}
        for key in ("address", "abiHash", "version"):
            assert entry[key] == ours[name][key], (name, key)
        address = Web3.to_checksum_address(entry["address"])
        assert web3.eth.get_code(address)
        assert not web3.eth.get_code(address, entry["block"])

    verified = run(
        *(sys.executable, ROOT / "scripts" / "deploy.py", "--verify-only"),
        *("--rpc-url", anvil.url, "--deployments", recorded_by_forge.parent),
    )
    assert "6 contracts in place, fee 5.00 %" in verified.output


def test_forge_forgets_no_deployment(anvil: Anvil, recorded_by_forge: Path) -> None:
    assert by_forge(anvil).returncode == 0
    assert not recorded_by_forge.exists(), "a rehearsal records nothing"

    assert by_forge(anvil, "--broadcast").returncode == 0
    first = recorded_by_forge.read_text()
    again = by_forge(anvil, "--broadcast")
    assert again.returncode != 0
    assert "AlreadyDeployed" in again.output
    assert recorded_by_forge.read_text() == first


@pytest.mark.timeout(BUILD_SECONDS)
def test_the_release_is_what_is_deployed(anvil: Anvil, tmp_path: Path) -> None:
    recorded = by_python(anvil, tmp_path)
    created = anvil.rpc("eth_getTransactionByHash", recorded["EIP712Coordinator"]["txHash"])
    release = artifacts.load("EIP712Coordinator", out=RELEASE).bytecode
    assert created["input"].startswith(release)
    assert release != artifacts.load("EIP712Coordinator").bytecode
